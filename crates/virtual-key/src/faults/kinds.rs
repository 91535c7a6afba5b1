//! The kinds of faults, by name.

use std::mem::discriminant;
use std::time::Duration;

use super::fault::Fault;

/// A kind of fault, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The members that it takes.
    pub takes: &'static [&'static str],
    /// What goes wrong, in a sentence.
    pub says: &'static str,
    /// A fault of this kind, whatever it takes.
    pub(super) example: Fault,
}

impl Kind {
    /// The kind of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// The kind of this fault. `busy` is a name for one of many errors.
    pub(super) fn of(fault: Fault) -> Option<&'static Self> {
        let named = KINDS.iter().find(|kind| kind.example == fault && kind.takes.is_empty());
        let alike = |kind: &&Self| discriminant(&kind.example) == discriminant(&fault);
        named.or_else(|| KINDS.iter().rfind(alike))
    }
}

/// All kinds, in the order in which an answer meets them.
pub const KINDS: &[Kind] = &[
    kind(Fault::BogusSignature, "bogus-signature", &[], "signatures are a single zero byte"),
    kind(Fault::BadUp, "bad-up", &[], "the UP bit is clear in what is signed"),
    kind(Fault::BadUv, "bad-uv", &[], "the UV bit is clear in what is signed"),
    kind(Fault::Status(0), "status", &["status"], "the answer is this status, and nothing is done"),
    kind(
        Fault::MalformedCbor,
        "malformed-cbor",
        &[],
        "the answer begins with a byte that cannot begin CBOR",
    ),
    kind(
        Fault::TruncatedCbor { bytes: 0 },
        "truncated-cbor",
        &["bytes"],
        "the answer ends after this many bytes",
    ),
    kind(
        Fault::TrailingBytes { bytes: 0 },
        "trailing-bytes",
        &["bytes"],
        "this many bytes follow the CBOR",
    ),
    kind(
        Fault::OversizedCbor { bytes: 0 },
        "oversized-cbor",
        &["bytes"],
        "an unknown member makes the answer this many bytes long",
    ),
    kind(
        Fault::UnsortedCbor,
        "unsorted-cbor",
        &[],
        "the members of all maps come in reverse order",
    ),
    kind(
        Fault::SlowAnswer { wait: Duration::ZERO },
        "slow-answer",
        &["milliseconds"],
        "the answer comes this much later, after KEEPALIVEs",
    ),
    kind(
        Fault::StuckDisk { wait: Duration::ZERO },
        "stuck-disk",
        &["milliseconds"],
        "writing for the request takes this much longer",
    ),
    kind(Fault::BUSY, "busy", &[], "CHANNEL_BUSY instead of an answer, and nothing is done"),
    kind(Fault::HidError(0), "hid-error", &["error"], "the same with this error of CTAPHID"),
    kind(Fault::IgnoredCancel, "ignored-cancel", &[], "a CANCEL is ignored"),
    kind(Fault::WrongChannel, "wrong-channel", &[], "the answer comes on another channel"),
    kind(
        Fault::WrongSequence { report: 0 },
        "wrong-sequence",
        &["report"],
        "this report of the answer has a wrong sequence number",
    ),
    kind(
        Fault::WrongLength { bytes: 0 },
        "wrong-length",
        &["bytes"],
        "the answer says that it is this many bytes long",
    ),
    kind(
        Fault::LostReport { report: 0 },
        "lost-report",
        &["report"],
        "this report of the answer is lost",
    ),
    kind(
        Fault::DoubledReport { report: 0 },
        "doubled-report",
        &["report"],
        "this report of the answer comes twice",
    ),
    kind(
        Fault::DelayedReport { report: 0, wait: Duration::ZERO },
        "delayed-report",
        &["report", "milliseconds"],
        "this report comes this much later",
    ),
    kind(
        Fault::KeepaliveStorm { count: 0 },
        "keepalive-storm",
        &["count"],
        "this many KEEPALIVEs come at once",
    ),
    kind(Fault::NoKeepalives, "no-keepalives", &[], "no KEEPALIVE comes"),
    kind(Fault::Silence, "silence", &[], "neither KEEPALIVE nor answer comes"),
    kind(
        Fault::Unplug { report: None },
        "unplug",
        &["report"],
        "the key is pulled out instead of sending this report, or the first one",
    ),
];

const fn kind(
    example: Fault,
    name: &'static str,
    takes: &'static [&'static str],
    says: &'static str,
) -> Kind {
    Kind { name, takes, says, example }
}
