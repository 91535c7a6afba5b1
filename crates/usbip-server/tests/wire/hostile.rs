//! Peers that mean harm, or are broken: they hurt nobody but themselves (P-25, P-28).

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use usbip_server::{ConnectionError, Server, WireError, limits};

use crate::peer::*;

/// A SUBMIT of `length` bytes, with fields `at` byte offsets overwritten.
fn urb(devid: u32, length: u32, changes: &[(usize, u32)]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [1, 5, devid, 0, 1, 0, length, 0, 0, 0, 0, 0]
        .iter()
        .flat_map(|f: &u32| f.to_be_bytes())
        .collect();
    for (at, value) in changes {
        bytes[*at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes
}

/// What becomes of a connection that sends `bytes` after an import.
async fn fate(server: &Server, bytes: &[u8]) -> Result<(), ConnectionError> {
    let (mut stream, served) = connect(server, 1 << 20);
    assert_eq!(import(&mut stream, "1-1").await.expect("a reply"), 0, "importable at once");
    stream.write_all(bytes).await.expect("open");
    let started = Instant::now();
    let fate = served.await.expect("no panic");
    assert!(started.elapsed() < Duration::from_millis(5), "judged at once");
    fate
}

#[test]
fn each_forbidden_urb_ends_its_connection_and_nothing_else() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let devid = port.devid();
        let cases = [
            (urb(devid, 0xD000_0000, &[]), WireError::TransferLength(0xD000_0000)),
            (urb(devid, 8193, &[]), WireError::TransferLength(8193)),
            (
                urb(devid, 0, &[(24, u32::MAX), (12, 1), (16, 0)]),
                WireError::TransferLength(u32::MAX),
            ),
            (urb(devid, 64, &[(12, 7)]), WireError::Direction(7)),
            (urb(devid, 64, &[(16, 0xFFFF_FF01)]), WireError::Endpoint(0xFFFF_FF01)),
            (urb(devid, 64, &[(16, 2)]), WireError::Endpoint(2)),
            (urb(devid, 64, &[(8, devid + 1)]), WireError::Device(devid + 1)),
            (urb(devid, 64, &[(0, 3)]), WireError::Command(3)),
            (urb(devid, 64, &[(0, 0x0111_0001)]), WireError::Command(0x0111_0001)),
            ([op_import("1-1"), vec![0; 8]].concat(), WireError::Command(0x0111_8003)),
            (urb(devid, 64, &[(12, 1)]).repeat(2), WireError::DuplicateSeqnum(5)),
        ];
        let count = cases.len();
        for (bytes, expected) in cases {
            match fate(&server, &bytes).await {
                Err(ConnectionError::Wire(error)) => assert_eq!(error, expected),
                other => panic!("{other:?} instead of {expected:?}"),
            }
            assert!(!port.is_attached());
        }
        assert_eq!((echo.borrow().attached, echo.borrow().detached), (count, count));
    });
}

#[test]
fn isochronous_packet_counts_mean_nothing() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        for packets in [1u32, 0xFFFF_FFFE, 0xFFFF_FFFF] {
            let control = vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
            vhci.outgoing[32..36].copy_from_slice(&packets.to_be_bytes());
            assert_eq!(data_of(&vhci.settle().await, control).len(), 18);
        }
    });
}

#[test]
fn urbs_before_an_import_end_the_connection() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let cases = [
            (urb(port.devid(), 0, &[]), WireError::Version(0)),
            (vec![1, 0x11, 0, 1, 0, 0, 0, 0], WireError::Request(1)),
            (vec![1, 0x10, 0x80, 5, 0, 0, 0, 0], WireError::Version(0x0110)),
            (vec![1, 0x11, 0x80, 5, 0, 0, 0, 1], WireError::RequestStatus(1)),
        ];
        for (bytes, expected) in cases {
            let (mut stream, served) = connect(&server, 1 << 16);
            stream.write_all(&bytes).await.expect("open");
            match served.await.expect("no panic") {
                Err(ConnectionError::Wire(error)) => assert_eq!(error, expected),
                other => panic!("{other:?} instead of {expected:?}"),
            }
        }
        attach(&server, &port).await;
    });
}

#[test]
fn the_largest_out_is_taken_and_one_byte_more_is_not() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, served) = attach(&server, &port).await;
        let out = vhci.submit_out(&vec![1; 8192]);
        assert!(matches!(
            reply_to(&vhci.settle().await, out),
            Reply::Submit { status: 0, actual_length: 8192, .. }
        ));
        drop(vhci);
        served.await.expect("no panic").expect("an orderly end");
        let over = [urb(port.devid(), 8193, &[]), vec![1; 8193]].concat();
        assert!(matches!(fate(&server, &over).await, Err(ConnectionError::Wire(_))));
    });
}

