//! A reader of the kernel's own NFC, as its driver sees it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};
use usbip_server::{Interface, Port, Server};

use crate::card::Card;
use crate::peer::*;

/// The driver reads every frame into that much room.
const ROOM: usize = 275;

const ACK: [u8; 6] = [0, 0, 0xFF, 0, 0xFF, 0];

/// A reader that is plugged in, as a host has it.
struct Host {
    vhci: Vhci,
    port: Port,
    card: Rc<RefCell<Card>>,
    served: Served,
    _server: Server,
}

impl Host {
    async fn new() -> Self {
        let (server, card) = (Server::new(), Rc::new(RefCell::new(Card::default())));
        let interfaces = vec![Interface::Pn533(card.clone())];
        let port = server.plug(info("1-1"), interfaces).expect("a free bus id");
        let (mut vhci, served) = attach(&server, &port).await;
        vhci.is_reader = true;
        Self { vhci, port, card, served, _server: server }
    }

    /// With a card that has power.
    async fn ready() -> Self {
        let mut host = Self::new().await;
        host.card.borrow_mut().insertion = Some(1);
        assert_eq!(host.ask(&[0x4A, 1, 0]).await[7..12], [1, 1, 0, 4, 0x20]);
        host
    }

    fn write(&mut self, command: &[u8]) -> u32 {
        let frame = frame(command);
        self.vhci.submit(1, false, frame.len(), [0; 8], &frame)
    }

    fn read(&mut self) -> u32 {
        self.vhci.submit(1, true, ROOM, [0; 8], &[])
    }

    /// Sends a command, has it acknowledged, and reads the answer.
    async fn ask(&mut self, command: &[u8]) -> Vec<u8> {
        self.begin(command).await;
        let answer = self.read();
        data_of(&self.vhci.settle().await, answer).to_vec()
    }

    async fn begin(&mut self, command: &[u8]) {
        let (out, acknowledged) = (self.write(command), self.read());
        let replies = self.vhci.settle().await;
        assert_eq!((status_of(&replies, out), data_of(&replies, acknowledged)), (0, &ACK[..]));
    }
}

/// A short command, as the driver sends it.
fn frame(command: &[u8]) -> Vec<u8> {
    let data = [&[0xD4], command].concat();
    let check = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let length = u8::try_from(data.len()).expect("a short one");
    let head = [0, 0, 0xFF, length, check(&[length])];
    [&head[..], &data, &[check(&data), 0]].concat()
}

#[test]
fn each_frame_comes_in_a_transfer_of_its_own() {
    simulate(async {
        let mut host = Host::ready().await;
        let version = host.ask(&[0x02]).await;
        assert_eq!(version, [0, 0, 0xFF, 6, 0xFA, 0xD5, 3, 0x33, 2, 7, 7, 0xE5, 0]);
        let response = host.ask(&[0x40, 1, 9]).await;
        assert_eq!(response[5..11], [0xD5, 0x41, 0, 9, 0x90, 0]);
    });
}

#[test]
fn a_response_comes_when_the_card_has_it() {
    simulate(async {
        let mut host = Host::ready().await;
        host.card.borrow_mut().takes = Duration::from_secs(20);
        host.begin(&[0x40, 1, 9]).await;
        let (begun, answer) = (Instant::now(), host.read());
        assert_eq!(host.vhci.settle().await, []);
        while host.vhci.pending.contains_key(&answer) {
            sleep(Duration::from_millis(50)).await;
            host.vhci.settle().await;
        }
        assert_eq!(begun.elapsed().as_secs(), 20);
    });
}

#[test]
fn a_host_that_gives_up_has_the_command_ended_and_the_next_one_served() {
    simulate(async {
        let mut host = Host::ready().await;
        host.card.borrow_mut().takes = Duration::from_secs(20);
        host.begin(&[0x40, 1, 9]).await;
        let (answer, _) = (host.read(), host.vhci.submit(1, false, ACK.len(), [0; 8], &ACK));
        let unlink = host.vhci.submit_unlink(answer);
        assert_eq!(status_of(&host.vhci.settle().await, unlink), UNLINKED);
        assert_eq!(host.card.borrow().aborts, 1);
        assert_eq!(host.ask(&[0x52, 1]).await[5..8], [0xD5, 0x53, 0]);
        assert_eq!(host.card.borrow().power, [true, false]);
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
fn an_idle_reader_is_not_polled() {
    simulate(async {
        let mut host = Host::ready().await;
        let begun = Instant::now();
        let day = Duration::from_secs(86_400);
        let silence = tokio::time::timeout(day, host.vhci.stream.read_u8()).await;
        assert!(silence.is_err() && begun.elapsed() >= day);
    });
}
