//! A frame: one commit, encrypted and authenticated. It cannot be read, changed, moved, repeated, or used in
//! another file.

use std::io::{self, ErrorKind};

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::bytes::Fields;
use crate::crypto::{Key, NONCE, TAG, nonce};
use crate::limits::MAX_FRAME;

/// The file that a frame belongs to; it is a part of what the tag authenticates.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) store: [u8; 16],
    pub(crate) generation: u64,
}

impl Context {
    fn associated(&self, head: &[u8]) -> Vec<u8> {
        [&self.store[..], &self.generation.to_be_bytes(), head].concat()
    }
}

/// The part of a frame that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// The length of the whole frame in bytes.
    pub(crate) length: usize,
    /// One more than that of the frame before.
    pub(crate) sequence: u64,
    /// When this frame was written, all up to this one were durable. So a hole among those is damage, and a hole behind it
    /// may be what a power cut left.
    pub(crate) durable: u64,
}

impl FrameHead {
    /// `None`: no frame begins like this.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let length = usize::try_from(fields.u32()?).ok()?;
        let head = Self { length, sequence: fields.u64()?, durable: fields.u64()? };
        let fits = (UNIT..=MAX_FRAME).contains(&length) && length.is_multiple_of(UNIT);
        (fits && head.durable < head.sequence).then_some(head)
    }
}

/// Seals a commit. The text is written where it is sealed, so that no copy of it stays behind.
///
/// # Errors
/// `FileTooLarge`: the commit is longer than [`MAX_FRAME`]; the caller's fault.
pub(crate) fn seal(
    (key, context): (&Key, Context),
    (sequence, durable): (u64, u64),
    batch: &Batch<'_>,
    rng: &mut dyn CryptoRng,
) -> io::Result<Vec<u8>> {
    let length = length(batch).ok_or(ErrorKind::FileTooLarge)?;
    let nonce = nonce(rng);
    let mut frame = Vec::with_capacity(length);
    frame.extend(u32::try_from(length).map_err(io::Error::other)?.to_be_bytes());
    frame.extend(sequence.to_be_bytes());
    frame.extend(durable.to_be_bytes());
    let associated = context.associated(&frame);
    frame.extend(nonce);
    batch.write(&mut frame);
    frame.resize(length.saturating_sub(TAG), 0);
    let text = frame.get_mut(TEXT..).ok_or(ErrorKind::InvalidData)?;
    let tag = key.seal(&nonce, &associated, text)?;
    frame.extend(tag);
    Ok(frame)
}

/// The decrypted text of these bytes; `None`: they are not a frame of this file.
pub(crate) fn open(key: &Key, context: Context, frame: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields = Fields(frame);
    let head = fields.slice(HEAD)?;
    let nonce = fields.array::<NONCE>()?;
    let (text, tag) = fields.0.split_last_chunk::<TAG>()?;
    let mut text = Zeroizing::new(text.to_vec());
    key.open(&nonce, &context.associated(head), &mut text, tag).then_some(text)
}

/// Rounded up, so that the length tells little of the names and values; `None`: too long.
fn length(batch: &Batch<'_>) -> Option<usize> {
    let exact = batch.length().checked_add(OVERHEAD)?;
    exact.checked_next_multiple_of(UNIT).filter(|length| *length <= MAX_FRAME)
}

/// How many bytes of a commit fit beside each other at least.
pub(crate) const OVERHEAD: usize = TEXT + TAG;
/// Frames are multiples of this, and so begin at multiples of it.
pub(crate) const UNIT: usize = 64;
/// Length, sequence, durable.
pub(crate) const HEAD: usize = 4 + 8 + 8;
const TEXT: usize = HEAD + NONCE;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::record::Change;

    const HERE: Context = Context { store: [1; 16], generation: 2 };

    fn sample() -> (Key, Vec<u8>) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = Key::random(&mut rng);
        let changes = [Change::set(b"name", b"value")];
        let batch = Batch::new(&changes).unwrap();
        let frame = seal((&key, HERE), (7, 5), &batch, &mut rng).unwrap();
        (key, frame)
    }

    #[test]
    fn what_is_sealed_is_opened_with_what_it_says_in_clear() {
        let (key, frame) = sample();
        let head = FrameHead { length: frame.len(), sequence: 7, durable: 5 };
        assert_eq!(FrameHead::read(&frame), Some(head));
        assert!(frame.len().is_multiple_of(UNIT));
        let text = open(&key, HERE, &frame).unwrap();
        assert!(text.starts_with(b"\x01\0\x04\0\0\0\x05namevalue\0"));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_frame_is_noticed() {
        let (key, whole) = sample();
        for bit in 0..whole.len() * 8 {
            let mut frame = whole.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, HERE, &frame).is_none(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(&key, HERE, &whole[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn a_frame_of_another_file_or_another_generation_is_not_taken() {
        let (key, frame) = sample();
        assert!(open(&key, Context { generation: 3, ..HERE }, &frame).is_none());
        assert!(open(&key, Context { store: [2; 16], ..HERE }, &frame).is_none());
        assert!(open(&key.duplicate(), HERE, &frame).is_some());
    }

    #[test]
    fn the_longest_commit_is_sealed_and_one_byte_more_is_refused() {
        let (key, mut rng) = (sample().0, ChaCha20Rng::seed_from_u64(1));
        let mut sealed = |length: usize| {
            let value = vec![0; length];
            let changes = [Change::set(b"", &value)];
            seal((&key, HERE), (7, 5), &Batch::new(&changes).unwrap(), &mut rng)
        };
        let longest = MAX_FRAME - OVERHEAD - 7;
        assert_eq!(sealed(longest).unwrap().len(), MAX_FRAME);
        assert_eq!(sealed(longest + 1).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
