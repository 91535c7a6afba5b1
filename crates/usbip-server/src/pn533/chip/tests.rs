use proptest::prelude::*;

use super::super::frame::tests::{answered, command_frame};
use super::*;
use crate::smart_card::tests::{ATR, Mirror};

/// A reader and what lies on it, as a host has them.
#[derive(Default)]
struct Bench {
    card: Mirror,
    chip: Chip,
}

impl Bench {
    fn with_card() -> Self {
        let mut bench = Self::default();
        bench.lay_on(1);
        bench
    }

    /// With a card that has power.
    fn ready() -> Self {
        let mut bench = Self::with_card();
        assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A])[0], 1);
        bench
    }

    fn lay_on(&mut self, insertion: u32) {
        self.card.insertion = Some(insertion);
        self.card.has_power = false;
        self.card.commands.clear();
        self.look();
    }

    fn take_off(&mut self) {
        self.card.insertion = None;
        self.card.commands.clear();
        self.look();
    }

    fn look(&mut self) {
        self.chip.look(&mut self.card);
    }

    fn send(&mut self, transfer: &[u8]) {
        self.chip.output(transfer, &mut self.card);
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        self.chip.answers.next()
    }

    /// Sends a command that is answered at once; what stands behind the answer's code.
    fn ask(&mut self, code: u8, parameters: &[u8]) -> Vec<u8> {
        self.send(&command_frame(code, parameters));
        self.acknowledged();
        self.answer_to(code)
    }

    fn acknowledged(&mut self) {
        assert_eq!(self.next().as_deref(), Some(&ACK[..]), "in a transfer of its own");
    }

    fn answer_to(&mut self, code: u8) -> Vec<u8> {
        let (answered, content) = answered(&self.next().expect("an answer"));
        assert_eq!(answered, code);
        assert_eq!(self.next(), None, "one answer");
        content
    }

    fn exchange(&mut self, number: u8, data: &[u8]) -> Vec<u8> {
        self.ask(command::IN_DATA_EXCHANGE, &[&[number], data].concat())
    }

    /// A command APDU in parts of so many bytes, and all of the response that comes of it.
    fn transceive(&mut self, apdu: &[u8], portion: usize) -> Vec<u8> {
        let parts: Vec<&[u8]> = apdu.chunks(portion).collect();
        let (last, others) = parts.split_last().expect("an APDU");
        for part in others {
            assert_eq!(self.exchange(CARD | MORE, part), [0]);
        }
        let (mut part, mut response) = (self.exchange(CARD, last), Vec::new());
        loop {
            response.extend(&part[1..]);
            match part[0] {
                0 => return response,
                MORE => part = self.exchange(CARD, &[]),
                status => panic!("status {status:#x}"),
            }
        }
    }
}

// What Linux 6.1 sends when it finds a reader, switches it on, and when libfido2 opens, uses and closes a key.
#[test]
fn the_kernel_and_libfido2_get_what_they_ask() {
    let mut bench = Bench::with_card();
    assert_eq!(bench.ask(command::GET_FIRMWARE_VERSION, &[]), FIRMWARE);
    assert_eq!(bench.ask(command::RF_CONFIGURATION, &[0x05, 2, 1, 0]), b"");
    assert_eq!(bench.ask(command::RF_CONFIGURATION, &[0x02, 0x0B, 0x0B, 0x0C]), b"");
    assert_eq!(bench.ask(command::RF_CONFIGURATION, &[0x01, 0x03]), b"");
    assert!(!bench.card.has_power);
    let found = bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, 0]);
    let target = [1, 1, 0x00, 0x04, 0x20, 4, 0x08, 0, 0, 1, 5, 0x78, 0x80, 0x80, 0x00];
    assert_eq!((found, bench.card.has_power), (target.to_vec(), true));
    assert_eq!(bench.exchange(1, &[0, 0xA4, 4, 0]), [0, 0, 0xA4, 4, 0]);
    assert_eq!(bench.ask(command::IN_RELEASE, &[1]), [0]);
    assert!(!bench.card.has_power);
}

#[test]
fn an_ats_has_the_historical_bytes_of_the_atr() {
    assert_eq!(ats(&ATR), [5, 0x78, 0x80, 0x80, 0x00]);
    assert_eq!(ats(&[0x3B, 0x82, 0x80, 1, 7, 8, 0]), [7, 0x78, 0x80, 0x80, 0x00, 7, 8]);
    for not_contactless in [&[][..], &[0x3B], &[0x3B, 0x02, 7, 8]] {
        assert_eq!(ats(not_contactless), [5, 0x78, 0x80, 0x80, 0x00]);
    }
}

#[test]
fn only_a_card_of_type_a_is_found_and_only_where_there_is_one() {
    let mut bench = Bench::with_card();
    for modulation in [1, 2, 3, 4, 8, 255] {
        assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, modulation, 0, 0]), [0]);
    }
    bench.card.is_mute = true;
    assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A]), [0]);
    bench.card.is_mute = false;
    bench.take_off();
    assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A]), [0]);
}

