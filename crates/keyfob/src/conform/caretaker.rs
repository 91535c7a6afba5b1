//! Who looks after a key outside this process: touches it, unplugs it, waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use ctap_client::hidraw::Key;
use ctap_client::{Report, ReportPipe, TransportError};
use ctap_conformance::{Caretaker, Hand, Trouble};

use crate::control::protocol::{BadSample, Choice, Response, Sample, Status, Touching};
use crate::control::{Connection, Request};
use crate::device::{Address, local_keys};
use crate::key::Touch;
use crate::say::warn;
use crate::terminal;

/// How the key is touched and power-cycled.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct CareOptions {
    /// A command that touches the key when it asks; KEYFOB_HAND tells it `touch`, or `finger N`
    #[arg(long, value_name = "COMMAND")]
    touch_cmd: Option<String>,

    /// A command that unplugs the key and plugs it in again
    #[arg(long, value_name = "COMMAND")]
    power_cycle_cmd: Option<String>,

    /// A command that makes the key as new, for keys that cannot be reset; a key that is a program is started anew by it
    #[arg(long, value_name = "COMMAND")]
    renew_cmd: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

/// A key outside this process, and who is there for it.
pub(super) struct Attendant {
    address: Address,
    touches: Touches,
    cycles: Cycles,
    renewal: Option<String>,
    connection: Connection,
    /// When a command of somebody's plugged the key in, who may not have waited until it was there.
    plugged_in: Option<Instant>,
    /// When somebody was last asked to do something.
    acted: Option<(Hand, Instant)>,
    /// The way to the key that was opened to see whether it is there, until somebody uses it.
    first: Option<Box<dyn ReportPipe>>,
    /// A command of somebody's that failed, and how.
    hindrance: Option<String>,
    /// The open way to the key.
    line: Option<Rc<RefCell<Line>>>,
}

/// A way to the key, and what came over it while the suite let time pass.
struct Line {
    pipe: Box<dyn ReportPipe>,
    inbox: VecDeque<Report>,
}

/// The suite's end of it.
pub(super) struct LineEnd(Rc<RefCell<Line>>);

impl ReportPipe for LineEnd {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.0.borrow_mut().pipe.send(report)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        let line = &mut *self.0.borrow_mut();
        match line.inbox.pop_front() {
            Some(report) => Ok(Some(report)),
            None => line.pipe.receive(timeout),
        }
    }
}

impl Line {
    /// Reads for so long: a key may drop what nobody reads.
    fn read_for(&mut self, time: Duration) -> io::Result<()> {
        let begun = Instant::now();
        while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            self.inbox.extend(self.pipe.receive(left)?);
        }
        Ok(())
    }
}

enum Touches {
    /// The key runs in a keyfob of this host.
    Control,
    Command(String),
    Person,
    Nobody,
}

enum Cycles {
    /// A USB/IP device is unplugged and plugged in by leaving and importing it.
    Import,
    /// The key runs in a keyfob of this host.
    Control,
    Command(String),
    Person,
    Nobody,
}

impl Attendant {
    /// Finds out who is there.
    ///
    /// # Errors
    /// When the key is not. Who else is missing shows when they are needed.
    pub(super) fn new(address: &Address, options: &CareOptions) -> anyhow::Result<Self> {
        let connection = options.connection.clone();
        let running = connection.ask(&Request::Status).ok();
        warn_of_a_key_without_a_person(running.as_ref());
        let is_ours = running.is_some();
        let somebody_is_here = terminal::is_interactive();
        let touches = match &options.touch_cmd {
            Some(command) => Touches::Command(command.clone()),
            None if is_ours => Touches::Control,
            None if somebody_is_here => Touches::Person,
            None => Touches::Nobody,
        };
        let cycles = match (&options.power_cycle_cmd, address) {
            (Some(command), _) => Cycles::Command(command.clone()),
            (None, Address::Usbip { .. }) => Cycles::Import,
            (None, _) if is_ours => Cycles::Control,
            (None, _) if somebody_is_here => Cycles::Person,
            (None, _) => Cycles::Nobody,
        };
        Ok(Self {
            address: address.clone(),
            touches,
            cycles,
            renewal: options.renew_cmd.clone(),
            connection,
            plugged_in: None,
            acted: None,
            hindrance: None,
            first: Some(address.pipe()?),
            line: None,
        })
    }

    fn bus_id(&self) -> Option<String> {
        match &self.address {
            Address::Usbip { bus_id, .. } => bus_id.clone(),
            _ => None,
        }
    }

    fn act_by_control(&self, hand: Hand) -> Result<(), Trouble> {
        let touch = |sample| {
            Request::Touch(Touching { key: self.bus_id(), prompt: None, sample: Some(sample) })
        };
        let request = match hand {
            Hand::Touch => touch(Sample::Finger(1)),
            Hand::Finger(finger) => touch(Sample::Finger(finger)),
            Hand::BadSample(code) => touch(Sample::Bad(bad_sample(code)?)),
            Hand::Refuse => Request::Deny(Choice { key: self.bus_id(), prompt: None }),
            Hand::Nothing | Hand::Cancel => return Ok(()),
        };
        // The key may have stopped asking in the meantime: then there is nothing to do.
        let _ = self.connection.ask(&request);
        Ok(())
    }

