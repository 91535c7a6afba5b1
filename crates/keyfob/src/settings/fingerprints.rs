//! `keyfob fingerprints`: authenticatorBioEnrollment, CTAP section 6.7.

use std::iter::once;

use anyhow::ensure;
use ctap_client::commands::bio_enrollment::{Sample, SampleStatus, Template};
use ctap_client::{Error, Permissions, PinUvAuthToken};
use serde::Serialize;

use super::ids::{self, DeleteOptions, IdArgument, base64url};
use super::open_key::{ListOptions, OpenKey, Owner};
use super::{agree, refused};
use crate::failure::failure;
use crate::terminal::shown::{Kept, name, quoted_name};
use crate::terminal::{self, Paint, count, hex};

/// Enrol fingerprints, name them, and delete them
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// List the enrolled fingers
    #[command(after_help = LIST_EXAMPLES)]
    List(ListOptions),
    /// Enrol a finger
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddOptions),
    /// Give a finger another name
    #[command(after_help = RENAME_EXAMPLES)]
    Rename(RenameOptions),
    /// Delete a finger
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(DeleteOptions),
}

/// What `keyfob fingerprints add` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AddOptions {
    /// What to call the finger
    name: Option<String>,
    #[command(flatten)]
    owner: Owner,
}

/// What `keyfob fingerprints rename` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RenameOptions {
    #[command(flatten)]
    which: IdArgument,
    /// What to call the finger from now on
    name: String,
    #[command(flatten)]
    owner: Owner,
}

/// A finger in JSON; its id in base64url.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    template_id: String,
    name: Option<&'a str>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such finger, or the person or the key refuses.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => list(options),
        Command::Add(options) => add(options),
        Command::Rename(options) => rename(options),
        Command::Delete(options) => delete(options),
    }
}

fn list(options: &ListOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let fingers = fingers(&mut key, &token)?;
    if options.json {
        let entries: Vec<_> = fingers.iter().map(entry).collect();
        return Ok(terminal::print(terminal::json(&entries)?)?);
    }
    if fingers.is_empty() {
        terminal::note("No finger is enrolled. `keyfob fingerprints add` enrols one.");
        return Ok(());
    }
    Ok(terminal::print(table(&fingers))?)
}

fn add(options: &AddOptions) -> anyhow::Result<()> {
    let mut key = open_sensor(&options.owner)?;
    check_name(&mut key, options.name.as_deref())?;
    let token = key.token(&options.owner, Permissions::BIO_ENROLLMENT)?;
    let id = enroll(&mut key, &token)?;
    if let Some(name) = &options.name {
        key.client.set_friendly_name(&token, &id, name).map_err(refused)?;
    }
    let name = options.name.as_deref().map_or("without a name".to_owned(), quoted_name);
    let id = hex(&id);
    Ok(terminal::print(format_args!("The finger is enrolled: {id} ({name}).\n"))?)
}

fn rename(options: &RenameOptions) -> anyhow::Result<()> {
    let mut key = open_sensor(&options.owner)?;
    check_name(&mut key, Some(&options.name))?;
    let token = key.token(&options.owner, Permissions::BIO_ENROLLMENT)?;
    let fingers = fingers(&mut key, &token)?;
    let finger = options.which.find(&fingers, id, "fingerprint")?;
    key.client.set_friendly_name(&token, &finger.id, &options.name).map_err(refused)?;
    Ok(terminal::print(format_args!("The finger is now called {}.\n", quoted_name(&options.name)))?)
}

fn delete(options: &DeleteOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let fingers = fingers(&mut key, &token)?;
    let finger = options.which.find(&fingers, id, "fingerprint")?;
    agree(options.force, &format!("Delete the finger {}?", called(finger)))?;
    key.client.remove_enrollment(&token, &finger.id).map_err(refused)?;
    Ok(terminal::print("The finger is deleted.\n")?)
}

/// A key with a sensor, and the right to its fingers.
fn open(owner: &Owner) -> anyhow::Result<(OpenKey, PinUvAuthToken)> {
    let mut key = open_sensor(owner)?;
    let token = key.token(owner, Permissions::BIO_ENROLLMENT)?;
    Ok((key, token))
}

fn open_sensor(owner: &Owner) -> anyhow::Result<OpenKey> {
    let key = owner.open()?;
    ensure!(
        key.info.option("bioEnroll").is_some(),
        failure(
            "this key has no fingerprint sensor (it lacks the option bioEnroll)",
            "use one that has; `keyfob serve --profile bio` offers one",
        )
    );
    Ok(key)
}

