use proptest::prelude::*;

use super::super::codes::answer as answers;
use super::*;
use crate::smart_card::tests::{ATR, Mirror};

/// A reader and what lies on it, as a host has them.
struct Bench {
    card: Mirror,
    slot: Slot,
    now: Duration,
    seq: u8,
}

impl Bench {
    fn empty() -> Self {
        let card = Mirror::default();
        let slot = Slot::new(&card);
        Self { card, slot, now: Duration::ZERO, seq: 0 }
    }

    /// With a card that has power.
    fn ready() -> Self {
        let mut bench = Self::empty();
        bench.lay_on(1);
        assert_eq!(bench.ask(command::ICC_POWER_ON, [0; 3], &[])[10..], ATR);
        bench
    }

    fn lay_on(&mut self, insertion: u32) {
        self.card.insertion = Some(insertion);
        self.card.has_power = false;
        self.look();
    }

    fn take_off(&mut self) {
        self.card.insertion = None;
        self.card.commands.clear();
        self.look();
    }

    fn look(&mut self) {
        self.slot.look(&mut self.card, self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.look();
    }

    /// Sends a message, and returns its number.
    fn send(&mut self, kind: u8, specific: [u8; 3], data: &[u8]) -> u8 {
        self.seq = self.seq.wrapping_add(1);
        self.send_as(self.seq, kind, specific, data);
        self.seq
    }

    fn send_as(&mut self, seq: u8, kind: u8, specific: [u8; 3], data: &[u8]) {
        let mut message = vec![kind];
        message.extend((data.len() as u32).to_le_bytes());
        message.extend([0, seq]);
        message.extend(specific);
        message.extend(data);
        self.slot.output(&message, &mut self.card, self.now);
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        self.slot.answers.next()
    }

    /// Sends a message that is answered at once.
    fn ask(&mut self, kind: u8, specific: [u8; 3], data: &[u8]) -> Vec<u8> {
        let seq = self.send(kind, specific, data);
        let answer = self.next().expect("an answer");
        assert_eq!((answer[0], answer[6]), (answers::to(kind), seq));
        assert_eq!(self.next(), None, "one answer");
        answer
    }

    /// bStatus and bError of the answer.
    fn fate(&mut self, kind: u8, specific: [u8; 3], data: &[u8]) -> [u8; 2] {
        let answer = self.ask(kind, specific, data);
        [answer[7], answer[8]]
    }

    /// A command APDU in blocks of so many bytes, and all that comes of it.
    fn exchange(&mut self, apdu: &[u8], portion: usize) -> Vec<u8> {
        let blocks: Vec<&[u8]> = apdu.chunks(portion).collect();
        let last = blocks.len() - 1;
        let mut answer = Vec::new();
        for (index, block) in blocks.into_iter().enumerate() {
            let level = match (index == 0, index == last) {
                (true, true) => part::WHOLE,
                (true, false) => part::FIRST,
                (false, true) => part::LAST,
                (false, false) => part::MIDDLE,
            };
            answer = self.ask(command::XFR_BLOCK, [0, level, 0], block);
            assert!(index == last || answer[7..] == [0, 0, part::GO_ON], "{answer:x?}");
        }
        let mut response = answer[10..].to_vec();
        while [part::FIRST, part::MIDDLE].contains(&answer[9]) {
            answer = self.ask(command::XFR_BLOCK, [0, part::GO_ON, 0], &[]);
            response.extend(&answer[10..]);
        }
        response
    }
}

// NF-52
#[test]
fn a_card_is_powered_asked_and_switched_off() {
    let mut bench = Bench::empty();
    assert_eq!(bench.fate(command::GET_SLOT_STATUS, [0; 3], &[]), [2, 0], "absent");
    bench.lay_on(1);
    assert_eq!(
        bench.ask(command::GET_SLOT_STATUS, [0; 3], &[])[7..],
        [1, 0, 1],
        "no power, no clock"
    );
    let on = bench.ask(command::ICC_POWER_ON, [0; 3], &[]);
    assert_eq!((&on[7..10], &on[10..]), (&[0, 0, 0][..], &ATR[..]));
    let response = bench.ask(command::XFR_BLOCK, [0; 3], &[0, 0xA4, 4, 0]);
    assert_eq!(response[7..], [0, 0, 0, 0, 0xA4, 4, 0]);
    assert_eq!(bench.ask(command::GET_SLOT_STATUS, [0; 3], &[])[7..], [0, 0, 0]);
    assert_eq!(bench.ask(command::ICC_POWER_OFF, [0; 3], &[])[7..], [1, 0, 1]);
    assert!(!bench.card.has_power);
}

#[test]
fn power_on_is_a_reset_where_there_is_power() {
    let mut bench = Bench::ready();
    for voltage in 0..=3 {
        assert_eq!(bench.ask(command::ICC_POWER_ON, [voltage, 0, 0], &[])[10..], ATR);
    }
    assert_eq!(bench.card.power_ups, 5);
    assert_eq!(bench.fate(command::ICC_POWER_ON, [4, 0, 0], &[]), [0x40, 7], "no such voltage");
}

#[test]
fn without_a_card_or_power_commands_fail_as_mute() {
    let mut bench = Bench::empty();
    for kind in [command::ICC_POWER_ON, command::XFR_BLOCK, command::GET_PARAMETERS] {
        assert_eq!(
            bench.fate(kind, [0; 3], if kind == command::XFR_BLOCK { &[0; 4] } else { &[] }),
            [0x42, 0xFE]
        );
    }
    bench.lay_on(1);
    assert_eq!(bench.fate(command::XFR_BLOCK, [0; 3], &[0; 4]), [0x41, 0xFE]);
    bench.card.is_mute = true;
    assert_eq!(bench.fate(command::ICC_POWER_ON, [0; 3], &[]), [0x41, 0xFE]);
}

#[test]
fn parameters_are_as_they_are() {
    let mut bench = Bench::ready();
    let set = |bench: &mut Bench, protocol, data: &[u8]| {
        bench.fate(command::SET_PARAMETERS, [protocol, 0, 0], data)
    };
    for kind in [command::GET_PARAMETERS, command::RESET_PARAMETERS] {
        let told = bench.ask(kind, [0; 3], &[]);
        assert_eq!((told[9], told[10..].len()), (1, 7), "T=1");
    }
    assert_eq!(set(&mut bench, 1, &[0; 7]), [0, 0]);
    assert_eq!(set(&mut bench, 1, &[0; 5]), [0x40, 1]);
    assert_eq!(set(&mut bench, 0, &[0; 5]), [0x40, 7], "T=0 there is not");
}

#[test]
fn what_no_reader_of_this_kind_does_is_refused_with_the_answer_of_its_kind() {
    let mut bench = Bench::ready();
    for (kind, answered) in
        [(0x6B, 0x83), (0x73, 0x84), (0x69, 0x80), (0x6A, 0x81), (0x71, 0x81), (0xFF, 0x81)]
    {
        let answer = bench.ask(kind, [0; 3], &[1, 2]);
        assert_eq!((answer[0], &answer[7..]), (answered, &[0x40, 0, 0][..]), "{kind:x}");
    }
}

#[test]
fn a_slot_that_there_is_not_and_a_length_that_may_not_be_are_named_by_their_offsets() {
    let mut bench = Bench::ready();
    bench.slot.output(&[0x65, 0, 0, 0, 0, 1, 9, 0, 0, 0], &mut bench.card, bench.now);
    assert_eq!(bench.next(), Some(vec![0x81, 0, 0, 0, 0, 1, 9, 0x42, 5, 0]));
    assert_eq!(bench.fate(command::GET_SLOT_STATUS, [0; 3], &[1]), [0x40, 1]);
    assert_eq!(bench.fate(command::XFR_BLOCK, [0; 3], &[]), [0x40, 1], "no APDU is empty");
    bench.slot.output(&[0x6F, 5, 0, 0, 0, 0, 9, 0, 0, 0, 1], &mut bench.card, bench.now);
    assert_eq!(bench.next(), Some(vec![0x80, 0, 0, 0, 0, 0, 9, 0x40, 1, 0]));
}

// NF-53
#[test]
fn a_card_that_works_long_has_the_host_wait_on_each_second() {
    let mut bench = Bench::ready();
    bench.card.takes_time = true;
    let seq = bench.send(command::XFR_BLOCK, [0; 3], &[1, 2, 3, 4]);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.slot.poll_timeout(), Some(TIME_EXTENSION));
    bench.wait(TIME_EXTENSION - Duration::from_millis(1));
    assert_eq!(bench.next(), None);
    bench.wait(Duration::from_millis(1));
    assert_eq!(bench.next(), Some(vec![0x80, 0, 0, 0, 0, 0, seq, 0x80, 1, 0]));
    bench.wait(TIME_EXTENSION);
    bench.wait(TIME_EXTENSION);
    assert!(bench.next().is_some());
    assert_eq!(bench.next(), None, "one that was not taken is not told twice");
    bench.card.takes_time = false;
    bench.look();
    assert_eq!(bench.next().expect("the response")[10..], [1, 2, 3, 4]);
    assert_eq!(bench.slot.poll_timeout(), None);
}

