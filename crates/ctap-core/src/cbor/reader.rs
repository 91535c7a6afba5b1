//! The strict reader: it takes canonical CBOR and refuses everything else (MSG-30 to MSG-39). It borrows and
//! allocates nothing. Walking through a container checks its items once more; because containers are at most four
//! levels deep, each item is checked only a few times.
//!
//! [`Map::parse`] checks a whole message first. So malformed CBOR (0x12) comes before a wrong type (0x11), and that
//! before a missing member (0x14) (MSG-44). After this check the message can be read without checking its form
//! again.

use crate::limits::MAX_CBOR_DEPTH;
use crate::status::Status;

/// One well-formed canonical data item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a>(&'a [u8]);

/// A well-formed canonical map: an iterator over its entries, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map<'a> {
    left: u64,
    rest: &'a [u8],
}

/// A well-formed canonical array: an iterator over its elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    left: u64,
    rest: &'a [u8],
}

/// Judges a whole message: exactly one canonical item, nothing after it (MSG-35, MSG-36).
fn well_formed(bytes: &[u8]) -> Result<Item<'_>, Status> {
    match take_item(bytes, 0) {
        Some((item, [])) => Ok(item),
        _ => Err(Status::InvalidCbor),
    }
}

impl<'a> Map<'a> {
    /// The parameters of a command: one canonical map. Anything but a map has the wrong type (0x11).
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        well_formed(bytes)?.map()
    }

    /// The entries with integer keys; all other keys are unknown to every command and skipped (MSG-38).
    pub(crate) fn by_number(self) -> impl Iterator<Item = (i128, Item<'a>)> {
        self.filter_map(|(key, value)| Some((key.integer().ok()?, value)))
    }

    /// The entries with text keys; others are skipped (MSG-38).
    pub(crate) fn by_name(self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        self.filter_map(|(key, value)| Some((key.text().ok()?, value)))
    }
}

impl<'a> Iterator for Map<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (key, rest) = take_item(self.rest, 0)?;
        let (value, rest) = take_item(rest, 0)?;
        self.rest = rest;
        Some((key, value))
    }
}

impl Elements<'_> {
    /// How many elements are left.
    pub(crate) const fn len(&self) -> u64 {
        self.left
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (item, rest) = take_item(self.rest, 0)?;
        self.rest = rest;
        Some(item)
    }
}

/// Each of these answers 0x11 when the item has another type (MSG-39).
impl<'a> Item<'a> {
    /// The item as it came, for MACs over received bytes (MSG-52).
    pub(crate) const fn raw(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn unsigned(self) -> Result<u64, Status> {
        match self.head() {
            Head { major: UNSIGNED, argument, .. } => Ok(argument),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    /// Wide enough for every CBOR integer, so that no number is out of range (MSG-50).
    pub(crate) fn integer(self) -> Result<i128, Status> {
        match self.head() {
            Head { major: UNSIGNED, argument, .. } => Ok(i128::from(argument)),
            Head { major: NEGATIVE, argument, .. } => Ok(!i128::from(argument)),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], Status> {
        match self.head() {
            Head { major: BYTES, rest, .. } => Ok(rest),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, Status> {
        match self.head() {
            Head { major: TEXT, rest, .. } => {
                core::str::from_utf8(rest).map_err(|_| Status::InvalidCbor)
            }
            _ => Err(Status::CborUnexpectedType),
        }
    }

    /// Only F4 and F5: null is not "absent" (MSG-49).
    pub(crate) fn boolean(self) -> Result<bool, Status> {
        match self.0 {
            [FALSE] => Ok(false),
            [TRUE] => Ok(true),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    pub(crate) fn array(self) -> Result<Elements<'a>, Status> {
        match self.head() {
            Head { major: ARRAY, argument, rest } => Ok(Elements { left: argument, rest }),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    pub(crate) fn map(self) -> Result<Map<'a>, Status> {
        match self.head() {
            Head { major: MAP, argument, rest } => Ok(Map { left: argument, rest }),
            _ => Err(Status::CborUnexpectedType),
        }
    }

    /// An item was checked before it was made, so it always has a head.
    fn head(self) -> Head<'a> {
        take_head(self.0).unwrap_or(Head { major: SIMPLE, argument: 0, rest: &[] })
    }
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

/// The initial bytes of an item, and all that follows them.
struct Head<'a> {
    major: u8,
    argument: u64,
    rest: &'a [u8],
}

/// Splits the first item off `input`; `None` if it is not canonical. `depth` counts the containers around it, so the
/// recursion is never deeper than [`MAX_CBOR_DEPTH`].
fn take_item(input: &[u8], depth: usize) -> Option<(Item<'_>, &[u8])> {
    let Head { major, argument, rest } = take_head(input)?;
    let rest = match major {
        UNSIGNED | NEGATIVE | SIMPLE => rest,
        BYTES => rest.get(usize::try_from(argument).ok()?..)?,
        TEXT => {
            let (text, rest) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            core::str::from_utf8(text).ok()?;
            rest
        }
        ARRAY => skip_array(rest, argument, deeper(depth)?)?,
        MAP => skip_map(rest, argument, deeper(depth)?)?,
        _ => return None, // tags (MSG-33)
    };
    let length = input.len().checked_sub(rest.len())?;
    Some((Item(input.get(..length)?), rest))
}

fn deeper(depth: usize) -> Option<usize> {
    depth.checked_add(1).filter(|depth| *depth <= MAX_CBOR_DEPTH)
}

/// A count that the input cannot hold ends the loop at the end of the input, however large it is.
fn skip_array(mut rest: &[u8], count: u64, depth: usize) -> Option<&[u8]> {
    for _ in 0..count {
        rest = take_item(rest, depth)?.1;
    }
    Some(rest)
}

/// Keys are scalars in ascending order of their bytes, which is the canonical order and leaves no room for duplicates
/// (MSG-32, MSG-33).
fn skip_map(mut rest: &[u8], count: u64, depth: usize) -> Option<&[u8]> {
    let mut previous: &[u8] = &[];
    for _ in 0..count {
        let (key, after_key) = take_item(rest, depth)?;
        if key.0 <= previous || matches!(key.head().major, ARRAY | MAP) {
            return None;
        }
        previous = key.0;
        rest = take_item(after_key, depth)?.1;
    }
    Some(rest)
}

/// Reads a head in its shortest form only (MSG-30, MSG-31).
///
/// For a string, `rest` is the whole remaining input. An [`Item`] holds only its own bytes, so there `rest` is the
/// content.
fn take_head(input: &[u8]) -> Option<Head<'_>> {
    let (&first, rest) = input.split_first()?;
    let (major, information) = (first >> 5, first & 0x1f);
    let (argument, rest) = match information {
        0..=23 => (u64::from(information), rest),
        24 => take_argument::<1>(rest, 24)?,
        25 => take_argument::<2>(rest, 0x100)?,
        26 => take_argument::<4>(rest, 0x1_0000)?,
        27 => take_argument::<8>(rest, 0x1_0000_0000)?,
        _ => return None, // reserved, indefinite length
    };
    // Floating point numbers have no place in CTAP; one-byte simple values below 32 are malformed.
    let is_simple = information <= 23 || (information == 24 && argument >= 32);
    (major != SIMPLE || is_simple).then_some(Head { major, argument, rest })
}

/// A big-endian argument of `N` bytes that did not fit a shorter form.
fn take_argument<const N: usize>(input: &[u8], least: u64) -> Option<(u64, &[u8])> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    let argument = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    (argument >= least).then_some((argument, rest))
}

#[cfg(test)]
mod tests;
