//! The subjects of the measurements: exchanges with keys in this process and over USB/IP, and what they are compared with.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use ctap_client::Exchange;
use ctap_client::commands::code;
use hid_transport::limits::{CONTINUATION_DATA, INITIALIZATION_DATA, REPORT_SIZE};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use virtual_key::platform::system_rng;

use super::durable::{self, Counts, Syncs};
use super::echo::Echo;
use super::in_process::InProcess;
use super::name::{
    CHANGE_PIN, ECHO, GET_INFO, LIST, LONG_PING, LONG_PING_ONE, Name, PASSKEY, PING, Place,
    REGISTRATION, SET_PIN, SIGNATURE, SILENT, STRANGERS, TOKEN, TOUCH,
};
use super::platform::{FEWEST, LISTED, Platform};
use super::turns::Subject;
use super::wire::{self, Channel, Reads};
use crate::device::Address;
use crate::spawned::SpawnedKey;

type Near = RefCell<Platform<InProcess>>;
type Far = RefCell<Platform<Channel>>;

/// Everything that is measured, ready to be called. Several subjects share a key, in turns.
pub(super) struct Subjects {
    echo: RefCell<Echo>,
    signing_key: SigningKey,
    near: Near,
    near_durable: Near,
    far: Far,
    far_durable: Far,
    peer: Option<Far>,
    /// These are given their first PIN again and again.
    blank: Near,
    blank_durable: Near,
    counts: Arc<Counts>,
}

/// What the subjects are made of.
pub(super) struct Parts<'a> {
    /// Keys over USB/IP, without a memory and with one.
    pub(super) keys: [&'a SpawnedKey; 2],
    /// Where the memories of keys in this process go.
    pub(super) directory: &'a Path,
    /// How many passkeys each key has.
    pub(super) passkeys: usize,
    /// Somebody else's key.
    pub(super) peer: Option<&'a Address>,
    /// The PIN that it has.
    pub(super) peer_pin: Option<&'a str>,
}

impl Subjects {
    /// Gives each key its passkeys and its PIN.
    ///
    /// # Errors
    /// When one of our keys refuses, or a key cannot be reached.
    pub(super) fn prepare(parts: &Parts<'_>) -> anyhow::Result<Self> {
        let counts = Arc::new(Counts::default());
        let durable = |name| {
            let store = durable::create(&parts.directory.join(name), &counts)?;
            InProcess::with(store)
        };
        let near = |key| RefCell::new(Platform::new(key, parts.passkeys, None));
        let blank = |key| RefCell::new(Platform::new(key, FEWEST, None));
        let far = |address: &Address, pin| {
            let key = wire::open(address)?;
            Ok::<_, anyhow::Error>(RefCell::new(Platform::new(key, parts.passkeys, pin)))
        };
        let [ephemeral, kept] = parts.keys;
        let ours = far(&ephemeral.address()?, None)?;
        let info = ours.borrow_mut().client().raw(&[code::GET_INFO])?;
        let (request, reply) = bytes_on_the_wire(info.len());
        Ok(Self {
            echo: RefCell::new(Echo::start(request, reply)?),
            signing_key: SigningKey::generate_from_rng(&mut system_rng()),
            near: near(InProcess::ephemeral()?),
            near_durable: near(durable("measured")?),
            far: ours,
            far_durable: far(&kept.address()?, None)?,
            peer: parts.peer.map(|peer| far(peer, parts.peer_pin)).transpose()?,
            blank: blank(InProcess::ephemeral()?),
            blank_durable: blank(durable("blank")?),
            counts,
        })
    }

    /// The subjects, each beside what it is compared with.
    pub(super) fn all(&self) -> Vec<Subject<'_>> {
        let mut all = vec![
            Subject::new(Name::new(ECHO, Place::NoKey), || self.echo.borrow_mut().exchange()),
            Subject::new(Name::new(SIGNATURE, Place::NoKey), || sign(&self.signing_key)),
            first_pin(Place::InProcess, &self.blank),
            first_pin(Place::InProcessDurable, &self.blank_durable),
        ];
        all.extend(exchanges(Place::InProcess, &self.near));
        all.extend(exchanges(Place::InProcessDurable, &self.near_durable));
        all.extend(exchanges(Place::Usbip, &self.far));
        all.extend(exchanges(Place::UsbipDurable, &self.far_durable));
        all.extend(pings(Place::Usbip, &self.far));
        if let Some(peer) = &self.peer {
            all.extend(exchanges(Place::Peer, peer));
            all.extend(pings(Place::Peer, peer));
        }
        all.sort_by_key(|subject| subject.name().order());
        all
    }

    /// The syncs of so many calls of each subject that a key in this process has to remember.
    ///
    /// # Errors
    /// When a key refuses.
    pub(super) fn syncs(&self, calls: u64) -> anyhow::Result<Vec<(Name, Syncs)>> {
        let place = Place::InProcessDurable;
        let mut subjects = exchanges(place, &self.near_durable);
        subjects.push(first_pin(place, &self.blank_durable));
        subjects.iter_mut().map(|subject| self.syncs_of(subject, calls)).collect()
    }

    fn syncs_of(&self, subject: &mut Subject<'_>, calls: u64) -> anyhow::Result<(Name, Syncs)> {
        let mut sum = Syncs::default();
        for _ in 0..calls {
            subject.prepare()?;
            let before = self.counts.so_far();
            subject.call()?;
            let after = self.counts.so_far();
            sum.waited_for += after.waited_for - before.waited_for;
            sum.in_background += after.in_background - before.in_background;
        }
        Ok((subject.name(), sum))
    }

    /// Leaves a peer with the PIN that it was given.
    ///
    /// # Errors
    /// Of the peer.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.peer.map_or(Ok(()), |peer| peer.into_inner().end())
    }
}