#[test]
fn a_second_command_meanwhile_finds_the_slot_busy() {
    let mut bench = Bench::ready();
    bench.card.takes_time = true;
    bench.send(command::XFR_BLOCK, [0; 3], &[1, 2, 3, 4]);
    for kind in [command::XFR_BLOCK, command::GET_SLOT_STATUS, command::ICC_POWER_OFF] {
        assert_eq!(
            bench.fate(kind, [0; 3], if kind == command::XFR_BLOCK { &[9; 4] } else { &[] }),
            [0x40, 0xE0]
        );
    }
    bench.card.takes_time = false;
    bench.look();
    assert_eq!(bench.next().expect("the response")[10..], [1, 2, 3, 4]);
}

#[test]
fn a_card_that_goes_in_the_middle_is_mute_and_the_next_one_needs_power() {
    let mut bench = Bench::ready();
    bench.card.takes_time = true;
    let seq = bench.send(command::XFR_BLOCK, [0; 3], &[1, 2, 3, 4]);
    bench.take_off();
    assert_eq!(bench.next(), Some(vec![0x80, 0, 0, 0, 0, 0, seq, 0x42, 0xFE, 0]));
    bench.card.takes_time = false;
    bench.lay_on(2);
    assert_eq!(bench.next(), None, "nothing of the old one is told");
    assert_eq!(bench.fate(command::XFR_BLOCK, [0; 3], &[1, 2, 3, 4]), [0x41, 0xFE]);
    assert_eq!(bench.ask(command::ICC_POWER_ON, [0; 3], &[])[10..], ATR);
}

