//! URBs after the import, seen by a peer as strict as the kernel (HD-97).

use std::time::Duration;

use crate::peer::*;
use proptest::prelude::*;
use tokio::time::Instant;
use usbip_server::{Server, limits};

#[test]
fn reports_come_back_through_waiting_urbs() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let first = vhci.submit_in(64);
        assert_eq!(vhci.settle().await, [], "an IN waits, silently");
        let out = vhci.submit_out(&[7; 64]);
        let replies = vhci.settle().await;
        assert_eq!(status_of(&replies, out), 0);
        assert_eq!(data_of(&replies, first), [7; 64]);
    });
}

#[test]
fn waiting_urbs_never_block_anything_else() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let parked: Vec<u32> = (0..limits::MAX_PARKED).map(|_| vhci.submit_in(64)).collect();
        assert_eq!(vhci.settle().await, []);
        let control = vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
        let unlink = vhci.submit_unlink(parked[3]);
        let unknown = vhci.submit_unlink(9999);
        let replies = vhci.settle().await;
        assert_eq!(data_of(&replies, control).len(), 18);
        assert_eq!(status_of(&replies, unlink), UNLINKED);
        assert_eq!(status_of(&replies, unknown), 0);
        let out = vhci.submit_out(&[3; 64]);
        let replies = vhci.settle().await;
        assert_eq!((status_of(&replies, out), data_of(&replies, parked[0])), (0, &[3; 64][..]));
        assert!(echo.borrow().reports.is_empty());
    });
}

#[test]
fn the_function_hears_how_many_reads_wait_whenever_it_is_asked_for_a_report() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let [_, taken_back, _] = [vhci.submit_in(64), vhci.submit_in(64), vhci.submit_in(64)];
        vhci.submit_unlink(taken_back);
        vhci.settle().await;
        echo.borrow_mut().reads.clear();
        vhci.submit_out(&[1; 64]);
        vhci.settle().await;
        vhci.submit_out(&[2; 64]);
        vhci.settle().await;
        let mut reads = echo.borrow().reads.clone();
        reads.dedup();
        assert_eq!(reads, [2, 1], "and it is not asked while none waits");
    });
}

#[test]
fn the_65th_waiting_urb_is_refused_and_the_64th_is_not() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        for _ in 0..limits::MAX_PARKED {
            vhci.submit_in(64);
        }
        assert_eq!(vhci.settle().await, []);
        let one_more = vhci.submit_in(64);
        assert_eq!(status_of(&vhci.settle().await, one_more), NO_MEMORY);
        let out = vhci.submit_out(&[1; 64]);
        assert_eq!(status_of(&vhci.settle().await, out), 0);
        vhci.submit_in(64);
        assert_eq!(vhci.settle().await, [], "there is room again");
    });
}

#[test]
fn an_out_of_65_bytes_is_two_reports_and_unplugs_nothing() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let bytes: Vec<u8> = (1..=65).collect();
        let inputs = [vhci.submit_in(64), vhci.submit_in(64)];
        let out = vhci.submit_out(&bytes);
        let replies = vhci.settle().await;
        assert!(matches!(
            reply_to(&replies, out),
            Reply::Submit { status: 0, actual_length: 65, .. }
        ));
        assert_eq!(data_of(&replies, inputs[0]), &bytes[..64]);
        assert_eq!(data_of(&replies, inputs[1])[..2], [65, 0]);
        let nothing = vhci.submit_out(&[]);
        vhci.submit_in(64);
        let replies = vhci.settle().await;
        assert_eq!((status_of(&replies, nothing), replies.len()), (0, 1), "no report in no bytes");
    });
}

#[test]
fn an_answer_is_no_longer_than_the_buffer_nor_than_w_length() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let small_buffer = vhci.submit(0, true, 8, setup(0x80, 6, 0x0100, 0, 18), &[]);
        let small_length = vhci.submit(0, true, 18, setup(0x80, 6, 0x0100, 0, 9), &[]);
        let replies = vhci.settle().await;
        assert_eq!(data_of(&replies, small_buffer).len(), 8);
        assert_eq!(data_of(&replies, small_length).len(), 9);
    });
}

