//! A smart card reader as a host's driver sees it, alone and beside a key (NF-50 to NF-53).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep};
use usbip_server::{Interface, Port, Server, limits};

use crate::card::{ATR, Card};
use crate::peer::*;

/// libccid reads every message into that much room.
const ROOM: usize = 65_556;

/// A reader that is plugged in, as a host has it.
struct Host {
    vhci: Vhci,
    port: Port,
    card: Rc<RefCell<Card>>,
    /// The number of its bulk endpoints.
    bulk: u32,
    seq: u8,
    server: Server,
    served: Served,
}

impl Host {
    async fn of(before: Vec<Interface>) -> Self {
        let bulk = 1 + before.len() as u32;
        let (server, card) = (Server::new(), Rc::new(RefCell::new(Card::default())));
        let interfaces = [before, vec![Interface::Ccid(card.clone())]].concat();
        let port = server.plug(info("1-1"), interfaces).expect("a free bus id");
        let (mut vhci, served) = attach_through(&server, &port, 1 << 20).await;
        vhci.is_reader = true;
        Self { vhci, port, card, bulk, seq: 0, server, served }
    }

    async fn alone() -> Self {
        Self::of(Vec::new()).await
    }

    /// With a card that has power.
    async fn ready() -> Self {
        let mut host = Self::alone().await;
        host.lay_on(Some(1));
        let on = host.ask(0x62, 0, &[]).await;
        assert_eq!((&on[7..10], &on[10..]), (&[0, 0, 0][..], &ATR[..]));
        host
    }

    fn lay_on(&mut self, insertion: Option<u32>) {
        self.card.borrow_mut().insertion = insertion;
        self.card.borrow_mut().command = None;
        self.port.wake();
    }

    fn write(&mut self, kind: u8, level: u8, data: &[u8]) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        let bytes = message(kind, self.seq, level, data);
        self.vhci.submit(self.bulk, false, bytes.len(), [0; 8], &bytes)
    }

    fn read(&mut self, room: usize) -> u32 {
        self.vhci.submit(self.bulk, true, room, [0; 8], &[])
    }

    fn read_notice(&mut self) -> u32 {
        self.vhci.submit(self.bulk + 1, true, 8, [0; 8], &[])
    }

    /// Sends a message and reads one.
    async fn ask(&mut self, kind: u8, level: u8, data: &[u8]) -> Vec<u8> {
        let out = self.write(kind, level, data);
        let input = self.read(ROOM);
        let replies = self.vhci.settle().await;
        assert_eq!((status_of(&replies, out), status_of(&replies, input)), (0, 0));
        data_of(&replies, input).to_vec()
    }
}

fn message(kind: u8, seq: u8, level: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend([0, seq, 0, level, 0]);
    bytes.extend(data);
    bytes
}

#[test]
fn a_reader_is_listed_and_described_as_one() {
    simulate(async {
        let mut host = Host::alone().await;
        let (mut stream, _served) = connect(&host.server, 1 << 16);
        stream.write_all(&OP_DEVLIST).await.expect("open");
        let mut listed = [0; 12 + 316];
        stream.read_exact(&mut listed).await.expect("a list");
        assert_eq!(listed[12 + 311..], [1, 0x0B, 0, 0, 0], "one interface, of a smart card reader");
        let configuration = host.vhci.submit_control(setup(0x80, 6, 0x0200, 0, 255), &[]);
        let stalled =
            [setup(0xA1, 2, 0, 0, 64), setup(0xA1, 3, 0, 0, 64), setup(0x81, 6, 0x2200, 0, 34)];
        let stalled = stalled.map(|setup| host.vhci.submit_control(setup, &[]));
        let replies = host.vhci.settle().await;
        assert_eq!(data_of(&replies, configuration).len(), 93);
        assert!(stalled.iter().all(|seqnum| status_of(&replies, *seqnum) == STALL));
    });
}

#[test]
fn a_card_is_noticed_powered_and_asked() {
    simulate(async {
        let mut host = Host::alone().await;
        let notice = host.read_notice();
        assert_eq!(host.vhci.settle().await, [], "nothing has changed");
        host.lay_on(Some(1));
        assert_eq!(data_of(&host.vhci.settle().await, notice), [0x50, 3]);
        assert_eq!(host.ask(0x62, 0, &[]).await[10..], ATR);
        let response = host.ask(0x6F, 0, &[0, 0xA4, 4, 0]).await;
        assert_eq!(response[7..], [0, 0, 0, 0, 0xA4, 4, 0, 0x90, 0]);
        let notice = host.read_notice();
        host.lay_on(None);
        assert_eq!(data_of(&host.vhci.settle().await, notice), [0x50, 2]);
    });
}