#[test]
fn a_card_that_was_exchanged_between_two_looks_has_no_power_and_is_told() {
    let mut bench = Bench::ready();
    assert_eq!(bench.slot.notice(), Some([0x50, 3]));
    bench.lay_on(2);
    assert_eq!(bench.slot.notice(), Some([0x50, 3]), "present, and changed");
    assert_eq!(bench.fate(command::GET_SLOT_STATUS, [0; 3], &[]), [1, 0]);
}

#[test]
fn a_card_that_comes_or_goes_is_told_once() {
    let mut bench = Bench::empty();
    assert_eq!(bench.slot.notice(), None, "an empty slot is no change");
    bench.lay_on(1);
    assert_eq!(bench.slot.notice(), Some([0x50, 3]));
    bench.look();
    assert_eq!(bench.slot.notice(), None);
    bench.take_off();
    assert_eq!(bench.slot.notice(), Some([0x50, 2]));
    let there = Mirror { insertion: Some(1), ..Mirror::default() };
    assert_eq!(Slot::new(&there).notice(), Some([0x50, 3]), "one that lay there already");
}

#[test]
fn a_long_apdu_comes_and_goes_in_parts() {
    let mut bench = Bench::ready();
    for length in [1, MAX_DATA, MAX_DATA + 1, 2 * MAX_DATA, 2 * MAX_DATA + 1, MAX_APDU] {
        let apdu: Vec<u8> = (0..length).map(|index| index as u8).collect();
        assert_eq!(bench.exchange(&apdu, MAX_DATA), apdu, "{length}");
    }
}

