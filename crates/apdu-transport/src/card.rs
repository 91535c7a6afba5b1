//! The card's end, CTAP section 11.3.

mod command;
mod processing;

use alloc::vec::Vec;
use core::time::Duration;

use self::command::{Command, Part, Select};
use self::processing::Processing;
use crate::apdu::{Header, Length};
use crate::codes::{KeepaliveStatus, StatusWord};
use crate::limits::MESSAGE_MAX;
use crate::settings::{Settings, Version};

/// The card's end. It takes the reader's command APDUs and returns requests; it takes answers and returns response
/// APDUs.
///
/// It has three kinds of methods, and does no I/O:
///
/// * *something has happened*: [`handle_apdu`](Card::handle_apdu), [`handle_timeout`](Card::handle_timeout),
///   [`reset`](Card::reset);
/// * *commands* of the authenticator: [`respond`](Card::respond), [`set_waiting_for_user`](Card::set_waiting_for_user);
/// * *what to do next*: [`poll_response`](Card::poll_response), which returns the response APDU if there is one,
///   and [`poll_timeout`](Card::poll_timeout). Ask both again after any call of another method.
///
/// Each command APDU gets one response APDU, usually at once. The response to a request comes when the
/// authenticator answers. If the client can poll, it comes earlier: when the client has waited long enough. The
/// card stores at most one message and one response APDU.
pub struct Card {
    settings: Settings,
    state: State,
    /// The number of the last request. No number is used twice, also not after resets.
    last_request: u64,
    /// The one message there is: a request coming in or being carried out, or an answer on its way out.
    message: Vec<u8>,
    /// The response for the reader.
    response: Option<Vec<u8>>,
}

/// Identifies a request. No two requests of a card have the same number. A slow authenticator may answer a request
/// that was abandoned meanwhile, while the next one runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

/// What the authenticator must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole request has come. Answer it with [`Card::respond`], now or later.
    Request {
        /// The number to answer with.
        id: RequestId,
        /// Whether it is a CTAP2 command or a U2F message.
        kind: Kind,
        /// Whether the client polls while it waits (NF-11). A client that does not poll waits within its APDU; it
        /// is told nothing meanwhile and cannot cancel.
        can_poll: bool,
        /// The request: 1 to [`MESSAGE_MAX`] bytes. A U2F message is always an APDU in extended form, however it
        /// came.
        message: &'a [u8],
    },
    /// The client wants to end its running request. Respond soon with the one byte 2D, CTAP2_ERR_KEEPALIVE_CANCEL,
    /// unless the person has acted already (NF-32). A client may send this several times.
    Cancel {
        /// The running request.
        id: RequestId,
    },
    /// The client of a running request has started over or is gone: drop the request, and do not answer it (NF-05).
    Abandon {
        /// The request to drop.
        id: RequestId,
    },
    /// The client says that it is done (NF-36). If a request of this client was running, drop it, as above.
    End,
}

/// The two kinds of requests that an authenticator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NFCCTAP_MSG: a CTAP2 command byte, then its CBOR (NF-10). The answer is a status byte, then CBOR.
    Ctap,
    /// A U2F message (NF-22). The answer is data, then a status word.
    U2f,
}

/// What the card is doing.
///
/// ```text
///              SELECT          part            last part             answer
///   Unselected ──────► Idle ─────────► Chaining ─────────► Processing ─────► Answered, Remaining
///        ▲               ▲                │                                        │
///        └─── END, reset └────────────────┴─── another command, whole answer read ─┘
/// ```
enum State {
    /// A client must select first (NF-06).
    Unselected,
    Idle,
    /// Parts have come, and more are to come. All have the same header (NF-13).
    Chaining(Header),
    Processing(Processing),
    /// The answer is there, and its client will poll.
    Answered(StatusWord),
    /// The client has some of the answer, and fetches the rest by GET RESPONSE (NF-16).
    Remaining(Answer),
}

