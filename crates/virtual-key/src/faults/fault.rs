//! What can be wrong, and with which requests.

use std::time::Duration;

use ctap_client::commands::code;
use ctap_core::Overrides;
use hid_transport::ErrorCode;

/// What is wrong with a request or its answer. The reports of an answer are counted from 0; KEEPALIVEs are none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Signatures are a single zero byte: DevTools' `isBogusSignature`.
    BogusSignature,
    /// The UP bit is clear in what is signed: DevTools' `isBadUP`.
    BadUp,
    /// The UV bit is clear in what is signed: DevTools' `isBadUV`.
    BadUv,
    /// The answer is this status alone, at once: the request is not carried out. Of CTAP2, as are the five that follow.
    Status(u8),
    /// The CBOR of the answer begins with a byte that cannot begin CBOR.
    MalformedCbor,
    /// The answer ends after so many bytes, of which its status is the first.
    TruncatedCbor {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// So many bytes stand behind the CBOR.
    TrailingBytes {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// A member that nobody knows makes the answer so many bytes long. It stays right CBOR.
    OversizedCbor {
        /// At most [`MAX_BYTES`].
        bytes: u16,
    },
    /// The members of all maps come in reverse order: CBOR, but not canonical.
    UnsortedCbor,
    /// The answer comes so much later, with KEEPALIVEs until then.
    SlowAnswer {
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// What the request writes takes so much longer: the disk is stuck.
    StuckDisk {
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// A CANCEL of the request is passed over; on a card it is that of NFCCTAP_GETRESPONSE.
    IgnoredCancel,
    /// CTAPHID_ERROR with this code instead of an answer: the request is not carried out. Of CTAPHID, as are all that follow: a
    /// card does not take them.
    HidError(u8),
    /// The answer comes on a channel that nobody has.
    WrongChannel,
    /// This report of the answer has another sequence number than its own. The first has none.
    WrongSequence {
        /// Which.
        report: u16,
    },
    /// The answer says that it is so many bytes long, whatever it is.
    WrongLength {
        /// What it says.
        bytes: u16,
    },
    /// This report of the answer is lost.
    LostReport {
        /// Which.
        report: u16,
    },
    /// This report of the answer comes twice.
    DoubledReport {
        /// Which.
        report: u16,
    },
    /// This report of the answer, and what follows it, comes so much later, without KEEPALIVEs.
    DelayedReport {
        /// Which.
        report: u16,
        /// At most [`MAX_WAIT`].
        wait: Duration,
    },
    /// So many KEEPALIVEs come before the first report.
    KeepaliveStorm {
        /// At most [`MAX_STORM`].
        count: u16,
    },
    /// No KEEPALIVE comes.
    NoKeepalives,
    /// Nothing comes at all, neither KEEPALIVE nor answer.
    Silence,
    /// The key is pulled out instead of this report of the answer, or of the first report of any kind, and put back as by
    /// [`replug`](crate::VirtualKey::replug).
    Unplug {
        /// Which; `None`: the first of any kind. While a person is waited for, that is a KEEPALIVE.
        report: Option<u16>,
    },
}

impl Fault {
    /// CTAPHID_ERROR CHANNEL_BUSY instead of an answer.
    pub const BUSY: Self = Self::HidError(ErrorCode::ChannelBusy.as_byte());

    /// What it can spoil.
    const fn reach(self) -> Reach {
        match self {
            Self::BadUv
            | Self::Status(_)
            | Self::MalformedCbor
            | Self::TruncatedCbor { .. }
            | Self::TrailingBytes { .. }
            | Self::OversizedCbor { .. }
            | Self::UnsortedCbor => Reach::Ctap2,
            Self::BogusSignature
            | Self::BadUp
            | Self::SlowAnswer { .. }
            | Self::StuckDisk { .. }
            | Self::IgnoredCancel => Reach::Message,
            _ => Reach::Ctaphid,
        }
    }

    /// Of these faults, what the authenticator has to do.
    pub(crate) fn overrides(faults: &[Self]) -> Overrides {
        Overrides {
            bogus_signature: faults.contains(&Self::BogusSignature),
            bad_up: faults.contains(&Self::BadUp),
            bad_uv: faults.contains(&Self::BadUv),
        }
    }
}

/// What a fault can spoil.
#[derive(Clone, Copy)]
enum Reach {
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
    pub(crate) command: Command,
    /// `None`: it came to a card.
    pub(crate) channel: Option<u32>,
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The CTAP2 command with this number.
    Ctap2(u8),
    /// Any CTAP2 command; only of a [`Scope`].
    AnyCtap2,
    /// A U2F message.
    U2f,
    /// A command of CTAPHID itself with this number: INIT, PING, WINK, LOCK.
    Ctaphid(u8),
}

impl Command {
    /// As the standard calls CTAP2's, without `authenticator`, and as CTAPHID's are called.
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

/// For how many requests a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// For the next so many that it is for, at least one.
    Next(u32),
    /// For all, until it is cleared.
    All,
}

/// Which requests a fault is for. It outlives power cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// How many.
    pub requests: Requests,
    /// Only these; `None`: those of CTAP2 and U2F, not of CTAPHID itself.
    pub command: Option<Command>,
    /// Only on this CTAPHID channel.
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
    /// With what.
    pub scope: Scope,
}

impl From<Fault> for Injection {
    /// For the next request.
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

/// The longest wait: longer than any client has patience, and not for ever.
pub const MAX_WAIT: Duration = Duration::from_secs(600);
/// Bytes of the longest message that CTAPHID carries (HD-04).
pub const MAX_BYTES: u16 = hid_transport::limits::MESSAGE_MAX;
/// KEEPALIVEs in a storm: those of ten seconds, twenty times as dense as a slow key's.
pub const MAX_STORM: u16 = 2000;
/// Faults that a key has at a time.
pub const MAX_FAULTS: usize = 64;
