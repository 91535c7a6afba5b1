//! CTAPHID framing for both ends, as state machines without I/O.
//!
//! CTAPHID (CTAP section 11.2) carries CTAP messages of up to 7609 bytes over a USB HID interface with reports of
//! 64 bytes. Several programs share the key, each on its own channel. The key works for one of them at a time.
//!
//! ```text
//!   client ── requests ─► host::fragment ──── reports ────► Device ── Event::Request ─► authenticator
//!      ▲                                                      │                             │
//!      └── Reply ◄── host::HostChannel ◄── poll_report ───────┘ ◄──────── respond ──────────┘
//! ```
//!
//! # The key's end
//!
//! [`Device`] takes every report of the host, and the time: a duration since an origin of the driver's choice, on a
//! clock that never goes back; only differences count. It manages the channels, assembles messages, refuses what
//! the rules refuse, and returns an [`Event`] if the authenticator must know something. The driver asks it for a
//! report whenever the host is ready to read one, so a host that does not read costs nothing. After [`Device::new`]
//! it allocates no memory.
//!
//! After every call of another method, a driver does this and no more:
//!
//! 1. while the host is ready to read and [`Device::poll_report`] returns a report: deliver it;
//! 2. set the one timer to [`Device::poll_timeout`]. When it goes off, first pass on the reports that the host has
//!    sent by then, then deliver what the host is ready to read, and then call [`Device::handle_timeout`]. In
//!    another order, a driver that was not scheduled for a while would blame the host.
//!
//! # The host's end
//!
//! [`host::Handshake`] gets a channel, [`host::fragment`] makes the reports of a request, and a
//! [`host::HostChannel`] makes replies of the reports that come back.
//!
//! # Both, talking
//!
//! ```
//! use core::time::Duration;
//!
//! use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
//! use hid_transport::{Command, Device, Event, KeepaliveStatus, Kind, Settings};
//!
//! let mut device = Device::new(Settings::default());
//! let now = Duration::ZERO;
//!
//! // The client asks for a channel.
//! let mut handshake = Handshake::new(*b"a nonce!");
//! assert_eq!(device.handle_report(&handshake.request(), now), None);
//! let report = device.poll_report(1, now).expect("INIT is answered at once");
//! let answer = handshake.receive(&report).expect("not refused").expect("our nonce");
//! assert!(answer.capabilities.cbor);
//!
//! // It sends authenticatorSelection, which fits into one report.
//! let mut channel = HostChannel::new(answer.channel);
//! let mut reports = fragment(channel.channel(), Command::Cbor, &[0x0B]).expect("short");
//! let report = reports.next().expect("the only one");
//! let Some(Event::Request { id, kind: Kind::Cbor, message: &[0x0B], .. }) =
//!     device.handle_report(&report, now)
//! else {
//!     panic!("no request");
//! };
//!
//! // The authenticator asks for a touch, and the client hears about it.
//! device.set_waiting_for_user(id, true);
//! let report = device.poll_report(1, now).expect("a change of status is sent at once");
//! assert_eq!(channel.receive(&report), Ok(Some(Reply::Keepalive(KeepaliveStatus::UpNeeded))));
//!
//! // The next keepalive is due later; until then the key is silent.
//! let due = device.poll_timeout().expect("a keepalive is due");
//! assert_eq!((device.poll_report(1, now), due), (None, Duration::from_millis(50)));
//! device.handle_timeout(due);
//! assert!(device.poll_report(1, due).is_some());
//!
//! // A touch: CTAP2_OK.
//! device.respond(id, &[0x00], due);
//! let report = device.poll_report(1, due).expect("the answer");
//! let reply = Reply::Message { command: Command::Cbor, message: &[0x00] };
//! assert_eq!(channel.receive(&report), Ok(Some(reply)));
//! assert_eq!((device.poll_report(1, due), device.poll_timeout()), (None, None));
//! ```
//!
//! # What it chooses
//!
//! Where implementations differ, this crate does the following:
//!
//! | situation | choice | rule |
//! |---|---|---|
//! | a request on an unallocated channel while another runs | CHANNEL_BUSY | HD-23 |
//! | a new message in the middle of another one on the same channel | INVALID_SEQ; both are dropped | HD-27 |
//! | INIT on an unallocated channel | INVALID_CHANNEL | HD-38 |
//! | INIT of another client while a transaction runs | answered; the transaction goes on | HD-39 |
//! | the rest of a message does not come | MSG_TIMEOUT after 500 ms | HD-51 |
//! | it came in time, but the driver reads it late | accepted; only the client can be too late | HD-51 |
//! | INIT while another channel has the lock | CHANNEL_BUSY, but answered on the broadcast channel | HD-65 |
//! | CANCEL with data | ignored | HD-82 |
//!
//! # What it does not do
//!
//! It does not know USB (descriptors and transfers are in `usbip-server`), CTAP commands, clocks or threads. It has
//! no vendor commands.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod host;
pub mod limits;

mod channels;
mod codes;
mod device;
mod init;
mod message;
mod packet;
mod settings;

pub use channels::ChannelId;
pub use codes::{Command, ErrorCode, KeepaliveStatus};
pub use device::{Device, Event, Kind, RequestId};
pub use init::{Capabilities, InitAnswer, Nonce, PROTOCOL_VERSION};
pub use packet::{Continuation, Initialization, Packet, Report};
pub use settings::Settings;