#[test]
fn looking_again_and_switching_the_field_off_take_the_cards_power() {
    let mut bench = Bench::ready();
    assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A])[0], 1);
    assert_eq!(bench.card.power_ups, 2);
    assert_eq!(bench.ask(command::RF_CONFIGURATION, &[0x01, 0x02]), b"");
    assert!(!bench.card.has_power);
    assert_eq!(bench.exchange(1, &[1]), [0x27]);
}

#[test]
fn what_the_chip_does_not_know_has_the_error_frame_behind_its_acknowledgement() {
    let mut bench = Bench::ready();
    let unknown = [(0x00, &[0_u8][..]), (0x56, &[1, 2, 0]), (0x8C, &[2]), (0xFF, &[])];
    let not_so = [(0x02, &[0][..]), (0x32, &[]), (0x32, &[1]), (0x32, &[5, 2, 1]), (0x32, &[9, 0])];
    let nor_so = [(0x40, &[][..]), (0x4A, &[]), (0x4A, &[1]), (0x4A, &[0, 0]), (0x4A, &[3, 0])];
    let nor_that = [(0x52, &[][..]), (0x52, &[1, 1])];
    for (code, parameters) in [&unknown[..], &not_so, &nor_so, &nor_that].concat() {
        bench.send(&command_frame(code, parameters));
        bench.acknowledged();
        assert_eq!(bench.next().as_deref(), Some(&ERROR[..]), "{code:#x} {parameters:x?}");
    }
    bench.send(&ERROR);
    bench.acknowledged();
    assert_eq!(bench.next().as_deref(), Some(&ERROR[..]), "no command at all");
    assert_eq!(bench.exchange(1, &[1]), [0, 1], "and nothing has changed");
}

#[test]
fn a_broken_frame_has_no_answer_and_changes_nothing() {
    let mut bench = Bench::ready();
    let whole = command_frame(command::IN_RELEASE, &[1]);
    for at in [3, 4, 5, 6, 7, 8] {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        bench.send(&broken);
        assert_eq!(bench.next(), None, "{broken:x?}");
    }
    assert!(bench.card.has_power);
}

#[test]
fn there_is_one_card_and_it_has_the_number_1() {
    let mut bench = Bench::ready();
    assert_eq!(bench.exchange(2, &[1]), [0x27]);
    assert_eq!(bench.exchange(CARD, &[]), [0x27], "nothing to send");
    assert_eq!(bench.ask(command::IN_RELEASE, &[2]), [0x27]);
    assert!(bench.card.has_power);
    assert_eq!(bench.ask(command::IN_RELEASE, &[0]), [0]);
    assert!(!bench.card.has_power);
}

#[test]
fn a_card_that_takes_its_time_is_waited_for() {
    let mut bench = Bench::ready();
    bench.card.takes_time = true;
    bench.send(&command_frame(command::IN_DATA_EXCHANGE, &[1, 9]));
    bench.acknowledged();
    bench.look();
    assert_eq!(bench.next(), None);
    assert!(bench.chip.is_waiting());
    bench.card.takes_time = false;
    bench.look();
    assert_eq!(bench.answer_to(command::IN_DATA_EXCHANGE), [0, 9]);
    assert!(!bench.chip.is_waiting());
}

#[test]
fn a_card_taken_off_in_the_middle_does_not_answer_and_another_one_must_be_found_first() {
    let mut bench = Bench::ready();
    bench.card.takes_time = true;
    bench.send(&command_frame(command::IN_DATA_EXCHANGE, &[1, 9]));
    bench.acknowledged();
    bench.take_off();
    assert_eq!(bench.answer_to(command::IN_DATA_EXCHANGE), [0x01]);
    bench.card.takes_time = false;
    bench.lay_on(2);
    assert_eq!(bench.exchange(1, &[9]), [0x27]);
    assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A])[6..10], [0x08, 0, 0, 2]);
    assert_eq!(bench.exchange(1, &[9]), [0, 9]);
}

#[test]
fn an_acknowledgement_by_the_host_and_a_new_command_end_the_one_under_way() {
    for end in [ACK.to_vec(), command_frame(command::GET_FIRMWARE_VERSION, &[])] {
        let mut bench = Bench::ready();
        bench.card.takes_time = true;
        bench.send(&command_frame(command::IN_DATA_EXCHANGE, &[1, 9]));
        bench.send(&end);
        assert_eq!(bench.card.aborts, 1);
        bench.card.takes_time = false;
        bench.look();
        if end != ACK {
            bench.acknowledged();
            assert_eq!(bench.answer_to(command::GET_FIRMWARE_VERSION), FIRMWARE);
        }
        assert_eq!(bench.next(), None, "what was not taken is gone, too");
        assert_eq!(bench.exchange(1, &[9]), [0, 9]);
    }
}

