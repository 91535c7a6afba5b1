//! systemd's journal, where it takes the streams of this process: it is given what is logged with its fields, in its own protocol
//! (JOURNAL_NATIVE_PROTOCOL), and warnings with their priority before them (sd-daemon(3)).

use std::env;
use std::fmt::{self, Write as _};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Whether what is written there becomes lines of the journal.
pub(crate) fn takes(stream: impl AsFd) -> bool {
    let named = env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(stream).is_ok_and(|it| named == format!("{}:{}", it.st_dev, it.st_ino))
}

/// What the journal reads before a line as its priority: a warning.
pub(crate) const WARNING: &str = "<4>";

/// Where what is logged goes. It never waits: what the journal does not take at once is lost, and counted.
pub(crate) struct Journal {
    socket: UnixDatagram,
    /// How many entries were lost since the last one that was not.
    lost: AtomicU64,
}

impl Journal {
    /// The one of this machine.
    ///
    /// # Errors
    /// There is none, or it lets nobody in here.
    pub(crate) fn open() -> io::Result<Self> {
        Self::at(Path::new("/run/systemd/journal/socket"))
    }

    fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, lost: AtomicU64::new(0) })
    }

    fn enter(&self, mut entry: Entry) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            entry.field("KEYFOB_LOST_BEFORE", &lost.to_string());
        }
        if self.socket.send(&entry.finished()).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let metadata = event.metadata();
        entry.field("PRIORITY", priority(*metadata.level()));
        entry.field("SYSLOG_IDENTIFIER", "keyfob");
        entry.field("TARGET", metadata.target());
        self.enter(entry);
    }
}

/// As syslog(3) numbers them. `trace` has none of its own.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// One entry of the journal as it is put together.
#[derive(Default)]
struct Entry {
    /// What happened, in words, and then the values: for whoever looks at messages alone.
    message: String,
    fields: Vec<u8>,
}

impl Entry {
    /// A value may have line breaks: its length stands before it, 64 bits little-endian.
    fn field(&mut self, name: &str, value: &str) {
        let value = bounded(value);
        self.fields.extend(name.bytes());
        self.fields.push(b'\n');
        self.fields.extend((value.len() as u64).to_le_bytes());
        self.fields.extend(value.bytes());
        self.fields.push(b'\n');
    }

    fn finished(mut self) -> Vec<u8> {
        let message = std::mem::take(&mut self.message);
        self.field("MESSAGE", message.trim());
        self.fields
    }

    fn record(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.insert_str(0, value);
            return;
        }
        // It cannot fail.
        let _ = write!(self.message, " {}={value}", field.name());
        let name = field.name().to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        self.field(&format!("KEYFOB_{name}"), value);
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, &format!("{value:?}"));
    }
}

/// As much of a value as a datagram has room for, many times over.
fn bounded(value: &str) -> &str {
    value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default()
}

/// Bytes of a value.
const LONGEST: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::File;
    use std::os::unix::fs::MetadataExt as _;

    use tempfile::{TempDir, tempdir};
    use tracing_subscriber::layer::SubscriberExt as _;

    fn stage() -> (TempDir, UnixDatagram, Journal) {
        let directory = tempdir().unwrap();
        let path = directory.path().join("socket");
        let reader = UnixDatagram::bind(&path).unwrap();
        reader.set_nonblocking(true).unwrap();
        let journal = Journal::at(&path).unwrap();
        (directory, reader, journal)
    }

    /// The next entry: names and values.
    fn read(reader: &UnixDatagram) -> Vec<(String, String)> {
        let mut buffer = vec![0; 64 << 10];
        let length = reader.recv(&mut buffer).unwrap();
        let (mut rest, mut fields) = (&buffer[..length], Vec::new());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (name, behind) = (&rest[..end], &rest[end + 1..]);
            let size =
                usize::try_from(u64::from_le_bytes(behind[..8].try_into().unwrap())).unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.push((text(name), text(&behind[8..8 + size])));
            rest = &behind[8 + size + 1..];
        }
        fields
    }

    fn value<'a>(entry: &'a [(String, String)], name: &str) -> Option<&'a str> {
        entry.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn what_is_logged_is_an_entry_with_its_fields() {
        let (_directory, reader, journal) = stage();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(journal), || {
            tracing::warn!(channel = 7, error = "two\nlines", "it failed");
        });
        let entry = read(&reader);
        assert_eq!(value(&entry, "MESSAGE"), Some("it failed channel=7 error=two\nlines"));
        assert_eq!(value(&entry, "KEYFOB_CHANNEL"), Some("7"));
        assert_eq!(value(&entry, "KEYFOB_ERROR"), Some("two\nlines"));
        assert_eq!(value(&entry, "PRIORITY"), Some("4"));
        assert_eq!(value(&entry, "SYSLOG_IDENTIFIER"), Some("keyfob"));
    }

    #[test]
    fn a_journal_that_does_not_read_stops_nobody_and_learns_what_is_missing() {
        let (_directory, reader, journal) = stage();
        while journal.lost.load(Ordering::Relaxed) < 3 {
            journal.enter(Entry::default());
        }
        while reader.recv(&mut [0; 99]).is_ok() {}
        journal.enter(Entry::default());
        assert_eq!(value(&read(&reader), "KEYFOB_LOST_BEFORE"), Some("3"));
        journal.enter(Entry::default());
        assert_eq!(value(&read(&reader), "KEYFOB_LOST_BEFORE"), None);
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        assert_eq!(bounded(&"ä".repeat(5000)).len(), LONGEST);
        assert_eq!(bounded(&format!("x{}", "ä".repeat(5000))).len(), LONGEST - 1);
        assert_eq!(bounded("short"), "short");
    }

    /// JOURNAL_STREAM names the stream that the manager made, and no other one.
    #[test]
    fn a_stream_that_leads_elsewhere_is_not_the_journals() {
        let file = File::open("/dev/null").unwrap();
        let named = file.metadata().map(|it| format!("{}:{}", it.dev(), it.ino())).unwrap();
        assert_eq!(takes(&file), env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == named));
    }
}