    /// The way to the key. A key that is being plugged in is given time to appear.
    fn pipe(&self) -> anyhow::Result<Box<dyn ReportPipe>> {
        loop {
            match self.address.pipe() {
                Err(_) if self.plugged_in.is_some_and(|when| when.elapsed() < APPEARING) => {
                    thread::sleep(PAUSE);
                }
                pipe => return pipe,
            }
        }
    }

    /// Gives up the way to the key, which is about to be unplugged.
    fn leave(&mut self) {
        (self.acted, self.first, self.line) = (None, None, None);
    }

    /// Once for each thing the key asks for, as far as anybody can tell from outside: once, and again if it still asks
    /// after a while.
    fn is_due(&mut self, hand: Hand) -> bool {
        let is_due = self.acted.is_none_or(|(last, when)| last != hand || when.elapsed() > AGAIN);
        if is_due {
            self.acted = Some((hand, Instant::now()));
        }
        is_due
    }

    /// Follows a key of this host to the device file that it has after it was plugged in again.
    fn follow(&mut self, before: &[Key]) -> Result<(), Trouble> {
        let Some(old) = self.among(before) else { return Ok(()) };
        let begun = Instant::now();
        while begun.elapsed() < PLUGGING {
            let new = successor(old, before, &local_keys().unwrap_or_default());
            if let Some(address) = new.map(Address::Hidraw)
                && let Ok(pipe) = address.pipe()
            {
                (self.address, self.first) = (address, Some(pipe));
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        let why = format!("{} was unplugged and did not come back", old.path.display());
        Err(TransportError::from(io::Error::new(io::ErrorKind::NotFound, why)).into())
    }

    /// Which of these keys of this host it is.
    fn among<'k>(&self, keys: &'k [Key]) -> Option<&'k Key> {
        match &self.address {
            Address::Auto => keys.first(),
            Address::Hidraw(path) => {
                let path = fs::canonicalize(path).ok()?;
                keys.iter().find(|key| key.path == path)
            }
            Address::Usbip { .. } => None,
        }
    }
}

impl Caretaker for Attendant {
    type Pipe = LineEnd;

    fn open(&mut self) -> Result<Self::Pipe, TransportError> {
        // An old line that is still open would keep the device to itself.
        (self.acted, self.line) = (None, None);
        let pipe = match self.first.take() {
            Some(pipe) => pipe,
            None => self.pipe().map_err(|error| io::Error::other(format!("{error:#}")))?,
        };
        let line = Rc::new(RefCell::new(Line { pipe, inbox: VecDeque::new() }));
        self.line = Some(Rc::clone(&line));
        Ok(LineEnd(line))
    }

    fn expect_question(&mut self) {
        self.acted = None;
    }

    fn act(&mut self, hand: Hand) -> Result<(), Trouble> {
        let is_due = self.is_due(hand);
        match &self.touches {
            Touches::Control => self.act_by_control(hand),
            _ if !is_due => Ok(()),
            Touches::Command(command) => {
                let ran = self::command("--touch-cmd", command, &words_for(hand)?);
                heed(ran, &mut self.hindrance)
            }
            Touches::Person => {
                let words = words_for(hand)?;
                terminal::note(format_args!("The key asks. Please: {words}."));
                Ok(())
            }
            Touches::Nobody => Err(unable("nobody is here to touch the key; use --touch-cmd")),
        }
    }

    fn power_cycle(&mut self) -> Result<(), Trouble> {
        self.leave();
        let before = local_keys().unwrap_or_default();
        match &self.cycles {
            Cycles::Import => return Ok(()),
            Cycles::Control => {
                let replug = Request::Replug { key: self.bus_id() };
                self.connection.ask(&replug).map_err(|error| unable(&format!("{error:#}")))?;
            }
            Cycles::Command(command) => {
                let ran = self::command("--power-cycle-cmd", command, "power cycle");
                heed(ran, &mut self.hindrance)?;
            }
            Cycles::Person => {
                let asked = terminal::confirm("Unplug the key and plug it in again. Done?");
                if !asked.unwrap_or(false) {
                    return Err(unable("the key was not unplugged"));
                }
            }
            Cycles::Nobody => {
                return Err(unable("nobody is here to unplug the key; use --power-cycle-cmd"));
            }
        }
        self.plugged_in = Some(Instant::now());
        self.follow(&before)
    }

    fn can_renew(&self) -> bool {
        self.renewal.is_some()
    }

    fn renew(&mut self) -> Result<(), Trouble> {
        let Some(command) = self.renewal.clone() else {
            return Err(unable("nobody is here to make the key as new; use --renew-cmd"));
        };
        self.leave();
        heed(self::command("--renew-cmd", &command, "renew"), &mut self.hindrance)?;
        self.plugged_in = Some(Instant::now());
        Ok(())
    }

    fn hindrance(&self) -> Option<String> {
        self.hindrance.clone()
    }

