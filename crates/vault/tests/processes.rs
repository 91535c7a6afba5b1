//! A vault between real processes: killed at any moment (P-11, P-13), and held by one at a time (P-17).
//!
//! This program starts itself again as the other process, so it has a `main` of its own.

#![allow(clippy::print_stdout, reason = "the writer acknowledges on its standard output")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use ctap_core::store::{Change, Store};
use libtest_mimic::{Arguments, Trial};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use vault::{Error, Vault};

/// Enough to hit each step of a commit; about two seconds.
const CYCLES: u32 = 50;

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
        test("what_was_acknowledged_survives_a_kill", what_was_acknowledged_survives_a_kill),
        test(
            "a_second_process_is_refused_and_told_who_has_the_vault",
            a_second_process_is_refused_and_told_who_has_the_vault,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

const WRITER: &str = "write-until-killed";
const HOLDER: &str = "hold-until-told";

fn what_was_acknowledged_survives_a_kill() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("vault");
    let mut acknowledged = Written::in_vault(&Vault::create(&directory, &mut rng()).unwrap());
    for cycle in 0..CYCLES {
        let (mut writer, mut output) = start(WRITER, &directory);
        for _ in 0..cycle * 7 % 23 {
            acknowledged.read_one(&mut output);
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        while acknowledged.read_one(&mut output) {}

        let found = Written::in_vault(&Vault::open(&directory).unwrap());
        assert!(
            found == acknowledged || found == acknowledged.next(),
            "cycle {cycle}: {acknowledged:?} was acknowledged, {found:?} was found"
        );
        acknowledged = found;
    }
    assert!(acknowledged.blobs > CYCLES, "the writer hardly wrote: {acknowledged:?}");
}

fn a_second_process_is_refused_and_told_who_has_the_vault() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("vault");
    drop(Vault::create(&directory, &mut rng()).unwrap());
    let (mut holder, mut output) = start(HOLDER, &directory);
    output.read_line(&mut String::new()).unwrap();

    let error = Vault::open(&directory).unwrap_err();
    assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if pid == holder.id()), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {}", holder.id())), "{error}");
    let error = Vault::open_or_create(&directory, &mut rng()).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");

    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    Vault::open(&directory).unwrap();
}

/// What the writer did, in its order: the blobs, then the ceiling, then the next blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    blobs: u32,
    ceiling: u32,
}

impl Written {
    fn next(self) -> Self {
        if self.ceiling < self.blobs {
            Self { ceiling: self.blobs, ..self }
        } else {
            Self { blobs: self.blobs + 1, ..self }
        }
    }

    fn change(self) -> Change {
        let next = self.next();
        if next.ceiling > self.ceiling {
            Change::SignCountCeiling(next.ceiling)
        } else {
            Change::LargeBlobs(next.blobs.to_be_bytes().repeat(500))
        }
    }

    fn in_vault(vault: &Vault) -> Self {
        let blobs = &vault.state().large_blobs;
        let number = match blobs.len() {
            2000 => u32::from_be_bytes(*blobs.first_chunk().unwrap()),
            _ => 0,
        };
        assert!(number == 0 || *blobs == number.to_be_bytes().repeat(500), "a mix: {blobs:?}");
        Self { blobs: number, ceiling: vault.state().sign_count_ceiling }
    }

    /// `false`: the writer is gone, and all it acknowledged has been read.
    fn read_one(&mut self, output: &mut BufReader<ChildStdout>) -> bool {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let complete = line.ends_with('\n');
        if complete {
            *self = self.next();
            assert_eq!(line.trim_end(), format!("{self:?}"));
        }
        complete
    }
}

fn write_until_killed(directory: &Path) {
    let mut vault = Vault::open(directory).unwrap();
    let mut output = io::stdout().lock();
    let mut written = Written::in_vault(&vault);
    loop {
        vault.commit(written.change()).unwrap();
        written = written.next();
        writeln!(output, "{written:?}").unwrap();
    }
}

fn hold_until_told(directory: &Path) {
    let _vault = Vault::open(directory).unwrap();
    println!("held");
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
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

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
