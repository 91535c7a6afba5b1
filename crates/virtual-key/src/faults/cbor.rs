//! The part of CBOR that is needed to spoil an answer of the key itself: items of definite length, only a few
//! levels deep.

/// Adds a member to the map after the status, with the highest possible key, so that the message has `length`
/// bytes. A message that has as many already, or has no map, stays as it is.
pub(super) fn stretch(message: &mut Vec<u8>, length: usize) {
    let mut longer = message.clone();
    let filling =
        one_member_more(&mut longer).and_then(|()| filling(length.checked_sub(longer.len())?));
    if let Some(filling) = filling {
        longer.extend(filling);
        *message = longer;
    }
}

/// Has the head of the map count one more.
fn one_member_more(message: &mut Vec<u8>) -> Option<()> {
    match message.get(1..)? {
        [0xA0..=0xB6, ..] => message[1] += 1,
        [0xB7, ..] => {
            message[1] = 0xB8;
            message.insert(2, 24);
        }
        [0xB8, 24..=254, ..] => message[2] += 1,
        _ => return None,
    }
    Some(())
}

/// A key of two bytes and a byte string of zeros, `length` bytes together.
fn filling(length: usize) -> Option<Vec<u8>> {
    let rest = length.checked_sub(KEY.len())?;
    let head = match rest {
        0 => return None,
        1..=24 => vec![0x40 + rest as u8 - 1],
        25..=257 => vec![0x58, (rest - 2) as u8],
        _ => [&[0x59][..], &u16::try_from(rest - 3).ok()?.to_be_bytes()].concat(),
    };
    let zeros = vec![0; rest - head.len()];
    Some([&KEY[..], &head, &zeros].concat())
}

/// Puts the members of all maps behind the status in reverse order.
pub(super) fn reverse_maps(message: &mut [u8]) {
    if let Some((_, cbor)) = message.split_first_mut() {
        // CBOR that cannot be read stays as it is.
        let _ = reverse(cbor, 0);
    }
}

/// Reverses the maps in the item at the beginning, and tells its length.
fn reverse(bytes: &mut [u8], depth: usize) -> Option<usize> {
    let (major, count, head) = head(bytes)?;
    match major {
        BYTES | TEXT => head.checked_add(count).filter(|end| *end <= bytes.len()),
        ARRAY if depth < DEPTH => {
            let mut end = head;
            for _ in 0..count {
                end += reverse(bytes.get_mut(end..)?, depth + 1)?;
            }
            Some(end)
        }
        MAP if depth < DEPTH => {
            let (mut end, mut members) = (head, Vec::new());
            for _ in 0..count {
                let begin = end;
                end += reverse(bytes.get_mut(end..)?, depth + 1)?;
                end += reverse(bytes.get_mut(end..)?, depth + 1)?;
                members.push(bytes.get(begin..end)?.to_vec());
            }
            members.reverse();
            bytes.get_mut(head..end)?.copy_from_slice(&members.concat());
            Some(end)
        }
        ARRAY | MAP => None,
        _ => Some(head),
    }
}

/// Major type, argument, and bytes of an item's head.
fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, rest) = bytes.split_first()?;
    let following = match first & 0x1F {
        small @ 0..=23 => return Some((first >> 5, small.into(), 1)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let value = |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add((*byte).into());
    let argument = rest.get(..following)?.iter().try_fold(0, value);
    Some((first >> 5, argument?, 1 + following))
}

/// -256: in canonical order behind every key that answers have.
const KEY: [u8; 2] = [0x38, 0xFF];
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
/// Levels of the deepest answer (MSG-34), and then some.
const DEPTH: usize = 8;
