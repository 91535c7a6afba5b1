//! A vault between real processes: killed at any moment (P-11), and held by one at a time (P-17).
//!
//! This program starts itself again as the other process, so it has a `main` of its own.

#![allow(clippy::print_stdout, reason = "the writer acknowledges on its standard output")]

mod support;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use libtest_mimic::{Arguments, Trial};
use sealed_records::Durability::{Lazy, Wait};
use sealed_records::{Access, Change, Error, Opened, Record, Rollback, Unlock, Vault};
use support::rng;

/// Enough to hit each step of a commit.
const CYCLES: u32 = 50;

/// The figure for docs/performance.md; run by hand.
const MANY_CYCLES: u32 = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [WRITER, directory] => write_until_killed(directory.as_ref()),
        [HOLDER, directory] => hold_until_told(directory.as_ref()),
        _ => run_tests(),
    }
}

fn run_tests() {
    let test = |name, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let tests = vec![
        test("what_was_acknowledged_survives_a_kill", || survives(CYCLES)),
        test("what_was_acknowledged_survives_a_thousand_kills", || survives(MANY_CYCLES))
            .with_ignored_flag(true),
        test(
            "a_second_process_is_refused_and_told_who_has_the_vault",
            a_second_process_is_refused_and_told_who_has_the_vault,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

const WRITER: &str = "write-until-killed";
const HOLDER: &str = "hold-until-told";
const ACCESS: Access<'_> =
    Access { unlock: &Unlock::KeyFile, witness: None, rollback: Rollback::Refuse };

fn survives(cycles: u32) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("vault");
    drop(Vault::create(&directory, &ACCESS, rng()).unwrap());
    let mut acknowledged = 0;
    for cycle in 0..cycles {
        let (mut writer, mut output) = start(WRITER, &directory);
        for _ in 0..cycle * 7 % 23 {
            read_one(&mut output, &mut acknowledged);
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        while read_one(&mut output, &mut acknowledged) {}

        let opened = open(&directory);
        let found = written(&opened.records);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "cycle {cycle}: {acknowledged} was acknowledged, {found} was found"
        );
        acknowledged = found;
    }
    println!("{cycles} kills, {acknowledged} commits, none of them lost or half there");
    assert!(acknowledged > cycles, "the writer hardly wrote: {acknowledged}");
}

fn a_second_process_is_refused_and_told_who_has_the_vault() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("vault");
    drop(Vault::create(&directory, &ACCESS, rng()).unwrap());
    let (mut holder, mut output) = start(HOLDER, &directory);
    output.read_line(&mut String::new()).unwrap();

    let error = Vault::open(&directory, &ACCESS, rng()).unwrap_err();
    assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if pid == holder.id()), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {}", holder.id())), "{error}");
    let error = Vault::open_or_create(&directory, &ACCESS, rng()).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");

    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    open(&directory);
}

/// The number of the last commit. A kill is no power cut: not even a lazy one is lost, and none is there in part.
fn written(records: &[Record]) -> u32 {
    let mut numbers = records
        .iter()
        .filter(|record| record.name != b"lazy")
        .map(|record| u32::from_be_bytes(*record.value.first_chunk().unwrap()));
    let first = numbers.next().unwrap_or(0);
    assert!(numbers.all(|number| number == first), "a mix: {records:?}");
    first
}

/// Each tenth commit replaces everything, so that new files are cut off as well.
fn write_one(vault: &mut Vault, number: u32) {
    let value = number.to_be_bytes();
    let long = value.repeat(100);
    let both = [Change::set(b"a", &value), Change::set(b"b", &long)];
    vault.commit(&[Change::set(b"lazy", &value)], Lazy).unwrap();
    match number % 10 {
        0 => vault.replace_all(&both).unwrap(),
        _ => vault.commit(&both, Wait).unwrap(),
    }
}

/// `false`: the writer is gone, and all it acknowledged has been read.
fn read_one(output: &mut BufReader<ChildStdout>, acknowledged: &mut u32) -> bool {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let complete = line.ends_with('\n');
    if complete {
        *acknowledged += 1;
        assert_eq!(line.trim_end(), acknowledged.to_string());
    }
    complete
}

fn write_until_killed(directory: &Path) {
    let opened = open(directory);
    let (mut vault, mut number) = (opened.vault, written(&opened.records));
    let mut output = io::stdout().lock();
    loop {
        number += 1;
        write_one(&mut vault, number);
        writeln!(output, "{number}").unwrap();
    }
}

fn hold_until_told(directory: &Path) {
    let _opened = open(directory);
    println!("held");
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn open(directory: &Path) -> Opened {
    Vault::open(directory, &ACCESS, rng()).unwrap()
}

fn start(role: &str, directory: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(role)
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}