#[test]
fn a_chain_ends_at_the_longest_apdu_that_there_is() {
    let mut bench = Bench::ready();
    let portion = vec![0; MAX_DATA];
    let mut level = part::FIRST;
    for _ in 0..MAX_APDU / MAX_DATA {
        assert_eq!(bench.fate(command::XFR_BLOCK, [0, level, 0], &portion), [0, 0]);
        level = part::MIDDLE;
    }
    assert_eq!(bench.fate(command::XFR_BLOCK, [0, level, 0], &portion), [0x40, 0xFC]);
    let on = [0, part::LAST, 0];
    assert_eq!(bench.fate(command::XFR_BLOCK, on, &[1]), [0x40, 8], "it was dropped");
}

#[test]
fn a_part_without_its_beginning_is_refused() {
    let mut bench = Bench::ready();
    for level in [part::LAST, part::MIDDLE, part::GO_ON, 4, 0x11, 0xFF] {
        let data: &[u8] = if level == part::GO_ON { &[] } else { &[1] };
        assert_eq!(bench.fate(command::XFR_BLOCK, [0, level, 0], data), [0x40, 8], "{level}");
        assert_eq!(bench.fate(command::XFR_BLOCK, [0, 0, 1], data), [0x40, 8]);
    }
    bench.ask(command::XFR_BLOCK, [0, part::FIRST, 0], &[1, 2]);
    let whole = bench.ask(command::XFR_BLOCK, [0, part::WHOLE, 0], &[3, 4, 5, 6]);
    assert_eq!(whole[10..], [3, 4, 5, 6], "a whole one takes the place of what was begun");
}

#[test]
fn an_abort_ends_the_command_once_both_its_halves_have_come_in_either_order() {
    for request_first in [true, false] {
        let mut bench = Bench::ready();
        bench.card.takes_time = true;
        let seq = bench.send(command::XFR_BLOCK, [0; 3], &[1, 2, 3, 4]);
        let aborted = Some(vec![0x80, 0, 0, 0, 0, 0, seq, 0x40, 0xFF, 0]);
        let done = Some(vec![0x81, 0, 0, 0, 0, 0, 77, 0, 0, 0]);
        if request_first {
            bench.slot.request_abort(77, &mut bench.card);
            assert_eq!(bench.next(), aborted);
            assert_eq!(bench.fate(command::GET_SLOT_STATUS, [0; 3], &[]), [0x40, 0xFF]);
            bench.send_as(77, command::ABORT, [0; 3], &[]);
        } else {
            bench.send_as(77, command::ABORT, [0; 3], &[]);
            assert_eq!(bench.next(), aborted);
            assert_eq!(bench.next(), None, "not yet");
            bench.slot.request_abort(77, &mut bench.card);
        }
        assert_eq!(bench.next(), done);
        assert_eq!(bench.card.aborts, 1);
        bench.card.takes_time = false;
        assert_eq!(bench.fate(command::XFR_BLOCK, [0; 3], &[5; 4]), [0, 0], "and all is well");
    }
}

#[test]
fn an_abort_with_another_number_is_not_the_one() {
    let mut bench = Bench::ready();
    bench.slot.request_abort(77, &mut bench.card);
    bench.send_as(78, command::ABORT, [0; 3], &[]);
    assert_eq!(bench.next(), Some(vec![0x81, 0, 0, 0, 0, 0, 78, 0x40, 0xFF, 0]));
    bench.send_as(77, command::ABORT, [0; 3], &[]);
    assert_eq!(bench.next(), Some(vec![0x81, 0, 0, 0, 0, 0, 77, 0, 0, 0]));
    bench.send_as(80, command::ABORT, [0; 3], &[]);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.fate(command::GET_SLOT_STATUS, [0; 3], &[]), [0, 0], "one half is forgotten");
}

