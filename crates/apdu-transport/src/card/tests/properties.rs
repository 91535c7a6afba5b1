//! What holds for any APDUs whatever.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::State;
use super::bench::*;
use crate::client::{Next, Request};
use crate::limits::MESSAGE_MAX;
use crate::{Event, KeepaliveStatus, Length};

/// One thing that the reader, the authenticator or the clock does.
#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Wait(u64),
    WaitForUser(bool),
    Respond(usize),
    Reset,
}

/// APDUs that mean something, and a few that do not.
fn some_apdu() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        SELECT,
        SELECT,
        GET_INFO,
        GET_INFO_POLLED,
        GET_INFO_POLLED,
        POLL,
        POLL,
        CANCEL,
        "90108000 01 04",
        "90100000 01 04",
        "00030000 00",
        "10010000 02 0102",
        "00C00000 00",
        "80C00000 05",
        "80120100",
        "00A40400 05 D276000085 00",
    ])
    .prop_map(bytes);
    let class = prop::sample::select(vec![0x00, 0x10, 0x80, 0x90, 0x84]);
    let instruction = prop::sample::select(vec![1, 2, 3, 0x10, 0x11, 0x12, 0xA4, 0xC0, 0x75]);
    let odd = (class, instruction, any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(class, ins, p, rest)| [&[class, ins][..], &p, &rest].concat());
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![8 => known, 3 => odd, 1 => noise]
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => some_apdu().prop_map(Step::Send),
        3 => (0..400u64).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::WaitForUser),
        4 => prop_oneof![9 => 0..700usize, 1 => 7600..7620usize].prop_map(Step::Respond),
        1 => Just(Step::Reset),
    ]
}

fn take(step: &Step, bench: &mut Bench) -> Option<Happened> {
    match step {
        Step::Send(apdu) => return bench.send_bytes(apdu),
        Step::Wait(millis) => bench.wait(*millis),
        Step::WaitForUser(waiting) if bench.last_request.is_some() => bench.wait_for_user(*waiting),
        Step::Respond(length) if bench.last_request.is_some() => bench.respond(&counted(*length)),
        Step::WaitForUser(_) | Step::Respond(_) => {}
        Step::Reset => bench.card.reset(),
    }
    None
}