/// Judged before anybody has touched the sensor for nothing.
fn check_name(key: &mut OpenKey, name: Option<&str>) -> anyhow::Result<()> {
    let longest = key.client.fingerprint_sensor_info().map_err(refused)?.max_friendly_name;
    match (name, longest) {
        (Some(name), Some(longest)) if name.len() as u64 > longest => Err(failure(
            format_args!("the key accepts names of up to {}", count(longest, "byte")),
            "choose a shorter name",
        )),
        _ => Ok(()),
    }
}

/// Samples until the key has enough of them. What was begun and not finished is given up on the key too.
fn enroll(key: &mut OpenKey, token: &PinUvAuthToken) -> anyhow::Result<Vec<u8>> {
    let outcome = capture_all(key, token);
    if outcome.is_err() {
        // The first error is the one to tell.
        let _ = key.client.enroll_cancel();
    }
    outcome
}

fn capture_all(key: &mut OpenKey, token: &PinUvAuthToken) -> anyhow::Result<Vec<u8>> {
    let (id, mut sample) = key.client.enroll_begin(token, None).map_err(no_finger)?;
    let mut idle = Idle::default();
    while sample.remaining > 0 {
        terminal::note(progress(sample));
        idle.judge(sample.status)?;
        sample = key.client.enroll_next(token, &id, None).map_err(no_finger)?;
    }
    Ok(id)
}

/// How one sample went, in words, and how many are still needed.
fn progress(sample: Sample) -> String {
    let advice = match sample.status {
        SampleStatus::Good => Paint::stderr().green(sample.status.advice()),
        _ => Paint::stderr().yellow(sample.status.advice()),
    };
    format!("{advice} ({} to go)", count(sample.remaining, "sample"))
}

/// How often in a row the key saw no finger.
#[derive(Default)]
struct Idle(u32);

impl Idle {
    /// A person who went away does not come back for a fourth look.
    fn judge(&mut self, status: SampleStatus) -> anyhow::Result<()> {
        self.0 = if status == SampleStatus::NoUserActivity { self.0 + 1 } else { 0 };
        ensure!(
            self.0 < MOST_IDLE_SAMPLES,
            failure("nobody touched the sensor; the finger was not enrolled", "run it again")
        );
        Ok(())
    }
}

fn no_finger(error: Error) -> anyhow::Error {
    refused(error).context("the finger was not enrolled")
}

fn fingers(key: &mut OpenKey, token: &PinUvAuthToken) -> anyhow::Result<Vec<Template>> {
    key.client.enumerate_enrollments(token).map_err(refused)
}

fn id(finger: &Template) -> &[u8] {
    &finger.id
}

fn entry(finger: &Template) -> Entry<'_> {
    Entry { template_id: base64url(&finger.id), name: finger.name.as_deref() }
}

/// Within a sentence.
fn called(finger: &Template) -> String {
    name_of(finger).map_or_else(|| hex(&finger.id), quoted_name)
}

fn name_of(finger: &Template) -> Option<&str> {
    finger.name.as_deref().filter(|name| !name.is_empty())
}

fn table(fingers: &[Template]) -> String {
    let heading = ["ID", "NAME"].map(str::to_owned);
    let names = fingers.iter().map(|finger| name_of(finger).map_or("-".to_owned(), name));
    let rows =
        ids::short(fingers.iter().map(id)).into_iter().zip(names).map(|(id, name)| [id, name]);
    let rows: Vec<_> = once(heading).chain(rows).collect();
    terminal::table(&rows, [None, Some(Kept::Beginning)])
}

/// Samples in a row without a finger after which nobody is thought to be there.
const MOST_IDLE_SAMPLES: u32 = 3;

const EXAMPLES: &str = "\
Examples:
  keyfob fingerprints add \"right thumb\"
  keyfob fingerprints list";

const LIST_EXAMPLES: &str = "\
Example:
  keyfob fingerprints list";

const ADD_EXAMPLES: &str = "\
Examples:
  keyfob fingerprints add \"right thumb\"  then touch the sensor until it is done
  keyfob touch --finger 1                in another terminal, for a virtual key";

const RENAME_EXAMPLES: &str = "\
Example:
  keyfob fingerprints rename aab3 \"left thumb\"";

const DELETE_EXAMPLES: &str = "\
Example:
  keyfob fingerprints delete aab3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_told_with_its_advice_and_what_is_missing() {
        let told = progress(Sample { status: SampleStatus::TooHigh, remaining: 1 });
        assert!(told.contains("too high") && told.ends_with("(1 sample to go)"), "{told}");
    }

    #[test]
    fn the_third_sample_in_a_row_without_a_finger_is_the_last() {
        let mut idle = Idle::default();
        use SampleStatus::{NoUserActivity as Nobody, TooHigh};
        let taken = [Nobody, Nobody, TooHigh, Nobody, Nobody, Nobody];
        assert_eq!(
            taken.map(|status| idle.judge(status).is_ok()),
            [true, true, true, true, true, false]
        );
    }
}
