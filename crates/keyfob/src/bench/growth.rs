//! The cost of a key that has more and more passkeys: in this process, with its memory in a directory.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tempfile::TempDir;
use virtual_key::log;
use virtual_key::memory::{self, Memory};
use virtual_key::platform::system_rng;

use super::durable::{self, Counts};
use super::in_process::InProcess;
use super::name::{BY_LIST, BY_RP, LIST, Name, OPEN, PASSKEY, Place, TOKEN};
use super::platform::{LISTED, Platform};
use super::spread::Spread;
use super::turns::{self, Subject, Taken};

/// One operation, at every size.
#[derive(Debug, Serialize)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) points: Vec<Point>,
}

/// One operation, at one size.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// How many passkeys the key has.
    pub(super) credentials: usize,
    #[serde(flatten)]
    pub(super) spread: Spread,
}

/// How much to measure.
#[derive(Clone, Copy)]
pub(super) struct Effort<'a> {
    /// How many passkeys, from few to many.
    pub(super) sizes: &'a [usize],
    /// Turns of each operation.
    pub(super) turns: usize,
    /// How often a memory is opened.
    pub(super) openings: usize,
}

/// Measures a new key for each size.
///
/// # Errors
/// When a key refuses, or the disk does.
pub(super) fn measure(effort: Effort<'_>, directory: &Path) -> anyhow::Result<Vec<Curve>> {
    let mut curves: Vec<Curve> = Vec::new();
    for &credentials in effort.sizes {
        for (name, spread) in at(credentials, effort, directory)? {
            let point = Point { credentials, spread };
            match curves.iter_mut().find(|curve| curve.name == name) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { name, unit: "µs", points: vec![point] }),
            }
        }
    }
    Ok(curves)
}

fn at(
    credentials: usize,
    effort: Effort<'_>,
    directory: &Path,
) -> anyhow::Result<Vec<(&'static str, Spread)>> {
    let place = TempDir::new_in(directory)?;
    let memory = place.path().join("key");
    let counts = Arc::new(Counts::default());
    let key = InProcess::with(durable::create(&memory, &counts)?)?;
    counts.hurry(true);
    let platform = RefCell::new(Platform::new(key, credentials, None));
    counts.hurry(false);
    let taken = turns::take(&mut subjects(&platform), effort.turns)?;
    drop(platform);
    let mut spreads: Vec<_> = taken
        .into_iter()
        .filter_map(|Taken { name, calls }| {
            Some((name.what, Spread::of(calls.ok()?, MICROS, true)))
        })
        .collect();
    spreads.push((OPEN, opening(&memory, effort.openings)?));
    Ok(spreads)
}

fn subjects(key: &RefCell<Platform<InProcess>>) -> Vec<Subject<'_>> {
    let subject = |what, act: fn(&mut Platform<InProcess>) -> anyhow::Result<()>| {
        let name = Name::new(what, Place::InProcessDurable);
        Subject::new(name, move || act(&mut key.borrow_mut())).in_a_turn(FEW)
    };
    vec![
        subject(TOKEN, Platform::obtain_token).after(|| key.borrow_mut().agree_for_token()),
        subject(PASSKEY, Platform::make_passkey).after(|| key.borrow_mut().authorise_passkey()),
        subject(BY_LIST, Platform::sign_by_list),
        subject(BY_RP, Platform::sign_by_rp),
        subject(LIST, Platform::list).after(|| key.borrow_mut().authorise_list()).each_of(LISTED),
    ]
}

/// As a key does it when it starts. The first time is not counted: it draws a serial number.
fn opening(memory: &Path, times: usize) -> anyhow::Result<Spread> {
    let place = memory::Place::new(memory.to_owned());
    let open = || {
        Memory::open(&place, log, &mut system_rng())?;
        Ok(())
    };
    let mut subject = Subject::new(Name::new(OPEN, Place::InProcessDurable), open);
    subject.call()?;
    let calls = (0..times).map(|_| subject.call()).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Spread::of(calls, MICROS, true))
}

impl Curve {
    /// How much the last size costs of the first.
    pub(super) fn rise(&self) -> Option<f64> {
        let [first, .., last] = &self.points[..] else { return None };
        Some(last.spread.value / first.spread.value)
    }
}

/// Microseconds in a second.
const MICROS: f64 = 1e6;

/// Calls in a turn.
const FEW: usize = 4;

/// Enough for a picture.
pub(super) const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// A quick look ends here.
pub(super) const FEW_SIZES: [usize; 3] = [10, 100, 1_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_point_for_each_size() {
        let place = tempfile::tempdir().unwrap();
        let effort = Effort { sizes: &[10, 20], turns: 1, openings: 1 };
        let curves = measure(effort, place.path()).unwrap();
        let names: Vec<_> = curves.iter().map(|curve| curve.name).collect();
        assert_eq!(names, [TOKEN, PASSKEY, BY_LIST, BY_RP, LIST, OPEN]);
        for curve in &curves {
            let sizes: Vec<_> = curve.points.iter().map(|point| point.credentials).collect();
            assert_eq!(sizes, [10, 20], "{}", curve.name);
            assert!(curve.rise().unwrap() > 0.0);
            assert!(curve.points.iter().all(|point| point.spread.value > 0.0));
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