#[test]
fn a_read_of_notices_that_is_taken_back_loses_none() {
    simulate(async {
        let mut host = Host::alone().await;
        let notice = host.read_notice();
        let unlink = host.vhci.submit_unlink(notice);
        assert_eq!(status_of(&host.vhci.settle().await, unlink), UNLINKED);
        host.lay_on(Some(1));
        host.vhci.settle().await;
        let notice = host.read_notice();
        assert_eq!(data_of(&host.vhci.settle().await, notice), [0x50, 3]);
    });
}

#[test]
fn a_reader_that_is_unplugged_takes_the_cards_power() {
    simulate(async {
        let host = Host::ready().await;
        host.port.unplug();
        host.served.await.expect("no panic").expect("an orderly end");
        assert_eq!(host.card.borrow().power, [true, false]);
    });
}

#[test]
fn a_card_that_takes_3_seconds_has_the_host_wait_on_twice() {
    simulate(async {
        let mut host = Host::ready().await;
        host.card.borrow_mut().takes = Duration::from_millis(2500);
        host.write(0x6F, 0, &[1, 2, 3, 4]);
        let begun = Instant::now();
        for second in 1..=2 {
            let input = host.read(ROOM);
            let answer = wait_for(&mut host.vhci, input).await;
            assert_eq!(answer[7..], [0x80, 1, 0]);
            assert_eq!(begun.elapsed().as_millis() / 100, second * 10, "in time");
        }
        let input = host.read(ROOM);
        assert_eq!(wait_for(&mut host.vhci, input).await[10..], [1, 2, 3, 4, 0x90, 0]);
        assert_eq!(begun.elapsed().as_millis() / 100, 25);
    });
}

