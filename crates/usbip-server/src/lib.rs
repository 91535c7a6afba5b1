//! A USB/IP server and host end for HID devices and smart card readers. IN URBs wait until there is data, and
//! UNLINK really unlinks.
//!
//! Put something that speaks 64-byte reports behind [`HidFunction`], or something that answers APDUs behind
//! [`SmartCard`]. Plug it in with [`Server::plug`] as an [`Interface`], alone or with others. Then serve the
//! [`Server`] on TCP, a Unix socket or any stream. Or plug it into this machine with [`vhci`]; without a virtual
//! host controller or without root, plug its HID interface in with [`uhid`]. [`client`] is the other end, for
//! programs that want to use such a device without a kernel.
//!
//! The wire format is the kernel's Documentation/usb/usbip_protocol.rst. The `usbip` crate supplies its types, its
//! decoder and encoder, and the USB descriptors. The decisions are made here: lengths are checked before the
//! decoder sees a byte, IN URBs wait instead of being polled, UNLINK really unlinks, and a peer can harm only
//! itself.
//!
//! Everything runs on one thread: call it from a Tokio `LocalSet` on a `current_thread` runtime. An idle device
//! causes no wake-ups.
//!
//! | file | idea |
//! |---|---|
//! | `function` | the function behind a HID interface |
//! | `echo` | the smallest such function |
//! | `smart_card` | a card that may lie on a reader |
//! | `interface` | the parts of a device: interfaces and their endpoints |
//! | `ccid` | a reader: its messages, and its slot |
//! | `pn533` | a reader for the kernel's own NFC: its frames, and the chip that answers them |
//! | `answers` | a reader's answers, until its host takes them |
//! | `wire` | bytes to messages and back, checked first |
//! | `buffer` | byte buffers with a bound |
//! | `control` | endpoint 0 |
//! | `descriptors` | the descriptors of a device |
//! | `session` | one import: URBs in, completions out; no I/O |
//! | `running` | an interface of an imported device while it runs |
//! | `connection` | a session on a stream, with its deadlines |
//! | `device` | a plugged device, its port and its lease |
//! | `pending` | connections without an import |
//! | `refusals` | what the log is told of connections that were refused |
//! | `server` | listeners, the import handshake |
//! | `vhci` | plugs into this machine's USB bus |
//! | `uhid` | plugs into this machine without that bus |
//! | `client` | the host end |
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

mod answers;
mod buffer;
mod ccid;
pub mod client;
mod connection;
mod control;
mod descriptors;
mod device;
mod echo;
mod function;
mod interface;
pub mod limits;
mod pending;
mod pn533;
mod refusals;
mod running;
mod server;
mod session;
mod smart_card;
mod timed;
pub mod uhid;
pub mod vhci;
mod wire;

pub use connection::ConnectionError;
pub use device::{DeviceInfo, Plug, PlugError, Port, Waker};
pub use echo::Echo;
pub use function::{HidFunction, REPORT_LENGTH, Report};
pub use interface::Interface;
pub use refusals::Refusals;
pub use server::{Server, listen, prepare};
pub use smart_card::SmartCard;
pub use timed::Timed;
pub use wire::WireError;
