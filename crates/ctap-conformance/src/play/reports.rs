//! Steps that are CTAPHID reports, one by one or a message at a time.

use std::time::{Duration, Instant};

use ctap_client::shown::hex;
use ctap_client::{Report, ReportPipe, Value};
use hid_transport::limits::{CONTINUATION_DATA, INITIALIZATION_DATA};

use super::{Player, Stop, broken};
use crate::limits::{LONGEST_DELAY, LONGEST_SILENCE};
use crate::notation::NoValue;
use crate::notation::syntax::{Expr, Pattern};
use crate::script::Piece;
use crate::watch::Said;

impl Player<'_, '_> {
    /// CTAPHID_INIT on the broadcast channel (HD-36).
    pub(super) fn open_channel(&mut self, name: &str) -> Result<(), Stop> {
        let mut nonce = [0; 8];
        self.scope.rng.fill_bytes(&mut nonce);
        self.send(&[&BROADCAST[..], &[INIT, 0, 8], &nonce].concat())?;
        let begun = Instant::now();
        loop {
            let report = self.receive()?;
            if report.starts_with(&BROADCAST) && report[4] == INIT && report[7..15] == nonce {
                self.scope.set(name, Value::from(&report[15..19]));
                return Ok(());
            }
            if begun.elapsed() > LONGEST_SILENCE {
                let (nonce, seconds) = (hex(&nonce), LONGEST_SILENCE.as_secs());
                return Err(Stop::Wrong(format!(
                    "expected an answer to INIT with the nonce {nonce}, got none in {seconds} s (HD-36)"
                )));
            }
        }
    }

    /// Whether the key knows CTAPHID_LOCK: unlocks what is not locked. Silence is no denial.
    pub(crate) fn locks(&mut self) -> bool {
        let answer = self.open_channel("cid").and_then(|()| {
            let channel = self.scope.get("cid")?.bytes()?;
            self.send(&[&channel[..], &UNLOCK].concat())?;
            self.receive_but(false)
        });
        match answer {
            Ok(report) => report[4..8] != INVALID_COMMAND,
            Err(Stop::Unable(_)) => false,
            Err(_) => true,
        }
    }

    pub(super) fn send_packet(&mut self, pieces: &[Piece]) -> Result<(), Stop> {
        let mut packet = Vec::new();
        for piece in pieces {
            packet.extend(self.bytes_of(piece)?);
        }
        self.send(&packet)
    }

    pub(super) fn hear_packet(&mut self, pieces: &[Piece]) -> Result<(), Stop> {
        let is_keepalive =
            matches!(pieces.get(1), Some(Piece::Bytes(bytes)) if bytes[..] == [KEEPALIVE]);
        let report = self.receive_but(is_keepalive)?;
        let mut rest = &report[..];
        for piece in pieces {
            let length = match piece {
                Piece::AnyByte => 1,
                Piece::Capture(_, length) => *length,
                piece => self.bytes_of(piece)?.len(),
            };
            let (part, after) = rest
                .split_at_checked(length)
                .ok_or_else(|| Stop::Wrong("a report has 64 bytes".to_owned()))?;
            match piece {
                Piece::AnyByte => {}
                Piece::Capture(name, _) => self.scope.set(name, Value::from(part)),
                piece => {
                    let expected = self.bytes_of(piece)?;
                    if part != expected {
                        return Err(differs(&expected, part, &report));
                    }
                }
            }
            rest = after;
        }
        Ok(())
    }

    pub(super) fn send_message(
        &mut self,
        channel: &Piece,
        command: u8,
        data: &Expr,
    ) -> Result<(), Stop> {
        let channel = self.bytes_of(channel)?;
        let data = self.scope.term(data)?.bytes()?;
        let (first, rest) = data.split_at(data.len().min(INITIALIZATION_DATA));
        let length = (data.len() as u16).to_be_bytes();
        self.send(&[&channel[..], &[command], &length, first].concat())?;
        for (sequence, part) in rest.chunks(CONTINUATION_DATA).enumerate() {
            self.send(&[&channel[..], &[sequence as u8], part].concat())?;
        }
        Ok(())
    }