#[test]
fn an_import_has_five_seconds_however_the_bytes_trickle() {
    simulate(async {
        let server = Server::new();
        let (_port, _) = plug(&server, "1-1");
        let (mut stream, served) = connect(&server, 1 << 16);
        let began = Instant::now();
        for byte in op_import("1-1") {
            if served.is_finished() {
                break;
            }
            stream.write_all(&[byte]).await.expect("open");
            sleep(Duration::from_millis(200)).await;
        }
        assert!(began.elapsed() < limits::OP_DEADLINE + Duration::from_secs(1));
        assert!(matches!(served.await.expect("no panic"), Err(ConnectionError::NoImport)));
        assert!(began.elapsed() >= limits::OP_DEADLINE);
        let (mut stream, served) = connect(&server, 1 << 16);
        sleep(limits::OP_DEADLINE - Duration::from_millis(1)).await;
        assert_eq!(import(&mut stream, "1-1").await.expect("in time"), 0);
        sleep(Duration::from_secs(3600)).await;
        assert!(!served.is_finished(), "after the import there is all the time in the world");
    });
}

#[test]
fn half_an_urb_has_five_seconds_however_the_bytes_trickle() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, served) = attach(&server, &port).await;
        vhci.submit_out(&[1; 64]);
        let bytes = std::mem::take(&mut vhci.outgoing);
        let began = Instant::now();
        for byte in bytes {
            if served.is_finished() {
                break;
            }
            vhci.stream.write_all(&[byte]).await.expect("open");
            sleep(Duration::from_millis(200)).await;
        }
        assert!(began.elapsed() < limits::URB_DEADLINE + Duration::from_secs(1));
        assert!(matches!(served.await.expect("no panic"), Err(ConnectionError::HalfAnUrb)));
        assert!(began.elapsed() >= limits::URB_DEADLINE);

        let (mut vhci, served) = attach(&server, &port).await;
        for _ in 0..20 {
            vhci.submit_out(&[1; 64]);
            let bytes = std::mem::take(&mut vhci.outgoing);
            vhci.stream.write_all(&bytes[..100]).await.expect("open");
            sleep(limits::URB_DEADLINE - Duration::from_millis(10)).await;
            vhci.stream.write_all(&bytes[100..]).await.expect("open");
        }
        vhci.settle().await;
        assert!(!served.is_finished(), "each URB has its own five seconds");
    });
}

#[test]
fn a_peer_that_reads_nothing_is_dropped_after_ten_seconds_with_bounded_memory() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, served) = attach_through(&server, &port, 512).await;
        let began = Instant::now();
        let waking = port.clone();
        let wakes = tokio::task::spawn_local(async move {
            loop {
                sleep(Duration::from_millis(300)).await;
                waking.wake();
            }
        });
        let mut sent = 0;
        let asking = async {
            loop {
                vhci.submit_control(setup(0x80, 6, 0x0200, 0, 41), &[]);
                let bytes = std::mem::take(&mut vhci.outgoing);
                if vhci.stream.write_all(&bytes).await.is_err() {
                    break sent;
                }
                sent += bytes.len();
            }
        };
        let sent = asking.await;
        wakes.abort();
        assert!(matches!(served.await.expect("no panic"), Err(ConnectionError::Stalled)));
        assert!(began.elapsed() >= limits::WRITE_STALL);
        assert!(began.elapsed() < limits::WRITE_STALL + Duration::from_secs(1));
        // Each 48-byte question has an 89-byte answer; the rest waits in the inbox and in the pipe.
        let most = limits::OUTBOX * 48 / 89 + limits::INBOX + 2048;
        assert!(sent > limits::INBOX && sent <= most, "{sent} bytes taken, at most {most}");
        assert_eq!(echo.borrow().detached, 1);
        attach(&server, &port).await;
    });
}

#[test]
fn a_slow_reader_gets_everything_in_the_end() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach_through(&server, &port, 64).await;
        for _ in 0..3000 {
            vhci.submit_control(setup(0x80, 6, 0x0200, 0, 41), &[]);
        }
        let replies = vhci.settle().await;
        assert_eq!(replies.len(), 3000);
    });
}

