use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::limits::MESSAGE_MAX;
use crate::packet::Packet;

const CHANNEL: ChannelId = ChannelId::new(1);

fn reports(message: &[u8]) -> Vec<Report> {
    (0..).map_while(|index| report(CHANNEL, Command::Ping, message, index)).collect()
}

/// The message that these reports carry, and whether it was complete after the last and not before.
fn assemble(reports: &[Report]) -> Result<Vec<u8>, OutOfOrder> {
    let mut buffer = Vec::new();
    let Packet::Initialization(first) = Packet::parse(&reports[0]) else { panic!("no beginning") };
    let mut assembly = Assembly::begin(&first, &mut buffer);
    for report in &reports[1..] {
        assert!(!assembly.is_complete(&buffer), "complete too early");
        let Packet::Continuation(next) = Packet::parse(report) else { panic!("two beginnings") };
        assembly.add(&next, &mut buffer)?;
    }
    assert!(assembly.is_complete(&buffer), "not complete");
    Ok(buffer)
}

#[test]
fn a_hundred_bytes_are_57_and_43() {
    // V-13
    let reports = reports(&[0x55; 100]);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0][..8], [0, 0, 0, 1, 0x81, 0x00, 0x64, 0x55]);
    assert_eq!(reports[1][..6], [0, 0, 0, 1, 0x00, 0x55]);
    assert_eq!(reports[1][47], 0x55);
    assert_eq!(reports[1][48..], [0; 16]);
}

#[test]
fn the_longest_message_is_129_reports_and_ends_with_the_last_sequence_number() {
    // HD-04, V-13
    let reports = reports(&vec![0x55; usize::from(MESSAGE_MAX)]);
    assert_eq!(reports.len(), 129);
    assert_eq!(reports[0][5..7], [0x1D, 0xB9]);
    assert_eq!(reports[128][4], SEQUENCE_MAX);
    assert_eq!(reports[128][63], 0x55);
}

#[test]
fn one_byte_more_has_no_report_to_travel_in() {
    assert_eq!(reports(&vec![0x55; usize::from(MESSAGE_MAX) + 1]).len(), 129);
}

#[test]
fn every_length_makes_the_round_trip() {
    let message: Vec<u8> = (0..MESSAGE_MAX).map(|n| n.to_le_bytes()[0] ^ 0xA5).collect();
    for length in 0..=message.len() {
        let message = &message[..length];
        assert_eq!(assemble(&reports(message)).expect("in order"), message, "{length} bytes");
    }
}

proptest! {
    #[test]
    fn two_reports_in_the_wrong_order_are_refused(
        message in prop::collection::vec(any::<u8>(), 117..=usize::from(MESSAGE_MAX)),
        at in any::<prop::sample::Index>(),
    ) {
        let mut reports = reports(&message);
        let at = 1 + at.index(reports.len() - 2);
        reports.swap(at, at + 1);
        prop_assert!(assemble(&reports).is_err());
    }
}