#[test]
fn eight_answers_may_wait_and_then_the_host_is_not_listened_to() {
    let mut bench = Bench::ready();
    for number in 1..=crate::limits::MAX_ANSWERS {
        assert!(!bench.slot.answers.is_full(), "{number}");
        bench.send(command::GET_SLOT_STATUS, [0; 3], &[]);
    }
    assert!(bench.slot.answers.is_full());
    bench.next();
    assert!(!bench.slot.answers.is_full());
}

#[derive(Clone, Debug)]
enum Event {
    Message { kind: u8, specific: [u8; 3], data: Vec<u8> },
    Bytes(Vec<u8>),
    Abort(u8),
    LayOn,
    TakeOff,
    Works(bool),
    Wait(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = vec![0x62, 0x63, 0x65, 0x6C, 0x61, 0x72];
    let kind = prop_oneof![4 => Just(0x6F), 4 => prop::sample::select(kinds), 1 => any::<u8>()];
    let level = prop_oneof![Just(0_u8), Just(1), Just(2), Just(3), Just(0x10), any::<u8>()];
    let data = proptest::collection::vec(any::<u8>(), 0..40);
    let message = (kind, 0..5u8, level, data).prop_map(|(kind, a, level, data)| Event::Message {
        kind,
        specific: [a, level, 0],
        data,
    });
    prop_oneof![
        10 => message,
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Event::Bytes),
        1 => any::<u8>().prop_map(Event::Abort),
        1 => Just(Event::LayOn),
        1 => Just(Event::TakeOff),
        1 => any::<bool>().prop_map(Event::Works),
        1 => any::<u16>().prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_answers_are_well_formed_and_a_host_that_starts_afresh_is_served(
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let mut bench = Bench::ready();
        let mut insertion = 1;
        for event in events {
            match event {
                Event::Message { kind, specific, data } => _ = bench.send(kind, specific, &data),
                Event::Bytes(bytes) => bench.slot.output(&bytes, &mut bench.card, bench.now),
                Event::Abort(seq) => bench.slot.request_abort(seq, &mut bench.card),
                Event::LayOn => {
                    insertion += 1;
                    bench.card.commands.clear();
                    bench.lay_on(insertion);
                }
                Event::TakeOff => bench.take_off(),
                Event::Works(works) => bench.card.takes_time = works,
                Event::Wait(millis) => bench.wait(Duration::from_millis(millis.into())),
            }
            while let Some(answer) = bench.next() {
                prop_assert!((0x80..=0x84).contains(&answer[0]));
                prop_assert_eq!(&answer[1..5], &((answer.len() - HEAD) as u32).to_le_bytes());
                prop_assert!(answer.len() <= MAX_CCID_MESSAGE && answer[7] & 0x3F <= 2);
            }
        }
        bench.slot.output(&[], &mut bench.card, bench.now);
        bench.card.takes_time = false;
        bench.lay_on(insertion + 1);
        bench.slot.request_abort(200, &mut bench.card);
        bench.send_as(200, command::ABORT, [0; 3], &[]);
        while bench.next().is_some() {}
        let atr = bench.ask(command::ICC_POWER_ON, [0; 3], &[]);
        prop_assert_eq!(&atr[10..], ATR);
    }

    #[test]
    fn whatever_the_portions_an_apdu_and_its_response_arrive_whole(
        apdu in proptest::collection::vec(any::<u8>(), 1..20_000),
        portion in prop_oneof![1..MAX_DATA, Just(MAX_DATA)],
    ) {
        prop_assume!(apdu.len() / portion < 100);
        let mut bench = Bench::ready();
        prop_assert_eq!(bench.exchange(&apdu, portion), apdu);
    }
}