#[test]
fn an_answer_that_did_not_arrive_is_sent_again() {
    const NACK: [u8; 6] = [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00];
    let mut bench = Bench::ready();
    assert_eq!(bench.exchange(1, &[9]), [0, 9]);
    for _ in 0..2 {
        bench.send(&NACK);
        assert_eq!(bench.answer_to(command::IN_DATA_EXCHANGE), [0, 9]);
    }
    bench.send(&ACK);
    bench.send(&NACK);
    assert_eq!(bench.next(), None, "there is none");
}

#[test]
fn a_command_and_its_response_have_262_bytes_at_most_and_longer_ones_come_in_parts() {
    let mut bench = Bench::ready();
    let whole = vec![7; MAX_PN533_DATA];
    assert_eq!(bench.exchange(CARD, &whole), [&[0], &whole[..]].concat());
    assert_eq!(bench.exchange(CARD | MORE, &whole), [0]);
    let first = bench.exchange(CARD, &[8]);
    assert_eq!(first, [&[MORE], &whole[..]].concat());
    assert_eq!(bench.exchange(CARD, &[]), [0, 8]);
    assert_eq!(bench.exchange(CARD, &[]), [0x27], "that was all");
}

#[test]
fn a_response_that_is_not_fetched_is_forgotten_for_the_next_command() {
    let mut bench = Bench::ready();
    assert_eq!(bench.exchange(CARD | MORE, &[7; 200]), [0]);
    assert_eq!(bench.exchange(CARD, &[7; 200])[0], MORE);
    assert_eq!(bench.exchange(CARD, &[9]), [0, 9]);
}

#[test]
fn an_apdu_has_65_544_bytes_at_most() {
    for (length, fits) in [(MAX_APDU, true), (MAX_APDU + 1, false)] {
        let mut bench = Bench::ready();
        let apdu = vec![7; length];
        let parts: Vec<&[u8]> = apdu.chunks(MAX_PN533_DATA).collect();
        let (last, others) = parts.split_last().expect("many parts");
        for part in others {
            assert_eq!(bench.exchange(CARD | MORE, part), [0]);
        }
        assert_eq!(bench.exchange(CARD, last)[0], if fits { MORE } else { 0x07 });
    }
}

#[derive(Clone, Debug)]
enum Event {
    Command { code: u8, parameters: Vec<u8> },
    Bytes(Vec<u8>),
    Ack,
    LayOn,
    TakeOff,
    Works(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let code = prop_oneof![
        6 => prop::sample::select(vec![0x02, 0x32, 0x4A, 0x52]),
        6 => Just(command::IN_DATA_EXCHANGE),
        1 => any::<u8>(),
    ];
    let first = prop_oneof![0..3u8, Just(CARD | MORE), any::<u8>()];
    let rest = proptest::collection::vec(any::<u8>(), 0..MAX_PN533_DATA);
    let command = (code, first, rest).prop_map(|(code, first, rest)| Event::Command {
        code,
        parameters: [&[first], &rest[..]].concat(),
    });
    prop_oneof![
        10 => command,
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Event::Bytes),
        1 => Just(Event::Ack),
        1 => Just(Event::LayOn),
        1 => Just(Event::TakeOff),
        1 => any::<bool>().prop_map(Event::Works),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_frames_are_well_formed_and_a_host_that_starts_afresh_is_served(
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let (mut bench, mut insertion) = (Bench::ready(), 1);
        for event in events {
            match event {
                Event::Command { code, parameters } => {
                    bench.send(&command_frame(code, &parameters));
                    bench.acknowledged();
                }
                Event::Bytes(bytes) => bench.send(&bytes),
                Event::Ack => bench.send(&ACK),
                Event::LayOn => {
                    insertion += 1;
                    bench.lay_on(insertion);
                }
                Event::TakeOff => bench.take_off(),
                Event::Works(works) => bench.card.takes_time = works,
            }
            while let Some(frame) = bench.next() {
                prop_assert!(frame.len() <= 275, "Linux has room for no more");
                if frame != ACK && frame != ERROR {
                    answered(&frame);
                }
            }
        }
        bench.card.takes_time = false;
        bench.lay_on(insertion + 1);
        prop_assert_eq!(bench.ask(command::IN_LIST_PASSIVE_TARGET, &[1, TYPE_A])[0], 1);
        prop_assert_eq!(bench.exchange(1, &[9]), [0, 9]);
    }

    #[test]
    fn whatever_the_portions_an_apdu_and_its_response_arrive_whole(
        apdu in proptest::collection::vec(any::<u8>(), 1..9000),
        portion in 1..=MAX_PN533_DATA,
    ) {
        prop_assume!(apdu.len() / portion < 100);
        prop_assert_eq!(Bench::ready().transceive(&apdu, portion), apdu);
    }
}
