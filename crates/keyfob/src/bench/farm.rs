//! A farm: many keys in one server, and clients that use them at once. How much longer does each wait than one that is alone?
//!
//! Both ask as often in all, each request at a random moment of its time, and in turns: so a machine which is busy with other things is
//! as unkind to both.

mod clients;
mod told;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::value_parser;
use serde::Serialize;

use self::clients::Clients;
pub(super) use self::told::Farm;
use super::machine::Machine;
use super::platform::Platform;
use super::process;
use super::wire::Channel;
use crate::spawned::SpawnedKey;
use crate::state::key_numbers;

/// How large the farm is.
#[derive(clap::Args, Clone, Copy, Debug, Serialize)]
pub(super) struct Size {
    /// Keys in the server of a farm
    #[arg(long, value_name = "N", requires = "farm", default_value_t = 200, value_parser = key_numbers())]
    keys: u8,
    /// Clients of a farm at once, each with a key of its own
    #[arg(long, value_name = "N", requires = "farm", default_value_t = 100, value_parser = key_numbers())]
    clients: u8,
    /// Requests in a second, of all clients of a farm together
    #[arg(long, value_name = "N", requires = "farm", default_value_t = 300, value_parser = value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How many requests of each kind are measured, with one client and with all
    #[arg(long, value_name = "N", requires = "farm", default_value_t = 1500, value_parser = value_parser!(u32).range(10..=1_000_000))]
    samples: u32,
}

/// One kind of request, of one client and of all.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: &'static str,
    alone: Waits,
    together: Waits,
    /// What the slowest of a hundred waited together, by what it waited alone.
    ratio: f64,
    /// That which keyfob promises not to exceed.
    at_most: f64,
}

/// How long requests took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Waits {
    samples: usize,
    median: f64,
    p99: f64,
}

/// What keys cost that nobody uses.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    memory: &'static str,
    start_milliseconds: f64,
    /// Of the server with all its keys.
    resident_kibibytes: u64,
    /// What each key more costs.
    each: Each,
    idle_processor_percent: f64,
    idle_wake_ups_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Each {
    resident_kibibytes: f64,
    descriptors: f64,
    threads: f64,
}

/// Measures keys without a memory, and with one below `directory`.
///
/// # Errors
/// When a key does not do what is measured, or there are more clients than keys.
pub(super) fn measure(size: Size, directory: &Path) -> anyhow::Result<Farm> {
    ensure!(
        size.clients <= size.keys,
        "each client needs a key of its own: {} are too few",
        size.keys
    );
    let durable = |name: &str| memory_in(&directory.join(name));
    let nowhere = ["--ephemeral".to_owned()];
    let [alone, together] = [serve(size.keys, &nowhere)?, serve(size.keys, &nowhere)?];
    let mut costs = vec![cost("none", size.keys, &together, &nowhere)?];
    let mut rows = compare(size, &alone, &together, &IN_MEMORY)?;
    drop((alone, together));
    let alone = serve(size.keys, &durable("alone")?)?;
    let together = serve(size.keys, &durable("together")?)?;
    costs.push(cost("in a directory", size.keys, &together, &durable("one")?)?);
    rows.extend(compare(size, &alone, &together, &DURABLE)?);
    Ok(Farm { machine: Machine::this(directory), size, rows, costs })
}

fn memory_in(directory: &Path) -> anyhow::Result<Vec<String>> {
    let directory = directory.to_str().context("the directory's name is not UTF-8 text")?;
    Ok(vec!["--state".to_owned(), directory.to_owned()])
}

fn serve(keys: u8, memory: &[String]) -> anyhow::Result<SpawnedKey> {
    let keys = keys.to_string();
    let memory = memory.iter().map(String::as_str);
    let options = memory.chain(["--touch", "auto", "--keys", &keys]);
    SpawnedKey::serve_as(&options.collect::<Vec<_>>())
}

/// Something that a client asks for.
type Act = fn(&mut Platform<Channel>) -> anyhow::Result<()>;

const IN_MEMORY: [(&str, Act); 3] = [
    ("getInfo", Platform::get_info),
    ("makeCredential", Platform::make_credential),
    ("getAssertion", Platform::touch),
];
const DURABLE: [(&str, Act); 2] =
    [("a passkey, durable", Platform::replace_passkey), ("getAssertion, durable", Platform::touch)];

fn compare(
    size: Size,
    alone: &SpawnedKey,
    together: &SpawnedKey,
    acts: &[(&'static str, Act)],
) -> anyhow::Result<Vec<Row>> {
    let one = Clients::of(alone.server()?, 1)?;
    let all = Clients::of(together.server()?, size.clients)?;
    let row = |&(name, act): &(&'static str, Act)| -> anyhow::Result<Row> {
        let (mut waits_alone, mut waits_together) = (Vec::new(), Vec::new());
        let samples = size.samples.div_ceil(TURNS);
        for turn in 0..=TURNS {
            let alone = one.ask(act, samples, size.rate)?;
            let together = all.ask(act, samples, size.rate)?;
            // The first is for warming up.
            if turn > 0 {
                waits_alone.extend(alone);
                waits_together.extend(together);
            }
        }
        Ok(Row::new(name, waits_alone, waits_together))
    };
    acts.iter().map(row).collect()
}

const TURNS: u32 = 5;

/// Of a server that nobody uses, beside one with a single key.
fn cost(
    memory: &'static str,
    keys: u8,
    server: &SpawnedKey,
    of_one: &[String],
) -> anyhow::Result<Cost> {
    let one = serve(1, of_one)?;
    let (idle, of_one) = (process::idle(server.pid(), WATCHED)?, process::size(one.pid())?);
    let of_all = process::size(server.pid())?;
    let further = f64::from(keys.saturating_sub(1).max(1));
    let each = |all: u64, one: u64| (all as f64 - one as f64) / further;
    let seconds = idle.watched.as_secs_f64();
    Ok(Cost {
        memory,
        start_milliseconds: server.ready_after().as_secs_f64() * 1e3,
        resident_kibibytes: of_all.resident,
        each: Each {
            resident_kibibytes: each(of_all.resident, of_one.resident),
            descriptors: each(of_all.descriptors, of_one.descriptors),
            threads: each(of_all.threads, of_one.threads),
        },
        idle_processor_percent: 100.0 * idle.processor.as_secs_f64() / seconds,
        idle_wake_ups_per_second: idle.wake_ups as f64 / seconds,
    })
}

const WATCHED: Duration = Duration::from_secs(1);

impl Row {
    fn new(name: &'static str, alone: Vec<Duration>, together: Vec<Duration>) -> Self {
        let (alone, together) = (Waits::of(alone), Waits::of(together));
        Self { name, alone, together, ratio: together.p99 / alone.p99, at_most: GOAL }
    }
}

/// Nobody notices that others are there.
const GOAL: f64 = 3.0;

impl Waits {
    fn of(mut waits: Vec<Duration>) -> Self {
        waits.sort_unstable();
        let at = |share: f64| {
            let index = (waits.len() as f64 * share) as usize;
            waits.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        Self { samples: waits.len(), median: at(0.5), p99: at(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_waits_the_longest_is_p99_and_the_ratio_is_of_those() {
        let waits = |longest| [vec![1; 99], vec![longest]].concat();
        let waits = |longest| waits(longest).into_iter().map(Duration::from_millis).collect();
        let row = Row::new("getInfo", waits(2), waits(5));
        assert_eq!((row.alone.samples, row.together.p99, row.ratio), (100, 5.0, 2.5));
    }
}