    fn reaction_time(&self) -> Duration {
        match self.touches {
            Touches::Person => A_PERSON,
            Touches::Control | Touches::Command(_) | Touches::Nobody => A_MACHINE,
        }
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), Trouble> {
        match &self.line {
            Some(line) => Ok(line.borrow_mut().read_for(time).map_err(TransportError::from)?),
            None => {
                thread::sleep(time);
                Ok(())
            }
        }
    }
}

/// The device file of the key that was `old`, once it is among the keys of `now`. The kernel takes each plugging in for
/// another device.
fn successor(old: &Key, before: &[Key], now: &[Key]) -> Option<PathBuf> {
    let make = |key: &Key| (key.vendor_id, key.product_id, key.serial.clone());
    let is_new = |key: &&Key| before.iter().all(|known| known.device != key.device);
    now.iter().filter(is_new).find(|key| make(key) == make(old)).map(|key| key.path.clone())
}

/// Many cases prove that a key waits for a person, and takes a refusal.
fn warn_of_a_key_without_a_person(running: Option<&Response>) {
    let Some(Response::Status(Status { touch, .. })) = running else { return };
    let does = match touch {
        Touch::Ask => return,
        Touch::Auto => "approves",
        Touch::Deny => "refuses",
    };
    warn(format_args!(
        "the running key {does} everything by itself, so cases about touches will fail; start it with --touch ask"
    ));
}

/// What a person, or somebody's machine, has to do.
fn words_for(hand: Hand) -> Result<String, Trouble> {
    match hand {
        Hand::Touch => Ok("touch".to_owned()),
        Hand::Finger(finger) => Ok(format!("finger {finger}")),
        Hand::Refuse => Err(unable("nobody can refuse on this key")),
        Hand::BadSample(_) => Err(unable("nobody can place a finger badly on this key")),
        Hand::Nothing | Hand::Cancel => Ok("nothing".to_owned()),
    }
}

/// That somebody's command fails says nothing about the key: no verdict may come of it.
fn heed(ran: Result<(), String>, hindrance: &mut Option<String>) -> Result<(), Trouble> {
    ran.map_err(|why| {
        *hindrance = Some(why.clone());
        Trouble::Unable(why)
    })
}

/// Runs somebody's command.
///
/// # Errors
/// Which option's command failed, and its exit status or what the system says.
fn command(option: &str, command: &str, hand: &str) -> Result<(), String> {
    let shell = Path::new("/bin/sh");
    let status = Command::new(shell)
        .args(["-c", command])
        .env("KEYFOB_HAND", hand)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{option} `{command}` failed: {status}")),
        Err(error) => Err(format!("{option} `{command}` cannot be run: {error}")),
    }
}

/// The sample with this lastEnrollSampleStatus (BE-23).
pub(super) fn bad_sample(code: u8) -> Result<BadSample, Trouble> {
    let all = BadSample::value_variants().iter();
    let found = all.copied().find(|bad| ctap_core::consent::SampleFault::from(*bad) as u8 == code);
    found.ok_or_else(|| unable("this key's sensor cannot fail in that way"))
}

fn unable(why: &str) -> Trouble {
    Trouble::Unable(why.to_owned())
}

/// Longer than a key takes to notice a touch.
const AGAIN: Duration = Duration::from_secs(3);
/// How long a touch may take from the key's asking: by somebody who sits there, or by a command, tried again once.
const A_PERSON: Duration = Duration::from_secs(60);
const A_MACHINE: Duration = Duration::from_secs(8);
/// How long a key takes to be there after the command that plugs it in.
const APPEARING: Duration = Duration::from_secs(5);
/// How long a host takes at most to have a device back.
const PLUGGING: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32, serial: &str, life: u32) -> Key {
        Key {
            path: format!("/dev/hidraw{number}").into(),
            name: "Example key".to_owned(),
            vendor_id: 0x1209,
            product_id: 5,
            serial: (!serial.is_empty()).then(|| serial.to_owned()),
            device: format!("/sys/devices/{life}").into(),
        }
    }

    #[test]
    fn a_key_is_followed_to_another_device_file_and_no_other_key_taken_for_it() {
        let before = [key(0, "a", 1), key(1, "b", 2)];
        let after = |now: &[Key]| successor(&before[0], &before, now);
        assert_eq!(after(&before), None, "still plugged in");
        assert_eq!(after(&before[1..]), None, "not yet back");
        assert_eq!(after(&[before[1].clone(), key(2, "c", 3)]), None, "somebody else's");
        assert_eq!(after(&[key(0, "a", 3)]), Some("/dev/hidraw0".into()));
        assert_eq!(after(&[before[1].clone(), key(2, "a", 3)]), Some("/dev/hidraw2".into()));
    }

    #[test]
    fn of_two_keys_without_numbers_the_one_that_was_plugged_in_is_it() {
        let before = [key(0, "", 1), key(1, "", 2)];
        let now = [before[1].clone(), key(2, "", 3)];
        assert_eq!(successor(&before[0], &before, &now), Some("/dev/hidraw2".into()));
    }
}
