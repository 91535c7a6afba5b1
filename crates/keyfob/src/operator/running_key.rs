//! A key that runs in a keyfob of this host, which takes orders through its control socket.

use ctap_conformance::{Hand, TransportFailure};
use ctap_core::consent::SampleFault;
use virtual_key::key::Touch;
use virtual_key::profile::Profile;

use super::command::unable;
use crate::control::bad_sample::BadSample;
use crate::control::protocol::{Choice, Response, Sample, Status, Touching};
use crate::control::{Connection, Request};
use crate::device::cards;

/// Where its orders go.
#[derive(Clone)]
pub(super) struct RunningKey {
    connection: Connection,
    /// Its bus id: one keyfob may have several keys.
    key: String,
}

impl RunningKey {
    /// The running key with this serial number, and who decides about its touches. A keyfob that runs here and has another key
    /// is not meant.
    pub(super) fn find(connection: &Connection, serial: Option<&str>) -> Option<(Self, Touch)> {
        let Ok(Response::Status(Status { touch, keys })) = connection.ask(&Request::Status {})
        else {
            return None;
        };
        let key = keys.into_iter().find(|key| Some(&*key.serial) == serial)?.key;
        Some((Self { connection: connection.clone(), key }, touch))
    }

    /// The same of the only key that lies on a reader, if a keyfob lies on this one.
    pub(super) fn find_card(connection: &Connection, reader: &str) -> Option<(Self, Touch)> {
        if !cards::has_keyfob(reader) {
            return None;
        }
        let Ok(Response::Status(Status { touch, keys })) = connection.ask(&Request::Status {})
        else {
            return None;
        };
        let mut there = keys.into_iter().filter(|key| key.on_reader == Some(true));
        match (there.next(), there.next()) {
            (Some(only), None) => {
                Some((Self { connection: connection.clone(), key: only.key }, touch))
            }
            _ => None,
        }
    }

    /// What it is made as.
    ///
    /// # Errors
    /// Its keyfob does not tell, or is another version and tells what means nothing here.
    pub(super) fn profile(&self) -> anyhow::Result<Profile> {
        match self.connection.ask(&Request::Profile { key: Some(self.key.clone()) })? {
            Response::Profile { name, profile, .. } => Ok(Profile::from_json(&name, &profile)?),
            other => Err(other.unexpected()),
        }
    }

    /// Does what `hand` says.
    pub(super) fn act(&self, hand: Hand) -> Result<(), TransportFailure> {
        let key = || Some(self.key.clone());
        let touch =
            |sample| Request::Touch(Touching { key: key(), prompt: None, sample: Some(sample) });
        let request = match hand {
            Hand::Touch => touch(Sample::Finger(1)),
            Hand::Finger(finger) => touch(Sample::Finger(finger)),
            Hand::BadSample(code) => touch(Sample::Bad(bad_sample(code)?)),
            Hand::Refuse => Request::Deny(Choice { key: key(), prompt: None }),
            Hand::Nothing | Hand::Cancel => return Ok(()),
        };
        // The key may have stopped asking in the meantime: then there is nothing to do.
        let _ = self.connection.ask(&request);
        Ok(())
    }

    /// Unplugs it and plugs it in again.
    pub(super) fn replug(&self) -> Result<(), TransportFailure> {
        let replug = Request::Replug { key: Some(self.key.clone()) };
        self.connection.ask(&replug).map(drop).map_err(|error| unable(&format!("{error:#}")))
    }
}

/// The sample with this lastEnrollSampleStatus (BE-23).
pub(crate) fn bad_sample(code: u8) -> Result<BadSample, TransportFailure> {
    let found = SampleFault::from_number(code).map(BadSample);
    found.ok_or_else(|| unable("this key's sensor cannot fail in that way"))
}
