//! APDUs of any shape into the card's end, from a reader that gives up when it likes, with power that goes when it likes.
//!
//! Each APDU gets one response, or its request runs; there is one request at a time; no timer stays in the past; no response is
//! longer than its APDU has room for; and whatever has happened, the next client selects, and its message and answer arrive whole.
#![no_main]

use std::time::Duration;

use apdu_transport::client::{Next, Request};
use apdu_transport::{Card, Event, Length, RequestId, Settings, Version};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Step {
    Noise(Vec<u8>),
    Select { has_le: bool },
    Message { chained: bool, can_poll: bool, data: Vec<u8>, length: Lengths },
    U2f { chained: bool, instruction: u8, p1: u8, data: Vec<u8>, length: Lengths },
    Poll { cancel: bool, length: Lengths },
    GetResponse { class: bool, le: u8 },
    End,
    Wait(u16),
    Respond { length: u16 },
    WaitForUser(bool),
    Reset,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Lengths {
    Short,
    ShortWithoutLe,
    Extended,
    ExtendedWithoutLe,
}

#[derive(Arbitrary, Debug)]
struct Input {
    u2f: bool,
    max_message: u16,
    steps: Vec<Step>,
}

struct World {
    card: Card,
    now: Duration,
    running: Option<RequestId>,
    /// The APDU that has no response yet has room for so much.
    owed: Option<usize>,
}

fuzz_target!(|input: Input| {
    let version = if input.u2f { Version::U2fV2 } else { Version::Fido20 };
    let settings = Settings { version, max_message: input.max_message.max(64) };
    let card = Card::new(settings);
    let mut world = World { card, now: Duration::ZERO, running: None, owed: None };
    input.steps.iter().for_each(|step| world.happen(step));
    world.ends_well(version);
});

impl World {
    fn happen(&mut self, step: &Step) {
        match step {
            Step::Noise(apdu) => self.send(apdu, 65_536),
            Step::Select { has_le } => {
                let length = if *has_le { Lengths::Short } else { Lengths::ShortWithoutLe };
                self.command([0x00, 0xA4, 4, 0], &[0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1], length);
            }
            Step::Message { chained, can_poll, data, length } => {
                let p1 = if *can_poll { 0x80 } else { 0 };
                self.command([if *chained { 0x90 } else { 0x80 }, 0x10, p1, 0], data, *length);
            }
            Step::U2f { chained, instruction, p1, data, length } => {
                let header = [if *chained { 0x10 } else { 0 }, instruction % 5, *p1, 0];
                self.command(header, data, *length);
            }
            Step::Poll { cancel, length } => {
                self.command([0x80, 0x11, if *cancel { 0x11 } else { 0 }, 0], &[], *length);
            }
            Step::GetResponse { class, le } => {
                let room = if *le == 0 { 256 } else { usize::from(*le) };
                self.send(&[if *class { 0x80 } else { 0 }, 0xC0, 0, 0, *le], room);
            }
            Step::End => self.command([0x80, 0x12, 1, 0], &[], Lengths::Short),
            Step::Wait(millis) => self.wait(Duration::from_millis((*millis).into())),
            Step::Respond { length } => self.respond(&vec![0x5A; usize::from(length % 8000)]),
            Step::WaitForUser(waiting) => {
                if let Some(id) = self.running {
                    self.card.set_waiting_for_user(id, *waiting);
                    self.settle();
                }
            }
            Step::Reset => {
                self.card.reset();
                (self.running, self.owed) = (None, None);
                assert_eq!(self.card.poll_response(), None);
            }
        }
    }

    fn command(&mut self, header: [u8; 4], data: &[u8], length: Lengths) {
        let data = &data[..data.len().min(255)];
        let short = u8::try_from(data.len()).expect("a short length");
        let apdu = match (length, data.is_empty()) {
            (Lengths::ShortWithoutLe | Lengths::ExtendedWithoutLe, true) => header.to_vec(),
            (Lengths::Short, true) => [&header[..], &[0]].concat(),
            (Lengths::Extended, true) => [&header[..], &[0, 0, 0]].concat(),
            (Lengths::Short, false) => [&header[..], &[short], data, &[0]].concat(),
            (Lengths::ShortWithoutLe, false) => [&header[..], &[short], data].concat(),
            (Lengths::Extended, false) => [&header[..], &[0, 0, short], data, &[0, 0]].concat(),
            (Lengths::ExtendedWithoutLe, false) => [&header[..], &[0, 0, short], data].concat(),
        };
        let is_short = matches!(length, Lengths::Short | Lengths::ShortWithoutLe);
        self.send(&apdu, if is_short || data.is_empty() && apdu.len() == 4 { 256 } else { 65_536 });
    }

    fn send(&mut self, apdu: &[u8], room: usize) {
        match self.card.handle_apdu(apdu, self.now) {
            Some(Event::Request { id, message, .. }) => {
                assert!(!message.is_empty() && message.len() <= 7609);
                assert_eq!(self.running.replace(id), None, "two requests at once");
            }
            Some(Event::Cancel { id }) => assert_eq!(self.running, Some(id), "NF-32"),
            Some(Event::Abandon { id }) => assert_eq!(self.running.take(), Some(id), "NF-05"),
            Some(Event::End) => self.running = None,
            None => {}
        }
        self.owed = Some(room);
        self.settle();
        assert!(self.owed.is_none() || self.running.is_some(), "no response, and nothing runs");
    }

    fn respond(&mut self, message: &[u8]) {
        if let Some(id) = self.running.take() {
            self.card.respond(id, message);
            self.settle();
            assert_eq!(self.owed, None, "an answer that does not go out");
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.card.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
    }

    /// What is due now happens, and the reader hears what there is to hear.
    fn settle(&mut self) {
        self.card.handle_timeout(self.now);
        assert!(
            self.card.poll_timeout().is_none_or(|next| next > self.now),
            "it stays in the past"
        );
        if let Some(response) = self.card.poll_response() {
            let room = self.owed.take().expect("a response to nothing");
            assert!((2..=room + 2).contains(&response.len()), "NF-16");
        }
    }

    fn ends_well(&mut self, version: Version) {
        let (select, apdu) = Request::select();
        assert_eq!(self.play(select, apdu, &[]), version.as_bytes());
        let (message, answer) = (vec![4; 60], vec![0; 700]);
        let (request, apdu) = Request::ctap(&message, Length::Short, true).expect("short");
        assert_eq!(self.play(request, apdu, &answer), answer);
    }

    fn play(&mut self, mut request: Request, mut apdu: Vec<u8>, answer: &[u8]) -> Vec<u8> {
        loop {
            if let Some(Event::Request { id, .. }) = self.card.handle_apdu(&apdu, self.now) {
                self.card.respond(id, answer);
            }
            let response = self.card.poll_response().expect("an answer");
            match request.receive(&response).expect("no fault") {
                Next::Transmit(next) => apdu = next,
                Next::Poll(_) => apdu = request.poll(),
                Next::Done(answer) => return answer,
            }
        }
    }
}