proptest! {
    /// Nothing panics, no timer stays in the past, there is one request at a time, and each APDU gets one response, unless its
    /// request runs, or power went.
    #[test]
    fn no_storm_upsets_the_card(steps in prop::collection::vec(some_step(), 1..200)) {
        let mut bench = Bench::new();
        let mut running = false;
        for step in &steps {
            let was_owed = matches!(bench.card.state, State::Processing(_));
            let happened = take(step, &mut bench);
            match happened {
                Some(Happened::Request { ref message, .. }) => {
                    prop_assert!(!running, "two requests at once");
                    prop_assert!((1..=usize::from(MESSAGE_MAX)).contains(&message.len()));
                    running = true;
                }
                Some(Happened::Abandon) => {
                    prop_assert!(running);
                    running = false;
                }
                Some(Happened::Cancel) => prop_assert!(running, "NF-32"),
                Some(Happened::End) => running = false,
                None => {}
            }
            running &= !matches!(step, Step::Respond(_) | Step::Reset);
            bench.wait(0);
            let heard = bench.hear();
            let is_owed = matches!(&bench.card.state,
                State::Processing(processing) if processing.expected().is_some());
            match step {
                Step::Send(_) => prop_assert_ne!(heard.is_some(), is_owed),
                Step::Reset => prop_assert_eq!(heard, None),
                _ => prop_assert!(heard.is_none() || was_owed),
            }
            prop_assert!(bench.card.message.len() <= usize::from(MESSAGE_MAX) + 1);
        }
        // Whatever happened, the next client is served.
        bench.send(SELECT);
        prop_assert_eq!(bench.hear(), Some(without_spaces(U2F_V2)));
        prop_assert_eq!(bench.ask_key(GET_INFO, &[0]), "009000");
    }

    /// NF-13, NF-21: a message arrives whole, however it is cut.
    #[test]
    fn any_message_arrives_whole_by_every_chunking(
        message in prop::collection::vec(any::<u8>(), 1..2000),
        sizes in prop::collection::vec(1..=255usize, 1..20),
        p1 in prop::sample::select(vec![0x00, 0x80]),
    ) {
        let mut bench = Bench::selected();
        let mut happened = None;
        for part in parts(p1, &message, sizes.into_iter().cycle()) {
            prop_assert_eq!(happened, None);
            happened = bench.send_bytes(&part);
        }
        prop_assert_eq!(happened, ctap(p1 == 0x80, &message));
    }

    /// NF-16, NF-17: an answer arrives whole, whatever room the client has each time.
    #[test]
    fn any_answer_arrives_whole_by_every_le(
        answer in prop::collection::vec(any::<u8>(), 1..2000),
        les in prop::collection::vec(any::<u8>(), 1..20),
        class in prop::sample::select(vec![0x00, 0x80]),
    ) {
        let mut bench = Bench::selected();
        let mut apdu = bytes("80100000 01 04 00");
        let mut received = vec![];
        for le in les.into_iter().cycle() {
            *apdu.last_mut().expect("Le") = le;
            if bench.send_bytes(&apdu).is_some() {
                bench.respond(&answer);
            }
            let response = bench.card.poll_response().expect("an answer");
            let (data, word) = response.split_at(response.len() - 2);
            received.extend_from_slice(data);
            let room = if le == 0 { 256 } else { usize::from(le) };
            prop_assert!(data.len() <= room);
            let left = answer.len() - received.len();
            match word {
                [0x90, 0x00] => break,
                [0x61, told] => prop_assert_eq!(usize::from(*told), if left < 256 { left } else { 0 }),
                _ => prop_assert!(false, "{:?}", word),
            }
            apdu = vec![class, 0xC0, 0, 0, 0];
        }
        prop_assert_eq!(received, answer);
    }

    /// NF-10, NF-12, NF-30: both ends understand each other, in both forms, whether the client polls or not.
    #[test]
    fn both_ends_understand_each_other(
        message in prop::collection::vec(any::<u8>(), 1..=usize::from(MESSAGE_MAX)),
        answer in prop::collection::vec(any::<u8>(), 1..=usize::from(MESSAGE_MAX)),
        extended in any::<bool>(),
        can_poll in any::<bool>(),
        takes in 0..900u64,
    ) {
        let length = if extended { Length::Extended } else { Length::Short };
        let (request, apdu) = Request::ctap(&message, length, can_poll).expect("not too long");
        let (got, answered, polls) = play(request, apdu, &answer, takes);
        prop_assert_eq!(got, message);
        prop_assert_eq!(answered, answer);
        prop_assert_eq!(polls > 0, can_poll && takes >= 300);
    }
}

/// Plays a request against a card whose authenticator takes so many milliseconds. What it got, what the client got, and how
/// often the client was told to poll.
fn play(
    mut request: Request,
    mut apdu: Vec<u8>,
    answer: &[u8],
    takes: u64,
) -> (Vec<u8>, Vec<u8>, u32) {
    let mut bench = Bench::selected();
    let (mut got, mut done_at, mut polls) = (vec![], None, 0);
    loop {
        if let Some(Event::Request { id, message, .. }) = bench.card.handle_apdu(&apdu, bench.now) {
            got = message.to_vec();
            done_at = Some(bench.now + core::time::Duration::from_millis(takes));
            bench.last_request = Some(id);
        }
        let response = loop {
            if let Some(response) = bench.card.poll_response() {
                break response;
            }
            bench.wait(1);
            if done_at.is_some_and(|done_at| bench.now >= done_at) {
                bench.respond(answer);
            }
        };
        match request.receive(&response).expect("no fault") {
            Next::Transmit(next) => apdu = next,
            Next::Poll(status) => {
                assert_eq!(status, KeepaliveStatus::Processing);
                polls += 1;
                apdu = request.poll();
            }
            Next::Done(answer) => return (got, answer, polls),
        }
    }
}
