//! The pcapng blocks of a recording (draft-ietf-opsawg-pcapng, section 4), little-endian.

use std::io::{self, Read, Seek};
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

/// Where the last whole block of a file ends. `None`: it is not such a file, or comes from a machine with the other
/// byte order.
///
/// # Errors
/// What the medium says.
pub(super) fn whole(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let mut head = Vec::new();
    file.rewind()?;
    file.by_ref().take(12).read_to_end(&mut head)?;
    let is_ours = head.get(..4) == Some(SECTION.to_le_bytes().as_slice())
        && head.get(8..).is_none_or(|magic| MAGIC.to_le_bytes().starts_with(magic));
    if !is_ours && !head.is_empty() {
        return Ok(None);
    }
    file.rewind()?;
    let mut end = 0;
    while let Some(length) = pass_block(file)? {
        end += u64::from(length);
    }
    Ok(Some(end))
}

/// How long the block is that begins here, if all of it is there; reads on behind it.
fn pass_block(file: &mut (impl Read + Seek)) -> io::Result<Option<u32>> {
    let Some([_, _, _, _, length @ ..]) = read::<8>(file)? else { return Ok(None) };
    let stated = u32::from_le_bytes(length);
    if stated < AROUND {
        return Ok(None);
    }
    file.seek_relative(i64::from(stated - AROUND))?;
    Ok((read(file)? == Some(length)).then_some(stated))
}

/// The next `N` bytes; `None`: there are fewer.
fn read<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn block(kind: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = padded(parts.concat());
    let length =
        u32::try_from(body.len().saturating_add(AROUND as usize)).unwrap_or(u32::MAX).to_le_bytes();
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
/// Bytes: type, and length on both ends.
const AROUND: u32 = 12;
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
/// A negative power of ten.
const NANOSECONDS: u8 = 9;
const END_OF_OPTIONS: [u8; 4] = [0; 4];
/// Bytes: more than anybody reads, and much less than an option can have.
const LONGEST_OPTION: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn whole(file: &[u8]) -> Option<u64> {
        super::whole(&mut Cursor::new(file)).unwrap()
    }

    #[test]
    fn blocks_say_their_length_on_both_ends_and_are_multiples_of_four() {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1, 5);
        let blocks =
            [section("keyfob", "x"), interface(220, "1-1"), packet(0, at, &[1; 65], Some("hi"))];
        for block in &blocks {
            assert_eq!(pass_block(&mut Cursor::new(block)).unwrap(), Some(block.len() as u32));
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
            prop_assert_eq!(whole(&file), Some(good.len() as u64));
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