/// The rest of an answer.
#[derive(Clone, Copy)]
struct Answer {
    /// Bytes that the client has already.
    sent: usize,
    /// The status word at its end.
    word: StatusWord,
}

impl Card {
    /// A card that was just laid on a reader: it has power, and no application is selected.
    pub fn new(settings: Settings) -> Card {
        let max_message = settings.max_message.min(MESSAGE_MAX);
        Card {
            settings: Settings { max_message, ..settings },
            state: State::Unselected,
            last_request: 0,
            message: Vec::new(),
            response: None,
        }
    }

    /// Sets the answer to SELECT from now on, because U2F may be switched off and on again (UF-50).
    pub fn set_version(&mut self, version: Version) {
        self.settings.version = version;
    }

    /// Power was switched on, or off, or off and on again, or the card was reset. No application is selected, and
    /// all chains, requests and answers are dropped (NF-07). The caller must also do the power cycle of the
    /// authenticator.
    ///
    /// If the authenticator has not answered a request yet, the request is dropped without an event. An APDU that
    /// was on its way gets no response.
    pub fn reset(&mut self) {
        self.state = State::Unselected;
        self.message.clear();
        self.response = None;
    }

    /// The reader sent a command APDU with any content. [`poll_response`](Card::poll_response) returns the
    /// response, if it is ready.
    ///
    /// A reader sends one APDU at a time. If another one comes before the response, the reader has given up the
    /// first one. Its response is dropped; its request is dropped, too, if the client cannot poll for it.
    ///
    /// The returned event borrows the request from the card's buffer.
    pub fn handle_apdu(&mut self, apdu: &[u8], now: Duration) -> Option<Event<'_>> {
        let command = command::judge(apdu);
        if let Some(id) = self.give_up() {
            return self.replace(id, command);
        }
        match command {
            Ok(command) => self.carry_out(&command, now),
            Err(word) => self.refuse(word),
        }
    }

    /// Time has passed. Call it at [`poll_timeout`](Card::poll_timeout), or at any time. If a client can poll and
    /// has waited long enough, it is told that its request is still running (NF-30).
    pub fn handle_timeout(&mut self, now: Duration) {
        if let State::Processing(processing) = &mut self.state
            && let Some(status) = processing.handle_timeout(now)
        {
            self.response = Some(StatusWord::STATUS_UPDATE.after(&[status.as_byte()]));
        }
    }

    /// The authenticator's answer to the request `id`: status and CBOR, or data and status word.
    ///
    /// Does nothing unless this request still runs, so an answer that comes too late is harmless. The authenticator
    /// is at fault if the answer has more than [`MESSAGE_MAX`] bytes, is empty, or is a U2F answer without a status
    /// word; the client gets 6F00 then.
    pub fn respond(&mut self, id: RequestId, message: &[u8]) {
        let State::Processing(processing) = &self.state else { return };
        if processing.id != id {
            return;
        }
        let (data, word) = whole_answer(processing.kind, message)
            .unwrap_or((&[], StatusWord::NO_PRECISE_DIAGNOSIS));
        let expected = processing.expected();
        self.message.clear();
        self.message.extend_from_slice(data);
        match expected {
            Some(expected) => self.deliver(Answer { sent: 0, word }, expected),
            None => self.state = State::Answered(word),
        }
    }

    /// The request `id` now waits for a person, or does so no longer. A client that polls is told this (NF-30).
    ///
    /// Does nothing unless this request still runs.
    pub fn set_waiting_for_user(&mut self, id: RequestId, waiting: bool) {
        if let State::Processing(processing) = &mut self.state
            && processing.id == id
        {
            processing.set_status(if waiting {
                KeepaliveStatus::UpNeeded
            } else {
                KeepaliveStatus::Processing
            });
        }
    }

    /// The response APDU for the reader, if there is one. It counts as delivered then.
    pub fn poll_response(&mut self) -> Option<Vec<u8>> {
        self.response.take()
    }

    /// When to call [`handle_timeout`](Card::handle_timeout); `None`: nothing is due.
    ///
    /// It may be in the past if the client must be told something at once. After that call it lies in the future
    /// again.
    pub fn poll_timeout(&self) -> Option<Duration> {
        match &self.state {
            State::Processing(processing) => processing.poll_timeout(),
            _ => None,
        }
    }

    /// A client that waited for a response does not get it. Returns the request that is lost with it, if there is
    /// one.
    fn give_up(&mut self) -> Option<RequestId> {
        self.response = None;
        let State::Processing(processing) = &mut self.state else { return None };
        if processing.give_up() {
            return None;
        }
        let id = processing.id;
        self.state = State::Idle;
        Some(id)
    }

    /// The command that replaces one that was given up. Only SELECT is carried out: there is one event at a time,
    /// and a client that starts over selects.
    fn replace(
        &mut self,
        lost: RequestId,
        command: Result<Command<'_>, StatusWord>,
    ) -> Option<Event<'_>> {
        match command {
            Ok(Command::Select(select)) => self.select(&select),
            Ok(_) => self.refuse(StatusWord::CONDITIONS_NOT_SATISFIED),
            Err(word) => self.refuse(word),
        };
        Some(Event::Abandon { id: lost })
    }

    fn carry_out(&mut self, command: &Command<'_>, now: Duration) -> Option<Event<'_>> {
        match command {
            Command::Select(select) => self.select(select),
            _ if matches!(self.state, State::Unselected) => {
                self.refuse(StatusWord::CONDITIONS_NOT_SATISFIED) // NF-06
            }
            Command::Part(part) => self.take_in(part, now),
            Command::GetResponse { expected } => self.get_response(*expected),
            Command::Poll { cancel, expected } => self.poll(*cancel, *expected, now),
            Command::End => self.end(),
        }
    }

    /// SELECT ends whatever there was (NF-05).
    fn select<'e>(&mut self, select: &Select) -> Option<Event<'e>> {
        let event = match &self.state {
            State::Processing(processing) => Some(Event::Abandon { id: processing.id }),
            _ => None,
        };
        self.state = State::Idle;
        match select {
            Select::AndTell { expected } => {
                let version = self.settings.version.as_bytes(); // NF-02
                self.tell(version, *expected);
            }
            Select::Silently => self.tell(&[], Length::Short.answer_max()),
        }
        event
    }

    /// NF-13, NF-34: nothing is added to a request that runs.
    fn take_in(&mut self, part: &Part<'_>, now: Duration) -> Option<Event<'_>> {
        match &self.state {
            State::Processing(_) => return self.refuse(StatusWord::CONDITIONS_NOT_SATISFIED),
            State::Chaining(header) if *header == part.header => {}
            _ => self.message.clear(),
        }
        self.append(part.data);
        if part.is_last {
            self.state = State::Idle;
            return self.begin(part, now);
        }
        self.state = State::Chaining(part.header);
        self.response = Some(StatusWord::NO_ERROR.after(&[]));
        None
    }

    /// One byte beyond the longest message is kept, to know that it is too long, and no more (NF-14).
    fn append(&mut self, data: &[u8]) {
        let room = usize::from(self.settings.max_message).saturating_add(1);
        let room = room.saturating_sub(self.message.len());
        self.message.extend(data.iter().take(room));
    }

    /// All parts have come.
    fn begin(&mut self, last: &Part<'_>, now: Duration) -> Option<Event<'_>> {
        let kind = last.kind();
        if kind == Kind::U2f {
            self.write_u2f_apdu(last.header);
        }
        if self.message.is_empty() {
            return self.refuse(StatusWord::WRONG_LENGTH); // NF-15
        }
        if self.message.len() > usize::from(self.settings.max_message) {
            return self.refuse_too_long(kind, last.expected);
        }
        self.last_request = self.last_request.wrapping_add(1);
        let (id, can_poll) = (RequestId(self.last_request), last.can_poll());
        self.state = State::Processing(Processing::new(id, kind, can_poll, last.expected, now));
        Some(Event::Request { id, kind, can_poll, message: &self.message })
    }

    /// NF-14: CTAP says it by its own status, CTAP2_ERR_REQUEST_TOO_LARGE; U2F has none.
    fn refuse_too_long<'e>(&mut self, kind: Kind, expected: usize) -> Option<Event<'e>> {
        match kind {
            Kind::Ctap => self.tell(&[0x39], expected),
            Kind::U2f => self.response = Some(StatusWord::WRONG_LENGTH.after(&[])),
        }
        None
    }

    /// Makes one APDU with extended lengths of the data (UF-01, UF-03): what is a U2F message on USB.
    fn write_u2f_apdu(&mut self, header: Header) {
        self.message = header.command(&self.message, Length::Extended);
    }

    /// NF-17.
    fn get_response<'e>(&mut self, expected: usize) -> Option<Event<'e>> {
        let State::Remaining(answer) = self.state else {
            return self.refuse(StatusWord::CONDITIONS_NOT_SATISFIED);
        };
        self.deliver(answer, expected);
        None
    }

    /// NF-31 to NF-33: the answer is delivered once.
    fn poll<'e>(&mut self, cancel: bool, expected: usize, now: Duration) -> Option<Event<'e>> {
        match &mut self.state {
            State::Processing(processing) => {
                processing.poll(cancel, expected, now);
                let id = processing.id;
                self.handle_timeout(now);
                cancel.then_some(Event::Cancel { id })
            }
            State::Answered(word) => {
                let word = *word;
                self.deliver(Answer { sent: 0, word }, expected);
                None
            }
            _ => self.refuse(StatusWord::CONDITIONS_NOT_SATISFIED),
        }
    }

    /// NF-36.
    fn end<'e>(&mut self) -> Option<Event<'e>> {
        self.reset();
        self.response = Some(StatusWord::NO_ERROR.after(&[]));
        Some(Event::End)
    }

    /// A command that is refused is another command all the same: it ends a chain, and drops the rest of an answer (NF-13,
    /// NF-17). It does not disturb a request that runs, or an answer that its client has yet to poll: several programs may
    /// use one card, and look for applications of their own on it.
    fn refuse<'e>(&mut self, word: StatusWord) -> Option<Event<'e>> {
        if matches!(self.state, State::Chaining(_) | State::Remaining(_)) {
            self.state = State::Idle;
        }
        self.response = Some(word.after(&[]));
        None
    }

    /// Answers in the authenticator's place.
    fn tell(&mut self, data: &[u8], expected: usize) {
        self.message.clear();
        self.message.extend_from_slice(data);
        self.deliver(Answer { sent: 0, word: StatusWord::NO_ERROR }, expected);
    }

    /// As much of the stored answer as fits; with 61XX if that is not all (NF-16).
    fn deliver(&mut self, answer: Answer, expected: usize) {
        let rest = self.message.get(answer.sent..).unwrap_or_default();
        let (chunk, left) = rest.split_at_checked(expected).unwrap_or((rest, &[]));
        if left.is_empty() {
            self.response = Some(answer.word.after(chunk));
            self.state = State::Idle;
        } else {
            self.response = Some(StatusWord::remaining(left.len()).after(chunk));
            let sent = answer.sent.saturating_add(chunk.len());
            self.state = State::Remaining(Answer { sent, ..answer });
        }
    }
}

/// Data and status word of an answer in order.
fn whole_answer(kind: Kind, message: &[u8]) -> Option<(&[u8], StatusWord)> {
    if message.is_empty() || message.len() > usize::from(MESSAGE_MAX) {
        return None;
    }
    match kind {
        Kind::Ctap => Some((message, StatusWord::NO_ERROR)), // NF-10: errors too
        Kind::U2f => StatusWord::split(message),
    }
}

#[cfg(test)]
mod tests;