    pub(super) fn hear_message(
        &mut self,
        channel: &Piece,
        command: u8,
        pattern: &Pattern,
    ) -> Result<(), Stop> {
        let head = [&self.bytes_of(channel)?[..], &[command]].concat();
        let first = self.receive_but(command == KEEPALIVE)?;
        if !first.starts_with(&head) {
            return Err(differs(&head, &first[..5], &first));
        }
        let length = usize::from(u16::from_be_bytes([first[5], first[6]]));
        let mut data = first[7..].to_vec();
        for sequence in 0..=u8::MAX {
            if data.len() >= length {
                break;
            }
            let next = self.receive()?;
            let expected = [&head[..4], &[sequence]].concat();
            if !next.starts_with(&expected) {
                return Err(differs(&expected, &next[..5], &next));
            }
            data.extend(&next[5..]);
        }
        data.truncate(length);
        let value = Value::from(data);
        self.scope.set("reply", value.clone());
        Ok(self.scope.compare(pattern, Some(&value))?)
    }

    pub(super) fn silence(&mut self, time: Duration) -> Result<(), Stop> {
        match self.pipe()?.receive(time).map_err(failed)? {
            None => Ok(()),
            Some(report) => {
                self.watch.heard(&report);
                Err(Stop::Wrong(format!("expected no report, got {}", short(&report))))
            }
        }
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Stop> {
        let mut report: Report = [0; 64];
        let Some(start) = report.get_mut(..packet.len()) else {
            return Err(Stop::Wrong(format!("{} bytes do not fit into a report", packet.len())));
        };
        start.copy_from_slice(packet);
        self.watch.last = Some((Said::Hid(report.to_vec()), None));
        self.pipe()?.send(&report).map_err(failed)
    }

    fn receive(&mut self) -> Result<Report, Stop> {
        let report = self.pipe()?.receive(LONGEST_SILENCE).map_err(failed)?;
        let report = report.ok_or_else(|| {
            let seconds = LONGEST_SILENCE.as_secs();
            Stop::Unanswered(format!("expected a report, got none in {seconds} s"))
        })?;
        self.watch.heard(&report);
        Ok(report)
    }

    /// The next report; KEEPALIVEs count only if they are wanted.
    fn receive_but(&mut self, keepalives: bool) -> Result<Report, Stop> {
        let begun = Instant::now();
        loop {
            let report = self.receive()?;
            if report[4] != KEEPALIVE || keepalives {
                return Ok(report);
            }
            if begun.elapsed() > LONGEST_DELAY {
                let seconds = LONGEST_DELAY.as_secs();
                return Err(Stop::Unanswered(format!(
                    "expected an answer, got only KEEPALIVEs in {seconds} s"
                )));
            }
        }
    }

    fn pipe(&mut self) -> Result<&mut dyn ReportPipe, Stop> {
        let pipe = self.watch.key.reports()?;
        pipe.ok_or_else(|| Stop::Unable("single reports cannot be sent to this key".to_owned()))
    }

    fn bytes_of(&mut self, piece: &Piece) -> Result<Vec<u8>, Stop> {
        match piece {
            Piece::Bytes(bytes) => Ok(bytes.clone()),
            Piece::Variable(name) => Ok(self.scope.get(name)?.bytes()?),
            Piece::Capture(..) | Piece::AnyByte => {
                Err(NoValue("only what is heard can be anything".to_owned()).into())
            }
        }
    }
}

fn differs(expected: &[u8], got: &[u8], report: &Report) -> Stop {
    let (expected, got) = (hex(expected), hex(got));
    Stop::Wrong(format!("expected {expected}, got {got} in {}", short(report)))
}

/// A report without the zeros at its end.
pub(crate) fn short(report: &[u8]) -> String {
    let zeros = report.iter().rev().take_while(|byte| **byte == 0).count();
    let end = report.len().saturating_sub(zeros).max(7).min(report.len());
    let (head, data) = report.split_at(end.min(7));
    let head = [head.get(..4), head.get(4..5), head.get(5..)].map(|part| hex(part.unwrap_or(&[])));
    let data = data.get(..end.saturating_sub(7)).unwrap_or(&[]);
    format!("{} {}", head.join(" "), hex(data)).trim_end().to_owned()
}

fn failed(error: std::io::Error) -> Stop {
    Stop::Unanswered(broken(&error))
}

const BROADCAST: [u8; 4] = [0xFF; 4];
const INIT: u8 = 0x86;
/// CTAPHID_KEEPALIVE: the key works on a request, or waits for a person (HD-72).
pub(crate) const KEEPALIVE: u8 = 0xBB;
/// CTAPHID_LOCK for 0 seconds.
const UNLOCK: [u8; 4] = [0x84, 0, 1, 0];
/// CTAPHID_ERROR: the command is unknown (HD-29).
const INVALID_COMMAND: [u8; 4] = [0xBF, 0, 1, 0x01];