#[test]
fn blocked_and_flooding_peers_do_not_delay_another() {
    simulate(async {
        let server = Server::new();
        let (blocked_port, _) = plug(&server, "1-1");
        let (flooded_port, _) = plug(&server, "1-2");
        let (port, _) = plug(&server, "1-3");
        let (mut blocked, _s1) = attach_through(&server, &blocked_port, 64).await;
        let (mut flooding, _s2) = attach(&server, &flooded_port).await;
        let (mut vhci, _s3) = attach(&server, &port).await;
        let flood = tokio::task::spawn_local(async move {
            loop {
                for _ in 0..100 {
                    flooding.submit_unlink(1);
                }
                flooding.settle().await;
            }
        });
        let block = tokio::task::spawn_local(async move {
            for _ in 0..1000 {
                blocked.submit_control(setup(0x80, 6, 0x0200, 0, 41), &[]);
            }
            let bytes = std::mem::take(&mut blocked.outgoing);
            drop(blocked.stream.write_all(&bytes).await);
        });
        for round in 0..200u8 {
            let began = Instant::now();
            let input = vhci.submit_in(64);
            vhci.submit_out(&[round; 64]);
            assert_eq!(data_of(&vhci.settle().await, input), [round; 64]);
            assert!(began.elapsed() < Duration::from_millis(5));
        }
        flood.abort();
        block.abort();
    });
}

#[test]
fn a_flood_that_has_arrived_is_not_handled_before_others_had_their_turn() {
    simulate(async {
        let server = Server::new();
        let (flooded_port, flooded) = plug(&server, "1-1");
        let (port, _) = plug(&server, "1-2");
        let (mut flooding, _s1) = attach_through(&server, &flooded_port, 1 << 20).await;
        let (mut vhci, _s2) = attach(&server, &port).await;
        for _ in 0..5000 {
            flooding.submit_out(&[7; 64]);
        }
        flooding.stream.write_all(&flooding.outgoing).await.expect("open");
        for round in 1..=20 {
            vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
            let question = std::mem::take(&mut vhci.outgoing);
            vhci.stream.write_all(&question).await.expect("open");
            vhci.stream.read_exact(&mut [0; 48 + 18]).await.expect("an answer");
            let handled = flooded.borrow().reports.len();
            assert!(handled > 0, "the flood is served, too");
            let most = round * 2 * limits::URBS_AT_A_TIME;
            assert!(handled <= most, "{handled} reports before answer {round}, at most {most}");
        }
    });
}

fn field() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..6, Just(0x0001_0002), Just(64), Just(8192), any::<u32>()]
}

/// Headers that are right more often than not, so that what lies behind the first check is reached.
fn almost_urbs() -> impl Strategy<Value = Vec<u8>> {
    let urb =
        (1u32..3, field(), Just(0x0001_0002u32), 0u32..2, 0u32..2, any::<[u8; 8]>(), 0usize..130)
            .prop_flat_map(|(command, seqnum, devid, direction, ep, setup, length)| {
                (proptest::option::weighted(0.05, (0usize..10, field())), Just(setup)).prop_map(
                    move |(change, setup)| {
                        let mut fields =
                            [command, seqnum, devid, direction, ep, 0, length as u32, 0, 0, 0];
                        if let Some((at, value)) = change {
                            fields[at] = value;
                        }
                        let mut bytes: Vec<u8> =
                            fields.iter().flat_map(|f| f.to_be_bytes()).collect();
                        bytes.extend_from_slice(&setup);
                        if direction == 0 && command == 1 {
                            bytes.resize(48 + length, 0xAA);
                        }
                        bytes
                    },
                )
            });
    proptest::collection::vec(urb, 0..40).prop_map(|urbs| urbs.concat())
}

proptest! {
    #[test]
    fn no_bytes_whatever_cost_the_device(
        bytes in prop_oneof![
            3 => almost_urbs(),
            1 => proptest::collection::vec(any::<u8>(), 0..500),
        ],
        imported in proptest::bool::weighted(0.9),
    ) {
        simulate(async {
            let server = Server::new();
            let (port, echo) = plug(&server, "1-1");
            let (mut stream, served) = connect(&server, 1 << 20);
            if imported {
                import(&mut stream, "1-1").await.expect("a reply");
            }
            stream.write_all(&bytes).await.expect("open");
            stream.shutdown().await.expect("open");
            let mut replies = Vec::new();
            stream.read_to_end(&mut replies).await.expect("an end");
            drop(served.await.expect("no panic"));
            assert!(!port.is_attached());
            assert_eq!(echo.borrow().attached, echo.borrow().detached);
            attach(&server, &port).await;
        });
    }
}
