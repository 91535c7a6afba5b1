//! Texts of any kind as files of credentials: WebDriver's, DevTools', Playwright's, CXF.
//!
//! What is read and written again, in the format that holds everything, is the same once more; whatever is written in another format is
//! read again, as far as it was written; what is refused is refused with a reason.
#![no_main]

use keyfob_fuzz::plant;
use libfuzzer_sys::fuzz_target;
use virtual_key::credential_formats::{Format, read, write};

fuzz_target!(init: plant(seeds), |text: &str| {
    let import = match read(text) {
        Ok(import) => import,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty() && !refusal.advice().is_empty());
            return;
        }
    };
    let whole = write(Format::Keyfob, &import.credentials, 0);
    assert_eq!((whole.taken.len(), whole.notes.len()), (import.credentials.len(), 0), "nothing is lost");
    let again = read(&whole.text).expect("what was written");
    assert_eq!(write(Format::Keyfob, &again.credentials, 0).text, whole.text, "the same once more");
    for format in Format::ALL {
        let export = write(format, &import.credentials, 0);
        let left_out = export.taken.len() < import.credentials.len();
        assert!(!left_out || !export.notes.is_empty(), "{format}: left out in silence");
        let read = read(&export.text).expect("what was written");
        assert_eq!(read.credentials.len(), export.taken.len(), "{format}");
    }
});

/// The examples of the documentation.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let page = include_str!("../../../docs/credentials.md");
    let examples = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let named = |(number, text): (usize, &str)| (format!("example-{number}"), text.as_bytes().to_vec());
    examples.enumerate().map(named).collect()
}
