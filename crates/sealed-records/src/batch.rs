//! The changes of one commit, as the text of one frame. After a power cut, all of it is there or nothing.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use crate::bytes::Fields;
use crate::limits::MAX_NAME;
use crate::record::Change;

/// Changes by name. The last one of a name is the one that counts.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    changes: BTreeMap<&'a [u8], Option<&'a [u8]>>,
}

impl<'a> Batch<'a> {
    /// # Errors
    /// `InvalidInput`: a name is too long; the caller's fault.
    pub(crate) fn new(changes: &[Change<'a>]) -> io::Result<Self> {
        if changes.iter().any(|change| change.name.len() > MAX_NAME) {
            return Err(ErrorKind::InvalidInput.into());
        }
        Ok(Self { changes: changes.iter().map(|change| (change.name, change.value)).collect() })
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'a>> + '_ {
        self.changes.iter().map(|(name, value)| Change { name, value: *value })
    }

    /// How many bytes [`write`](Self::write) appends.
    pub(crate) fn length(&self) -> usize {
        self.changes().map(length).fold(0, usize::saturating_add)
    }

    /// Appends the text. A frame fills up with zeros behind it.
    pub(crate) fn write(&self, text: &mut Vec<u8>) {
        for change in self.changes() {
            let name = u16::try_from(change.name.len()).unwrap_or_default().to_be_bytes();
            match change.value {
                Some(value) => {
                    text.push(SET);
                    text.extend(name);
                    text.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
                    text.extend(change.name);
                    text.extend(value);
                }
                None => {
                    text.push(REMOVE);
                    text.extend(name);
                    text.extend(change.name);
                }
            }
        }
    }
}

/// How many bytes a change takes in a frame.
pub(crate) fn length(change: Change<'_>) -> usize {
    let value = change.value.map_or(0, |value| value.len().saturating_add(4));
    value.saturating_add(change.name.len()).saturating_add(3)
}

/// The changes in a frame's text; `None`: no version 1 wrote this.
pub(crate) fn read(text: &[u8]) -> Option<Vec<Change<'_>>> {
    let mut fields = Fields(text);
    let mut changes = Vec::new();
    loop {
        match fields.array::<1>() {
            None | Some([END]) => break,
            Some([kind]) => changes.push(change(kind, &mut fields)?),
        }
    }
    fields.0.iter().all(|byte| *byte == 0).then_some(changes)
}

fn change<'a>(kind: u8, fields: &mut Fields<'a>) -> Option<Change<'a>> {
    let name = usize::from(fields.u16()?);
    match kind {
        SET => {
            let value = usize::try_from(fields.u32()?).ok()?;
            Some(Change::set(fields.slice(name)?, fields.slice(value)?))
        }
        REMOVE => Some(Change::remove(fields.slice(name)?)),
        _ => None,
    }
}

const END: u8 = 0;
const SET: u8 = 1;
const REMOVE: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_two_changes_to_a_record_the_last_one_counts() {
        let changes = [Change::set(b"a", b"1"), Change::remove(b"b"), Change::set(b"a", b"2")];
        let batch = Batch::new(&changes).unwrap();
        let mut text = Vec::new();
        batch.write(&mut text);
        assert_eq!(text, b"\x01\0\x01\0\0\0\x01a2\x02\0\x01b");
        assert_eq!(batch.length(), text.len());
    }

    #[test]
    fn a_name_may_have_2048_bytes_and_not_one_more() {
        assert!(Batch::new(&[Change::remove(&[0; MAX_NAME])]).is_ok());
        let refusal = Batch::new(&[Change::remove(&[0; MAX_NAME + 1])]).err().unwrap();
        assert_eq!(refusal.kind(), ErrorKind::InvalidInput);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            records in proptest::collection::btree_map(
                proptest::collection::vec(any::<u8>(), 0..20),
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
                0..8,
            ),
            padding in 0..70_usize,
        ) {
            let changes: Vec<_> = records
                .iter()
                .map(|(name, value)| Change { name, value: value.as_deref() })
                .collect();
            let mut text = Vec::new();
            Batch::new(&changes).unwrap().write(&mut text);
            text.resize(text.len() + padding, 0);
            let found: Vec<_> = read(&text)
                .unwrap()
                .into_iter()
                .map(|change| (change.name.to_vec(), change.value.map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(found, records.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in proptest::collection::vec(0..4_u8, 0..100)) {
            let _ = read(&text);
        }
    }
}