/// What a read brings, some time or other.
async fn wait_for(vhci: &mut Vhci, seqnum: u32) -> Vec<u8> {
    loop {
        let replies = vhci.settle().await;
        if !vhci.pending.contains_key(&seqnum) {
            return data_of(&replies, seqnum).to_vec();
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_card_taken_off_in_the_middle_fails_its_command_and_the_reader_lives_on() {
    simulate(async {
        let mut host = Host::ready().await;
        host.card.borrow_mut().takes = Duration::from_secs(9);
        let (_, input) = (host.write(0x6F, 0, &[1, 2, 3, 4]), host.read(ROOM));
        host.vhci.settle().await;
        host.lay_on(None);
        let replies = host.vhci.settle().await;
        assert_eq!(data_of(&replies, input)[7..], [0x42, 0xFE, 0], "no card, and mute");
        host.card.borrow_mut().takes = Duration::ZERO;
        host.lay_on(Some(2));
        assert_eq!(host.ask(0x6F, 0, &[1, 2, 3, 4]).await[7..9], [0x41, 0xFE]);
        assert_eq!(host.ask(0x62, 0, &[]).await[10..], ATR);
        assert_eq!(host.ask(0x6F, 0, &[1, 2, 3, 4]).await[10..], [1, 2, 3, 4, 0x90, 0]);
    });
}

#[test]
fn a_host_that_gives_up_aborts_in_two_halves() {
    simulate(async {
        let mut host = Host::ready().await;
        host.card.borrow_mut().takes = Duration::from_secs(9);
        let (_, failed) = (host.write(0x6F, 0, &[1, 2, 3, 4]), host.read(ROOM));
        host.vhci.settle().await;
        let seq = u16::from(host.seq + 1);
        let abort = host.vhci.submit_control(setup(0x21, 1, seq << 8, 0, 0), &[]);
        let replies = host.vhci.settle().await;
        assert_eq!(status_of(&replies, abort), 0);
        assert_eq!(data_of(&replies, failed)[7..9], [0x40, 0xFF]);
        assert_eq!(host.ask(0x72, 0, &[]).await[..], [0x81, 0, 0, 0, 0, 0, seq as u8, 0, 0, 0]);
        assert_eq!(host.card.borrow().aborts, 1);
    });
}

#[test]
fn a_message_may_be_taken_packet_by_packet_and_sent_so() {
    simulate(async {
        let mut host = Host::ready().await;
        let apdu: Vec<u8> = (0..=255).collect();
        for packet in message(0x6F, 9, 0, &apdu).chunks(64) {
            host.vhci.submit(1, false, packet.len(), [0; 8], packet);
        }
        let reads: Vec<u32> = (0..5).map(|_| host.read(64)).collect();
        let replies = host.vhci.settle().await;
        let whole: Vec<u8> =
            reads.iter().flat_map(|read| data_of(&replies, *read)).copied().collect();
        assert_eq!(whole[10..], [&apdu[..], &[0x90, 0]].concat());
        assert!(reads.iter().all(|read| status_of(&replies, *read) == 0));
    });
}

#[test]
fn a_message_that_does_not_fit_overflows_and_the_next_one_is_whole() {
    simulate(async {
        let mut host = Host::ready().await;
        host.write(0x6F, 0, &[7; 100]);
        let small = host.read(50);
        let replies = host.vhci.settle().await;
        assert_eq!((status_of(&replies, small), data_of(&replies, small).len()), (OVERFLOW, 50));
        assert_eq!(host.ask(0x65, 0, &[]).await[7..], [0, 0, 0]);
    });
}

#[test]
fn lengths_that_lie_are_told_and_cost_nothing() {
    simulate(async {
        let mut host = Host::ready().await;
        for (length, data) in [(u32::MAX, 0), (7691, 54), (5, 6), (5, 4), (1 << 24, 8182)] {
            let mut bytes = message(0x6F, 77, 0, &vec![0; data]);
            bytes[1..5].copy_from_slice(&length.to_le_bytes());
            host.vhci.submit(1, false, bytes.len(), [0; 8], &bytes);
            let input = host.read(ROOM);
            let replies = host.vhci.settle().await;
            let refused = [0x80, 0, 0, 0, 0, 0, 77, 0x40, 1, 0];
            assert_eq!(data_of(&replies, input), refused, "{length}");
            host.vhci.submit(1, false, 0, [0; 8], &[]);
            assert_eq!(host.ask(0x65, 0, &[]).await[7..], [0, 0, 0]);
        }
    });
}

#[test]
fn a_host_that_takes_no_answers_is_stalled_and_served_again_when_it_does() {
    simulate(async {
        let mut host = Host::ready().await;
        for _ in 0..limits::MAX_ANSWERS {
            let out = host.write(0x65, 0, &[]);
            assert_eq!(status_of(&host.vhci.settle().await, out), 0);
        }
        let one_more = host.write(0x65, 0, &[]);
        assert_eq!(status_of(&host.vhci.settle().await, one_more), STALL);
        for _ in 0..limits::MAX_ANSWERS {
            host.read(ROOM);
        }
        host.vhci.settle().await;
        assert_eq!(host.ask(0x65, 0, &[]).await[7..], [0, 0, 0]);
    });
}

#[test]
fn a_halted_endpoint_of_a_reader_stalls_and_the_others_do_not() {
    simulate(async {
        let mut host = Host::ready().await;
        let (waiting, notice) = (host.read(ROOM), host.read_notice());
        host.vhci.submit_control(setup(0x02, 3, 0, 0x81, 0), &[]);
        let replies = host.vhci.settle().await;
        assert_eq!(status_of(&replies, waiting), STALL);
        assert_eq!(data_of(&replies, notice), [0x50, 3]);
        host.vhci.submit_control(setup(0x02, 1, 0, 0x81, 0), &[]);
        assert_eq!(host.ask(0x65, 0, &[]).await[7..], [0, 0, 0]);
    });
}

#[test]
fn a_key_that_is_a_reader_too_serves_both_drivers_at_once() {
    simulate(async {
        let echo = Rc::new(RefCell::new(Echo::default()));
        let mut host = Host::of(vec![Interface::Hid(echo.clone())]).await;
        host.lay_on(Some(1));
        let report = host.vhci.submit_in(64);
        let notice = host.read_notice();
        host.vhci.submit_out(&[9; 64]);
        let replies = host.vhci.settle().await;
        assert_eq!(data_of(&replies, report), [9; 64]);
        assert_eq!(data_of(&replies, notice), [0x50, 3]);
        assert_eq!(host.ask(0x62, 0, &[]).await[10..], ATR);
        host.port.unplug();
        host.served.await.expect("no panic").expect("an orderly end");
        assert_eq!((echo.borrow().detached, host.card.borrow().power.last()), (1, Some(&false)));
    });
}

#[test]
fn an_idle_reader_is_not_polled() {
    simulate(async {
        let mut host = Host::ready().await;
        host.read_notice();
        host.vhci.settle().await;
        host.read_notice();
        host.vhci.settle().await;
        let begun = Instant::now();
        let day = Duration::from_secs(86_400);
        let silence = tokio::time::timeout(day, host.vhci.stream.read_u8()).await;
        assert!(silence.is_err() && begun.elapsed() >= day);
    });
}

#[test]
fn a_transfer_to_an_endpoint_that_there_is_not_ends_the_import() {
    simulate(async {
        for (number, is_in) in [(2, false), (3, true)] {
            let (server, card) = (Server::new(), Rc::new(RefCell::new(Card::default())));
            let port =
                server.plug(info("1-1"), vec![Interface::Ccid(card)]).expect("a free bus id");
            let (ours, theirs) = duplex(1 << 16);
            let mut vhci = Vhci::new(ours, port.devid());
            vhci.submit(number, is_in, 0, [0; 8], &[]);
            vhci.stream.write_all(&vhci.outgoing).await.expect("open");
            assert!(port.serve(theirs).await.is_err());
        }
    });
}