#[test]
fn a_halted_endpoint_stalls_until_the_halt_is_cleared() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let waiting = vhci.submit_in(64);
        vhci.settle().await;
        vhci.submit_control(setup(0x02, 3, 0, 0x81, 0), &[]);
        vhci.submit_control(setup(0x02, 3, 0, 0x01, 0), &[]);
        let (input, output) = (vhci.submit_in(64), vhci.submit_out(&[1; 64]));
        let replies = vhci.settle().await;
        for stalled in [waiting, input, output] {
            assert_eq!(status_of(&replies, stalled), STALL);
        }
        vhci.submit_control(setup(0x02, 1, 0, 0x81, 0), &[]);
        vhci.submit_control(setup(0x02, 1, 0, 0x01, 0), &[]);
        let (input, output) = (vhci.submit_in(64), vhci.submit_out(&[2; 64]));
        let replies = vhci.settle().await;
        assert_eq!((status_of(&replies, input), status_of(&replies, output)), (0, 0));
    });
}

// HD-96
#[test]
fn a_report_goes_to_whom_waits_for_it_and_not_to_whom_asks_on_endpoint_0() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        vhci.submit_out(&[9; 64]);
        let get = vhci.submit_control(setup(0xA1, 1, 0x0100, 0, 64), &[]);
        assert_eq!(data_of(&vhci.settle().await, get), [0; 64]);
        let input = vhci.submit_in(64);
        assert_eq!(data_of(&vhci.settle().await, input), [9; 64]);
    });
}

#[test]
fn a_report_set_on_endpoint_0_reaches_the_function() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let set = vhci.submit_control(setup(0x21, 9, 0x0200, 0, 64), &[5; 64]);
        let replies = vhci.settle().await;
        assert!(matches!(
            reply_to(&replies, set),
            Reply::Submit { status: 0, actual_length: 64, .. }
        ));
        assert_eq!(echo.borrow_mut().reports.pop_front(), Some([5; 64]));
    });
}

#[test]
fn what_linux_sends_to_a_hid_device_is_answered() {
    // HD-96
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let answered: [([u8; 8], usize); 11] = [
            (setup(0x80, 6, 0x0100, 0, 64), 18),
            (setup(0x80, 6, 0x0100, 0, 8), 8),
            (setup(0x80, 6, 0x0200, 0, 9), 9),
            (setup(0x80, 6, 0x0200, 0, 41), 41),
            (setup(0x80, 6, 0x0300, 0, 255), 4),
            (setup(0x80, 6, 0x0301, 0x0409, 255), 12),
            (setup(0x80, 6, 0x0303, 0x0409, 255), 6),
            (setup(0x00, 9, 1, 0, 0), 0),
            (setup(0x21, 10, 0, 0, 0), 0),
            (setup(0x81, 6, 0x2200, 0, 34), 34),
            (setup(0x81, 6, 0x2100, 0, 9), 9),
        ];
        let numbers = answered.map(|(setup, _)| vhci.submit_control(setup, &[]));
        let stalled =
            [0x0600, 0x0700, 0x0F00, 0x0304, 0x0305].map(|value| setup(0x80, 6, value, 0, 10));
        let stalled = stalled.map(|setup| vhci.submit_control(setup, &[]));
        let replies = vhci.settle().await;
        for ((setup, length), seqnum) in answered.into_iter().zip(numbers) {
            let reply = reply_to(&replies, seqnum);
            let Reply::Submit { status, actual_length, .. } = reply else { panic!("{reply:?}") };
            assert_eq!((*status, *actual_length), (0, length), "{setup:x?}");
        }
        for seqnum in stalled {
            assert_eq!(status_of(&replies, seqnum), STALL);
        }
    });
}

#[test]
fn a_waiting_import_is_not_polled() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        vhci.submit_in(64);
        vhci.settle().await;
        let polls = echo.borrow().polls;
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        assert_eq!(echo.borrow().polls, polls, "a day without a single wake-up");
    });
}

#[test]
fn a_deadline_of_the_function_is_kept_to_the_millisecond() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let input = vhci.submit_in(64);
        vhci.settle().await;
        let alarm = Instant::now() + Duration::from_secs(30);
        echo.borrow_mut().alarm = Some(alarm);
        port.wake();
        vhci.echoed.push_back([1; 64]);
        let mut byte = [0; 1];
        tokio::io::AsyncReadExt::read_exact(&mut vhci.stream, &mut byte).await.expect("a reply");
        assert!(Instant::now() >= alarm && Instant::now() <= alarm + Duration::from_millis(2));
        assert!(vhci.pending.contains_key(&input));
    });
}

#[test]
fn a_wake_delivers_what_the_function_has_to_say() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        let input = vhci.submit_in(64);
        vhci.settle().await;
        echo.borrow_mut().reports.push_back([9; 64]);
        vhci.echoed.push_back([9; 64]);
        assert_eq!(vhci.settle().await, []);
        port.wake();
        assert_eq!(data_of(&vhci.settle().await, input), [9; 64]);
    });
}

