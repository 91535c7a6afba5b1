//! The faults, and the requests that they are for.

use std::time::Duration;

use ctap_client::commands::code;
use ctap_client::commands::u2f::{AUTHENTICATE, Control, REGISTER};
use ctap_core::Overrides;
use hid_transport::ErrorCode;

/// What is wrong with a request or its answer. The reports of an answer are counted from 0, without KEEPALIVEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Each signature is a single zero byte: DevTools' `isBogusSignature`. This fault and the next two are for requests
    /// that may be answered with a signature, and wait for such a request.
    BogusSignature,
    /// The UP bit is clear in what is signed: DevTools' `isBadUP`.
    BadUp,
    /// The UV bit is clear in what is signed: DevTools' `isBadUV`.
    BadUv,
    /// The answer is this status alone, at once; the request is not carried out. This fault and the next five are
    /// for CTAP2 requests.
    Status(u8),
    /// The CBOR of the answer begins with a byte that cannot begin CBOR.
    MalformedCbor,
    /// The answer ends after this many bytes. The status is the first byte.
    TruncatedCbor {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// This many bytes follow the CBOR.
    TrailingBytes {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// An unknown member makes the answer this many bytes long. The CBOR stays valid.
    OversizedCbor {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// The members of all maps come in reverse order: valid CBOR, but not canonical.
    UnsortedCbor,
    /// The answer comes this much later. KEEPALIVEs are sent until then.
    SlowAnswer {
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// Everything that the request writes takes this much longer, as on a stuck disk.
    StuckDisk {
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// The key ignores a CANCEL of the request. On a card, it ignores the cancel of NFCCTAP_GETRESPONSE.
    IgnoredCancel,
    /// The answer is CTAPHID_ERROR with this code; the request is not carried out. This fault and all that follow
    /// are faults of CTAPHID: a card does not take them.
    HidError(u8),
    /// The answer comes on a channel that no client has.
    WrongChannel,
    /// This report of the answer has a wrong sequence number. The first report has none.
    WrongSequence {
        /// The number of the report.
        report: u16,
    },
    /// The answer announces this many bytes, whatever its real length is.
    WrongLength {
        /// The length that it announces.
        bytes: u16,
    },
    /// This report of the answer is lost.
    LostReport {
        /// The number of the report.
        report: u16,
    },
    /// This report of the answer comes twice.
    DoubledReport {
        /// The number of the report.
        report: u16,
    },
    /// This report of the answer, and those after it, come this much later, without KEEPALIVEs.
    DelayedReport {
        /// The number of the report.
        report: u16,
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// This many KEEPALIVEs come before the first report.
    KeepaliveStorm {
        /// At most [`MAX_STORM`].
        count: u16,
    },
    /// No KEEPALIVE comes.
    NoKeepalives,
    /// Nothing comes at all: no KEEPALIVE and no answer.
    Silence,
    /// Instead of this report, the key is unplugged and plugged in again as by
    /// [`replug`](crate::VirtualKey::replug).
    Unplug {
        /// The number of the report of the answer. `None`: the first report of any kind. While the key waits for a
        /// person, that is a KEEPALIVE.
        report: Option<u16>,
    },
}

impl Fault {
    /// CTAPHID_ERROR CHANNEL_BUSY instead of an answer.
    pub const BUSY: Self = Self::HidError(ErrorCode::ChannelBusy.as_byte());

    /// The messages that it can spoil.
    const fn reach(self) -> Reach {
        match self {
            Self::BadUv => Reach::Ctap2Signature,
            Self::BogusSignature | Self::BadUp => Reach::Signature,
            Self::Status(_)
            | Self::MalformedCbor
            | Self::TruncatedCbor { .. }
            | Self::TrailingBytes { .. }
            | Self::OversizedCbor { .. }
            | Self::UnsortedCbor => Reach::Ctap2,
            Self::StuckDisk { .. } | Self::IgnoredCancel => Reach::Work,
            Self::SlowAnswer { .. } => Reach::Message,
            _ => Reach::Ctaphid,
        }
    }

    /// The part of these faults that the authenticator carries out.
    pub(crate) fn overrides(faults: &[Self]) -> Overrides {
        Overrides {
            bogus_signature: faults.contains(&Self::BogusSignature),
            bad_up: faults.contains(&Self::BadUp),
            bad_uv: faults.contains(&Self::BadUv),
        }
    }
}

/// The messages that a fault can spoil.
#[derive(Clone, Copy)]
enum Reach {
    /// Answers of CTAP2 that may have a signature.
    Ctap2Signature,
    /// Those of U2F too.
    Signature,
    /// Whatever may write something or wait for a person: not getInfo, with which a client begins.
    Work,
    /// Answers of CTAP2.
    Ctap2,
    /// Those of U2F too.
    Message,
    /// Whatever a host says on CTAPHID.
    Ctaphid,
}

/// A request, by what decides which faults it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    command: Command,
    /// Whether its answer may have a signature.
    signs: bool,
    /// `None`: it came to a card.
    channel: Option<u32>,
}

impl Asked {
    /// A request that begins with these bytes.
    pub(crate) const fn new(command: Command, message: &[u8], channel: Option<u32>) -> Self {
        let signs = match (command, message) {
            (Command::Ctap2(code::MAKE_CREDENTIAL | code::GET_ASSERTION), _)
            | (Command::U2f, [_, REGISTER, ..]) => true,
            (Command::U2f, [_, AUTHENTICATE, control, ..]) => *control != Control::CheckOnly.byte(),
            _ => false,
        };
        Self { command, signs, channel }
    }
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The CTAP2 command with this number.
    Ctap2(u8),
    /// Any CTAP2 command. It is used only in a [`Scope`].
    AnyCtap2,
    /// A U2F message.
    U2f,
    /// A command of CTAPHID itself, by its number: INIT, PING, WINK, LOCK.
    Ctaphid(u8),
}

impl Command {
    /// The standard's names: those of CTAP2 without `authenticator`, and those of CTAPHID.
    pub(super) const NAMES: [(&str, Self); 17] = [
        ("makeCredential", Self::Ctap2(code::MAKE_CREDENTIAL)),
        ("getAssertion", Self::Ctap2(code::GET_ASSERTION)),
        ("getInfo", Self::Ctap2(code::GET_INFO)),
        ("clientPIN", Self::Ctap2(code::CLIENT_PIN)),
        ("reset", Self::Ctap2(code::RESET)),
        ("getNextAssertion", Self::Ctap2(code::GET_NEXT_ASSERTION)),
        ("bioEnrollment", Self::Ctap2(code::BIO_ENROLLMENT)),
        ("credentialManagement", Self::Ctap2(code::CREDENTIAL_MANAGEMENT)),
        ("selection", Self::Ctap2(code::SELECTION)),
        ("largeBlobs", Self::Ctap2(code::LARGE_BLOBS)),
        ("config", Self::Ctap2(code::CONFIG)),
        ("ctap2", Self::AnyCtap2),
        ("u2f", Self::U2f),
        ("init", Self::Ctaphid(hid_transport::Command::Init.as_byte())),
        ("ping", Self::Ctaphid(hid_transport::Command::Ping.as_byte())),
        ("wink", Self::Ctaphid(hid_transport::Command::Wink.as_byte())),
        ("lock", Self::Ctaphid(hid_transport::Command::Lock.as_byte())),
    ];

    fn covers(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::AnyCtap2, Self::Ctap2(_)))
    }
}

/// How many requests a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// The next requests that match, this many, at least one.
    Next(u32),
    /// All requests that match, until the fault is cleared.
    All,
}

/// Which requests a fault is for. It stays through power cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// How many requests.
    pub requests: Requests,
    /// Only this command. `None`: all of CTAP2 and U2F, but not the commands of CTAPHID itself.
    pub command: Option<Command>,
    /// Only requests on this CTAPHID channel. `None`: on any channel.
    pub channel: Option<u32>,
}

