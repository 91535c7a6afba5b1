//! The blocks of a pcapng file that a recording is made of (draft-ietf-opsawg-pcapng, section 4), little-endian.

use std::time::{Duration, SystemTime};

/// A section header block: what made the file, and what is to be said of all of it.
pub(super) fn section(program: &str, comment: &str) -> Vec<u8> {
    let head = [&MAGIC.to_le_bytes()[..], &VERSION, &u64::MAX.to_le_bytes()].concat();
    block(
        SECTION,
        &[head, option(COMMENT, comment.as_bytes()), option(PROGRAM, program.as_bytes())],
    )
}

/// An interface description block: packets of this link type, with times in nanoseconds.
pub(super) fn interface(link_type: u16, name: &str) -> Vec<u8> {
    let head = [&link_type.to_le_bytes()[..], &[0; 6]].concat();
    let options = [option(NAME, name.as_bytes()), option(RESOLUTION, &[NANOSECONDS])];
    block(INTERFACE, &[head, options.concat(), END_OF_OPTIONS.to_vec()])
}

/// An enhanced packet block of the interface with this number in the section.
pub(super) fn packet(
    interface: u32,
    at: SystemTime,
    data: &[u8],
    comment: Option<&str>,
) -> Vec<u8> {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let head = [interface, (at >> 32) as u32, at as u32, length, length].map(u32::to_le_bytes);
    let options = comment.map(|comment| option(COMMENT, comment.as_bytes()));
    let options = options.map(|comment| [comment, END_OF_OPTIONS.to_vec()].concat());
    block(PACKET, &[head.concat(), padded(data.to_vec()), options.unwrap_or_default()])
}

/// Where the last whole block of a file ends; `None`: it is no such file, or of a machine of the other byte order.
pub(super) fn whole(file: &[u8]) -> Option<usize> {
    let mut end = 0;
    while let Some(length) = file.get(end..).and_then(whole_block) {
        end += length;
    }
    let is_ours = file.get(..4) == Some(SECTION.to_le_bytes().as_slice())
        && file.get(8..12).is_none_or(|magic| magic == MAGIC.to_le_bytes());
    (is_ours || file.is_empty()).then_some(end)
}

/// How long the block is that begins here, if all of it is there.
fn whole_block(file: &[u8]) -> Option<usize> {
    let stated = file.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
    let length = usize::try_from(stated).ok().filter(|length| *length >= 12)?;
    let last = file.get(length.checked_sub(4)?..length)?;
    (last == stated.to_le_bytes()).then_some(length)
}

fn block(kind: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = padded(parts.concat());
    let length = u32::try_from(body.len().saturating_add(12)).unwrap_or(u32::MAX).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let value = value.get(..LONGEST_OPTION).unwrap_or(value);
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    [&code.to_le_bytes()[..], &length.to_le_bytes(), &padded(value.to_vec())].concat()
}

/// To a multiple of four bytes.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

// Blocks.
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Tells the byte order.
const MAGIC: u32 = 0x1A2B_3C4D;
/// 1.0.
const VERSION: [u8; 4] = [1, 0, 0, 0];

// Options.
const COMMENT: u16 = 1;
const PROGRAM: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// As a negative power of ten.
const NANOSECONDS: u8 = 9;
const END_OF_OPTIONS: [u8; 4] = [0; 4];
/// Bytes: more than anybody reads, and much less than an option can have.
const LONGEST_OPTION: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_say_their_length_on_both_ends_and_are_multiples_of_four() {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1, 5);
        let blocks =
            [section("keyfob", "x"), interface(220, "1-1"), packet(0, at, &[1; 65], Some("hi"))];
        for block in &blocks {
            assert_eq!(whole(&section("a", "b")), Some(section("a", "b").len()));
            assert_eq!(whole_block(block), Some(block.len()));
            assert!(block.len().is_multiple_of(4));
        }
        assert_eq!(blocks[2][12..20], [0, 0, 0, 0, 5, 0xCA, 0x9A, 0x3B], "1.000000005 s");
    }

    proptest! {
        /// However much of the last block a killed process wrote.
        #[test]
        fn a_block_that_is_not_whole_is_not_counted(cut in 0..200_usize) {
            let good = [section("keyfob", ""), interface(264, "1-1")].concat();
            let next = packet(0, SystemTime::UNIX_EPOCH, &[7; 160], None);
            let file = [&good[..], &next[..cut.min(next.len() - 1)]].concat();
            prop_assert_eq!(whole(&file), Some(good.len()));
        }

        #[test]
        fn no_file_makes_it_panic(file in prop::collection::vec(any::<u8>(), 0..100)) {
            whole(&file);
        }
    }

    #[test]
    fn other_files_are_no_recordings() {
        assert_eq!(whole(b"#!/bin/sh\nexit\n"), None);
        assert_eq!(whole(&[]), Some(0));
    }
}