#[test]
fn while_the_function_works_replies_wait_for_its_answer_and_go_with_it() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        echo.borrow_mut().works = true;
        let (input, out) = (vhci.submit_in(64), vhci.submit_out(&[7; 64]));
        assert_eq!(vhci.settle().await, [], "not yet");
        echo.borrow_mut().works = false;
        port.waker().wake();
        let replies = vhci.settle().await;
        assert_eq!((status_of(&replies, out), data_of(&replies, input)), (0, &[7; 64][..]));
    });
}

#[test]
fn a_function_that_works_long_holds_replies_up_for_two_milliseconds_and_no_longer() {
    // HOLD
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        echo.borrow_mut().works = true;
        for _ in 0..2 {
            let begun = Instant::now();
            let out = vhci.submit_out(&[7; 64]);
            let mut replies = Vec::new();
            while replies.is_empty() {
                replies = vhci.settle().await;
            }
            assert_eq!(status_of(&replies, out), 0);
            // The last of them is the silence after the reply.
            let taken = begun.elapsed() - Duration::from_millis(1);
            assert!(taken >= limits::HOLD && taken <= 2 * limits::HOLD, "{taken:?}");
        }
    });
}

#[derive(Clone, Debug)]
enum Step {
    In(usize),
    Out(usize),
    Unlink(usize),
    Control([u8; 8]),
    Settle,
    Wake,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = prop_oneof![
        Just(setup(0x80, 6, 0x0200, 0, 255)),
        Just(setup(0x81, 6, 0x2200, 0, 20)),
        Just(setup(0x02, 3, 0, 0x81, 0)),
        Just(setup(0x02, 1, 0, 0x81, 0)),
        Just(setup(0x02, 3, 0, 0x01, 0)),
        Just(setup(0x02, 1, 0, 0x01, 0)),
        Just(setup(0x00, 9, 0, 0, 0)),
        Just(setup(0x00, 9, 1, 0, 0)),
        any::<[u8; 8]>().prop_map(|mut setup| {
            setup[7] &= 0x07;
            setup
        }),
    ];
    let step = prop_oneof![
        6 => prop_oneof![8 => Just(64), 1 => 0..64usize, 1 => 65..4097usize].prop_map(Step::In),
        6 => prop_oneof![8 => Just(64), 1 => 0..64usize, 1 => 65..300usize].prop_map(Step::Out),
        4 => (0..80usize).prop_map(Step::Unlink),
        1 => request.prop_map(Step::Control),
        2 => Just(Step::Settle),
        1 => Just(Step::Wake),
    ];
    proptest::collection::vec(step, 0..300)
}

/// A control OUT carries as many bytes as its setup packet announces: a host controller sees to
/// that.
fn control(vhci: &mut Vhci, setup: [u8; 8]) {
    let length = u16::from_le_bytes([setup[6], setup[7]]).into();
    let data = if setup[0] & 0x80 == 0 { vec![4; length] } else { Vec::new() };
    // A report set through endpoint 0 is echoed as well.
    if setup[..6] == [0x21, 9, 0, 2, 0, 0] && length <= 64 {
        return;
    }
    vhci.submit_control(setup, &data);
}

proptest! {
    // HD-97
    #[test]
    fn a_strict_host_controller_has_nothing_to_complain_about(
        steps in steps(),
        capacity in prop_oneof![1..100usize, Just(1 << 16)],
    ) {
        simulate(async {
            let server = Server::new();
            let (port, _) = plug(&server, "1-1");
            let (mut vhci, _served) = attach_through(&server, &port, capacity).await;
            let mut count = 0u8;
            for step in steps {
                match step {
                    Step::In(length) => _ = vhci.submit_in(length),
                    Step::Out(length) => {
                        count = count.wrapping_add(1);
                        vhci.submit_out(&vec![count; length]);
                    }
                    Step::Unlink(back) => {
                        let newest = vhci.pending.last_key_value().map_or(0, |(seqnum, _)| *seqnum);
                        vhci.submit_unlink(newest.saturating_sub(back as u32));
                    }
                    Step::Control(setup) => control(&mut vhci, setup),
                    Step::Settle => _ = vhci.settle().await,
                    Step::Wake => port.wake(),
                }
            }
            vhci.settle().await;
            let left: Vec<u32> = vhci.pending.keys().copied().collect();
            for seqnum in left {
                vhci.submit_unlink(seqnum);
            }
            vhci.settle().await;
            assert!(vhci.is_settled(), "every URB was completed or unlinked");
        });
    }
}