/// What getAssertion signs is this long: authenticator data and the hash of the client data.
///
/// # Errors
/// None that this length of a message could have.
pub(super) fn sign(signing_key: &SigningKey) -> anyhow::Result<()> {
    let signature: DerSignature = signing_key.try_sign(black_box(&[0; 37 + 32]))?;
    black_box(signature);
    Ok(())
}

/// What every key is asked. With a memory, only what has to do with it.
fn exchanges<E: Exchange>(place: Place, key: &RefCell<Platform<E>>) -> Vec<Subject<'_>> {
    let subject = |what, act: fn(&mut Platform<E>) -> anyhow::Result<()>| {
        Subject::new(Name::new(what, place), move || act(&mut key.borrow_mut()))
    };
    let mut subjects = vec![
        subject(TOUCH, Platform::touch),
        subject(PASSKEY, Platform::make_passkey)
            .after(|| key.borrow_mut().authorise_passkey())
            .in_a_turn(FEW),
        subject(TOKEN, Platform::obtain_token)
            .after(|| key.borrow_mut().agree_for_token())
            .in_a_turn(FEW),
        subject(CHANGE_PIN, Platform::change_pin).in_a_turn(FEW),
    ];
    if !place.is_durable() {
        subjects.extend([
            subject(GET_INFO, Platform::get_info),
            subject(SILENT, Platform::silent),
            subject(STRANGERS, Platform::strangers),
            subject(REGISTRATION, Platform::make_credential),
            subject(LIST, Platform::list)
                .after(|| key.borrow_mut().authorise_list())
                .in_a_turn(FEW)
                .each_of(LISTED),
        ]);
    }
    subjects
}

/// A reset comes before each of them.
fn first_pin(place: Place, key: &Near) -> Subject<'_> {
    let forget = move || {
        let mut key = key.borrow_mut();
        key.client().exchange_mut().power_cycle();
        Ok(key.client().reset()?)
    };
    Subject::new(Name::new(SET_PIN, place), || key.borrow_mut().set_pin())
        .after(forget)
        .in_a_turn(FEW)
}

/// Each leaves the key with as many reads as other rows have: to have more of them is to ask for them at the next report.
fn pings(place: Place, key: &Far) -> Vec<Subject<'_>> {
    let keep = move |reads| key.borrow_mut().client().exchange_mut().pipe_mut().keep(reads);
    let ping = |what, length, reads| {
        let echoed = move || {
            echo(key, length)?;
            keep(Reads::AsUsual)
        };
        Subject::new(Name::new(what, place), echoed).after(move || keep(reads))
    };
    vec![
        ping(PING, 1024, Reads::AsUsual),
        ping(LONG_PING, 7609, Reads::Many).in_a_turn(FEW),
        ping(LONG_PING_ONE, 7609, Reads::One).in_a_turn(1),
    ]
}

fn echo(key: &Far, length: usize) -> anyhow::Result<()> {
    let data = vec![0xA5; length];
    let echo = key.borrow_mut().client().exchange_mut().ping(&data)?;
    ensure!(echo == data, "it does not echo what it was sent");
    Ok(())
}

/// A getInfo exchange over USB/IP: one report out, as many in as the reply needs, and for each the header of its URB, and
/// the request for another one.
fn bytes_on_the_wire(reply: usize) -> (usize, usize) {
    let reports = 1 + reply.saturating_sub(INITIALIZATION_DATA).div_ceil(CONTINUATION_DATA);
    let request = URB_HEADER + REPORT_SIZE + reports * URB_HEADER;
    let reply = URB_HEADER + reports * (URB_HEADER + REPORT_SIZE);
    (request, reply)
}

const URB_HEADER: usize = 48;

/// Calls in a turn of what may wait for a disk.
const FEW: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_carries_as_many_bytes_as_the_reports_and_their_urbs() {
        assert_eq!(bytes_on_the_wire(57), (48 + 64 + 48, 48 + 112));
        assert_eq!(bytes_on_the_wire(58), (48 + 64 + 96, 48 + 224));
        assert_eq!(bytes_on_the_wire(57 + 59 + 1).1, 48 + 3 * 112);
    }
}