impl Default for Scope {
    /// The next request.
    fn default() -> Self {
        Self { requests: Requests::Next(1), command: None, channel: None }
    }
}

/// A fault, and which requests it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// What is wrong.
    pub fault: Fault,
    /// Which requests it is for.
    pub scope: Scope,
}

impl From<Fault> for Injection {
    /// A fault for the next request.
    fn from(fault: Fault) -> Self {
        Self { fault, scope: Scope::default() }
    }
}

impl Injection {
    /// Whether a card can have it: one is asked in APDUs, and knows neither reports nor channels.
    pub(crate) const fn fits_a_card(&self) -> bool {
        let is_of_ctaphid = matches!(self.fault.reach(), Reach::Ctaphid)
            || matches!(self.scope.command, Some(Command::Ctaphid(_)));
        !is_of_ctaphid && self.scope.channel.is_none()
    }

    /// Whether it is for this request.
    pub(crate) fn is_for(&self, asked: Asked) -> bool {
        let reaches = match (self.fault.reach(), asked.command) {
            (Reach::Ctap2Signature, command) => asked.signs && matches!(command, Command::Ctap2(_)),
            (Reach::Signature, _) => asked.signs,
            (Reach::Work, command) => {
                !matches!(command, Command::Ctaphid(_) | Command::Ctap2(code::GET_INFO))
            }
            (Reach::Ctap2, command) => matches!(command, Command::Ctap2(_)),
            (Reach::Message, command) => !matches!(command, Command::Ctaphid(_)),
            (Reach::Ctaphid, _) => asked.channel.is_some(),
        };
        let is_meant = match self.scope.command {
            Some(command) => command.covers(asked.command),
            None => !matches!(asked.command, Command::Ctaphid(_)),
        };
        let is_there = self.scope.channel.is_none_or(|channel| asked.channel == Some(channel));
        reaches && is_meant && is_there
    }
}

/// The longest wait that a fault can have: longer than any client waits.
pub const MAX_WAIT: Duration = Duration::from_secs(600);
/// Bytes of the longest message that CTAPHID carries (HD-04).
pub const MAX_BYTES: u16 = hid_transport::limits::MESSAGE_MAX;
/// The most KEEPALIVEs in a storm: ten seconds of them, twenty times as many as a slow key sends.
pub const MAX_STORM: u16 = 2000;
/// The most faults that a key can have at a time.
pub const MAX_FAULTS: usize = 64;
