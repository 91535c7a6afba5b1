//! The kinds of faults, by name.

/// A kind of fault, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The members that it takes.
    pub takes: &'static [&'static str],
    /// What goes wrong.
    pub says: &'static str,
}

/// All kinds, in the order in which an answer meets them.
pub const KINDS: &[Kind] = &[
    kind("bogus-signature", &[], "signatures are a single zero byte"),
    kind("bad-up", &[], "the UP bit is clear in what is signed"),
    kind("bad-uv", &[], "the UV bit is clear in what is signed"),
    kind("status", &["status"], "the answer is this status, and nothing is done"),
    kind("malformed-cbor", &[], "the answer begins with a byte that no CBOR begins with"),
    kind("truncated-cbor", &["bytes"], "the answer ends after so many bytes"),
    kind("trailing-bytes", &["bytes"], "so many bytes stand behind the CBOR"),
    kind("oversized-cbor", &["bytes"], "an unknown member makes the answer so many bytes long"),
    kind("unsorted-cbor", &[], "the members of all maps come in reverse order"),
    kind("slow-answer", &["milliseconds"], "the answer comes so much later, after KEEPALIVEs"),
    kind("stuck-disk", &["milliseconds"], "what the request writes takes so much longer"),
    kind("busy", &[], "CHANNEL_BUSY in the place of an answer, and nothing is done"),
    kind("hid-error", &["error"], "the same with this error of CTAPHID"),
    kind("ignored-cancel", &[], "a CANCEL is passed over"),
    kind("wrong-channel", &[], "the answer comes on another channel"),
    kind("wrong-sequence", &["report"], "this report of the answer has a wrong sequence number"),
    kind("wrong-length", &["bytes"], "the answer says that it is so many bytes long"),
    kind("lost-report", &["report"], "this report of the answer is lost"),
    kind("doubled-report", &["report"], "this report of the answer comes twice"),
    kind("delayed-report", &["report", "milliseconds"], "this report comes so much later"),
    kind("keepalive-storm", &["count"], "so many KEEPALIVEs come at once"),
    kind("no-keepalives", &[], "no KEEPALIVE comes"),
    kind("silence", &[], "neither KEEPALIVE nor answer comes"),
    kind(
        "unplug",
        &["report"],
        "the key is pulled out in the place of this report, or of the first",
    ),
];

const fn kind(name: &'static str, takes: &'static [&'static str], says: &'static str) -> Kind {
    Kind { name, takes, says }
}
