//! CTAP over ISO 7816 and NFC for both ends, card and client, as state machines without I/O.
//!
//! Programs send APDUs to a FIDO key that is a card, on a contactless or a contact reader (CTAP section 11.3). The
//! client selects FIDO's application. It sends CTAP and U2F messages, whole or in parts, and fetches long answers
//! piece by piece. While the card waits for a person, the client polls; if it cannot poll, the response comes
//! later.
//!
//! ```text
//!   client ── request ─► client::Request ── command APDUs ──► Card ── Event::Request ─► authenticator
//!      ▲                       │  ▲                            │ ▲                           │
//!      └── Next::Done ◄────────┘  └─────── response APDUs ─────┘ └────────── respond ◄───────┘
//! ```
//!
//! # The card's end
//!
//! [`Card`] takes every command APDU of the reader, and the time. It remembers what is selected, assembles
//! messages, refuses what the rules refuse, and returns an [`Event`] if the authenticator must know something. Each
//! command APDU gets one response APDU: at once; or when the authenticator has answered; or, if the client can
//! poll, when it must be told to wait.
//!
//! After every call of another method, a driver does this and no more:
//!
//! 1. if [`Card::poll_response`] returns a response APDU: deliver it;
//! 2. set the one timer to [`Card::poll_timeout`], and call [`Card::handle_timeout`] when it goes off.
//!
//! When the reader takes power away or gives it back, the driver calls [`Card::reset`], and does a power cycle of
//! the authenticator (NF-07).
//!
//! # The client's end
//!
//! A [`client::Request`] makes command APDUs of a message, and makes the answer of the response APDUs.
//!
//! # Both, talking
//!
//! ```
//! use core::time::Duration;
//!
//! use apdu_transport::client::{Request, Next};
//! use apdu_transport::{Card, Event, KeepaliveStatus, Kind, Length, Settings, Version};
//!
//! let mut card = Card::new(Settings::default());
//! let now = Duration::ZERO;
//!
//! // The client selects.
//! let (mut request, apdu) = Request::select();
//! assert_eq!(card.handle_apdu(&apdu, now), None);
//! let response = card.poll_response().expect("SELECT is answered at once");
//! let Ok(Next::Done(version)) = request.receive(&response) else { panic!("refused") };
//! assert_eq!(Version::from_bytes(&version), Some(Version::U2fV2));
//!
//! // It sends authenticatorSelection, and can poll.
//! let (mut request, apdu) = Request::ctap(&[0x0B], Length::Short, true).expect("short");
//! let Some(Event::Request { id, kind: Kind::Ctap, message: &[0x0B], .. }) =
//!     card.handle_apdu(&apdu, now)
//! else {
//!     panic!("no request");
//! };
//!
//! // The authenticator asks for a touch. Nobody touches in the time for a direct answer, and the client hears about it.
//! card.set_waiting_for_user(id, true);
//! let due = card.poll_timeout().expect("the client is held");
//! assert_eq!((card.poll_response(), due), (None, Duration::from_millis(300)));
//! card.handle_timeout(due);
//! let response = card.poll_response().expect("9100");
//! assert_eq!(request.receive(&response), Ok(Next::Poll(KeepaliveStatus::UpNeeded)));
//!
//! // It polls, and while it is held there is a touch: CTAP2_OK.
//! assert_eq!(card.handle_apdu(&request.poll(), due), None);
//! assert_eq!(card.poll_response(), None);
//! card.respond(id, &[0x00]);
//! let response = card.poll_response().expect("the answer");
//! assert_eq!(request.receive(&response), Ok(Next::Done(vec![0x00])));
//! assert_eq!(card.poll_timeout(), None);
//! ```
//!
//! # What it chooses
//!
//! Where implementations differ, this crate does the following:
//!
//! | situation | choice | rule |
//! |---|---|---|
//! | SELECT of a part of the identifier | 6A82 | NF-04 |
//! | SELECT with P2 0C | selected; the answer has no version | NF-03 |
//! | SELECT of another application | 6A82; FIDO's stays selected | NF-05 |
//! | a FIDO command before SELECT, or after the end | 6985 | NF-06, NF-36 |
//! | reserved bits of P1 in NFCCTAP_MSG | ignored | NF-11 |
//! | a chained message that is too long | status 39, 9000 at its end | NF-14 |
//! | NFCCTAP_MSG without data | 6700 | NF-15 |
//! | an Le below the answer's length, also an extended one | as many bytes as Le, then 61XX | NF-16 |
//! | no Le at all | as many bytes as its form allows | NF-16 |
//! | NFCCTAP_MSG in class 00 | 6D00 | NF-20 |
//! | a poll with nothing to wait for | 6985 | NF-33 |
//! | a message while another one runs | 6985; the other one goes on | NF-34 |
//! | an APDU before the response to the last one | the last one is given up, and its request too if the client cannot poll | |
//!
//! # What it does not do
//!
//! It does not know readers (vpcd, CCID and PC/SC are elsewhere), ATRs, CTAP commands, clocks or threads. It has
//! one application and no logical channels.

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

pub mod client;
pub mod limits;

mod apdu;
mod card;
mod codes;
mod overheard;
mod settings;

pub use apdu::Length;
pub use card::{Card, Event, Kind, RequestId};
pub use codes::{KeepaliveStatus, StatusWord};
pub use overheard::{Asks, Overheard};
pub use settings::{Settings, Version};
