use std::vec;

use proptest::prelude::*;

use super::*;

fn body(bytes: &[u8]) -> Option<(&[u8], usize)> {
    Body::parse(bytes).map(|body| (body.data, body.expected))
}

#[test]
fn every_case_of_lengths_is_read() {
    // NF-12, UF-01, UF-02: the cases of ISO/IEC 7816-3 section 12.1.3.
    assert_eq!(body(&[]), Some((&[][..], 256)));
    assert_eq!(body(&[7]), Some((&[][..], 7)));
    assert_eq!(body(&[0]), Some((&[][..], 256)));
    assert_eq!(body(&[2, 5, 6]), Some((&[5, 6][..], 256)));
    assert_eq!(body(&[2, 5, 6, 7]), Some((&[5, 6][..], 7)));
    assert_eq!(body(&[0, 1, 2]), Some((&[][..], 0x0102)));
    assert_eq!(body(&[0, 0, 2, 5, 6]), Some((&[5, 6][..], 65_536)));
    assert_eq!(body(&[0, 0, 2, 5, 6, 1, 0]), Some((&[5, 6][..], 256)));
}

#[test]
fn an_extended_le_of_0000_is_not_data() {
    // NF-12
    assert_eq!(body(&[0, 0, 0]), Some((&[][..], 65_536)));
    assert_eq!(body(&[0, 0, 1, 9, 0, 0]), Some((&[9][..], 65_536)));
}

#[test]
fn lengths_of_nothing_that_are_both_there_are_read() {
    // UF-03
    assert_eq!(body(&[0, 0, 0, 0, 0]), Some((&[][..], 65_536)));
    assert_eq!(body(&[0, 0]), Some((&[][..], 256)));
}

#[test]
fn a_length_that_does_not_fit_is_none() {
    // NF-18
    for wrong in [
        &[2, 5][..],
        &[2, 5, 6, 7, 8],
        &[255, 4, 0],
        &[0, 0, 255, 4],
        &[0, 0, 255, 4, 0, 0],
        &[0, 0, 1, 9, 0],
        &[0, 0, 1, 9, 0, 0, 0],
        &[0, 0, 0, 0],
        &[1, 2, 3, 4],
    ] {
        assert_eq!(body(wrong), None, "{wrong:?}");
    }
    assert!(Header::parse(&[0, 1, 2]).is_none());
}

proptest! {
    /// NF-12, NF-18: what is written is read again, and no bytes at all upset the reader.
    #[test]
    fn what_is_written_is_read(
        (data, length) in prop_oneof![
            (prop::collection::vec(any::<u8>(), 0..=255), Just(Length::Short)),
            (prop::collection::vec(any::<u8>(), 0..=7609), Just(Length::Extended)),
        ],
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let header = Header { class: 0x80, instruction: 0x10, p1: 0x80, p2: 0 };
        for (apdu, asks) in [(header.command(&data, length), true), (header.part(&data, length), false)] {
            let (read, rest) = Header::parse(&apdu).expect("four bytes");
            prop_assert_eq!(read, header);
            let Body { data: same, expected } = Body::parse(rest).expect("right lengths");
            prop_assert_eq!(same, &data[..]);
            if asks || !data.is_empty() {
                prop_assert_eq!(expected, length.answer_max());
            }
        }
        let read = Body::parse(&noise).map_or(vec![], |body| body.data.to_vec());
        prop_assert!(read.len() <= noise.len());
    }
}
