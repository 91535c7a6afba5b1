//! Failures as a person sees them: what was wrong, then what to do next.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

use ctap_client::{Error, Status, TransportError};
use serde::Serialize;
use virtual_key::faults::FaultError;

use crate::process::advice_on_open_files;

/// What kind of thing was in the way: what a script can act upon without reading sentences. Each has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// The world was in the way, or what was asked for does not go with what a key said of itself.
    Other = 1,
    /// The command line asks for what keyfob does not do, whatever keys there are: nothing was tried. clap uses the same code.
    Usage = 2,
    /// No key could be reached: none is there, there are several, it is not this user's, or it does not answer.
    NoKey = 3,
    /// The key does not know its owner: the PIN or finger is wrong, blocked, or missing.
    NotProved = 4,
    /// The person refused, or did not touch the key in time, or the request was cancelled.
    NotApproved = 5,
    /// A virtual key's memory cannot be used: it is locked, in use, damaged, not there, or older than it was.
    Memory = 6,
}

/// A failure whose cure is known. Made with [`failure`], [`usage`], [`no_key`] or [`advise`].
#[derive(Debug)]
struct Advised {
    what: String,
    next: String,
    cause: Cause,
}

impl Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Advised {}

/// The world was in the way, or what was asked for does not go with what a key said of itself.
pub(crate) fn failure(what: impl Display, next: impl Display) -> anyhow::Error {
    because(Cause::Other, what, next)
}

/// The command line asks for what keyfob does not do, whatever keys there are: nothing was tried.
pub(crate) fn usage(what: impl Display, next: impl Display) -> anyhow::Error {
    because(Cause::Usage, what, next)
}

/// No key could be reached.
pub(crate) fn no_key(what: impl Display, next: impl Display) -> anyhow::Error {
    because(Cause::NoKey, what, next)
}

/// Whether no key could be reached: one may come.
pub(crate) fn is_for_want_of_a_key(error: &anyhow::Error) -> bool {
    cause(error) == Cause::NoKey
}

/// A failure of this cause.
pub(crate) fn because(cause: Cause, what: impl Display, next: impl Display) -> anyhow::Error {
    Advised { what: what.to_string(), next: next.to_string(), cause }.into()
}

/// Adds to an error what to do about it.
pub(crate) fn advise(error: impl Into<anyhow::Error>, next: impl Display) -> anyhow::Error {
    let error = error.into();
    because(cause(&error), format_args!("{error:#}"), next)
}

/// What `main` prints on the standard error stream, without a newline at the end.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    match next_step(error) {
        Some(next) => format!("keyfob: {error:#}\nnext: {next}"),
        None => format!("keyfob: {error:#}"),
    }
}

/// The same for a program that asked for JSON: one object, on one line.
pub(crate) fn describe_as_json(error: &anyhow::Error) -> String {
    let cause = cause(error);
    let what = format!("{error:#}");
    let told = Told { what: &what, next: next_step(error), cause, exit_code: cause as u8 };
    serde_json::json!({ "error": told }).to_string()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    what: &'a str,
    next: Option<String>,
    cause: Cause,
    exit_code: u8,
}

/// What the process says by its end.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(cause(error) as u8)
}

/// Too many open files come first: whoever wanted one had advice for another trouble.
fn next_step(error: &anyhow::Error) -> Option<String> {
    let limit = advice_on_open_files(&format!("{error:#}")).map(str::to_owned);
    let known = || find::<Advised>(error).map(|advised| advised.next.clone());
    limit.or_else(known).or_else(|| advice_of_the_source(error))
}

/// What helps when a key or its memory did not do its part, and nobody on the way here knew better.
fn advice_of_the_source(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let command = cause.downcast_ref::<Error>().map(Error::advice);
        let transport = || cause.downcast_ref::<TransportError>().map(TransportError::advice);
        let key = command.or_else(transport).map(str::to_owned);
        let own_key = || cause.downcast_ref().map(virtual_key::Error::advice);
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
        let disk = || cause.downcast_ref::<io::Error>().filter(|error| is_full(error));
        key.or_else(own_key).or_else(|| {
            disk().map(|_| "free some space on the disk that this is written to".to_owned())
        })
    })
}

fn cause(error: &anyhow::Error) -> Cause {
    if advice_on_open_files(&format!("{error:#}")).is_some() {
        return Cause::Other;
    }
    let known = find::<Advised>(error).map(|advised| advised.cause);
    let command = || find::<Error>(error).map(cause_of_the_command);
    let transport = || find::<TransportError>(error).map(|_| Cause::NoKey);
    let own_key = || find::<virtual_key::Error>(error).map(cause_in_our_key);
    let memory = || find::<sealed_records::Error>(error).map(|_| Cause::Memory);
    let theirs = known.or_else(command).or_else(transport);
    theirs.or_else(own_key).or_else(memory).unwrap_or(Cause::Other)
}

/// What the key's answer to a command means, or that none came.
pub(crate) fn cause_of_the_command(error: &Error) -> Cause {
    use Status::{
        KeepaliveCancel, OperationDenied, PinAuthBlocked, PinAuthInvalid, PinBlocked, PinInvalid,
        PinNotSet, PuatRequired, UserActionTimeout, UvBlocked, UvInvalid,
    };
    match (error, error.status()) {
        (Error::Transport(_), _) => Cause::NoKey,
        (_, Some(PinInvalid | PinBlocked | PinAuthInvalid | PinAuthBlocked | PinNotSet)) => {
            Cause::NotProved
        }
        (_, Some(PuatRequired | UvBlocked | UvInvalid)) => Cause::NotProved,
        (_, Some(OperationDenied | UserActionTimeout | KeepaliveCancel)) => Cause::NotApproved,
        _ => Cause::Other,
    }
}

fn cause_in_our_key(error: &virtual_key::Error) -> Cause {
    use virtual_key::Error as Key;
    match error {
        Key::Fault(
            FaultError::OnlyOfCtaphid { .. } | FaultError::TooMany | FaultError::NoSuchFault(_),
        ) => Cause::Other,
        Key::NoSuchProfile { .. } | Key::Fault(_) => Cause::Usage,
        Key::Memory(_) | Key::Records { .. } | Key::OldMemory { .. } => Cause::Memory,
        _ => Cause::Other,
    }
}

fn find<T: std::error::Error + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_person_reads_what_was_wrong_and_what_to_do_next() {
        let error = failure("the door is shut", "knock");
        let error = Err::<(), _>(error).context("cannot come in").unwrap_err();
        assert_eq!(describe(&error), "keyfob: cannot come in: the door is shut\nnext: knock");
        assert_eq!(describe(&anyhow::anyhow!("odd")), "keyfob: odd");
    }

    #[test]
    fn an_error_keeps_its_own_causes_when_it_gets_advice() {
        let error = anyhow::anyhow!("no such file").context("cannot read the vault");
        let error = advise(error, "choose another directory");
        assert!(
            describe(&error).starts_with("keyfob: cannot read the vault: no such file\nnext: ")
        );
    }

    #[test]
    fn a_key_that_does_not_answer_is_told_of_with_a_next_step() {
        let told = "keyfob: the key does not answer\nnext: plug the key in again and retry";
        assert_eq!(describe(&TransportError::Silent.into()), told);
        assert_eq!(describe(&Error::from(TransportError::Silent).into()), told);
    }

    #[test]
    fn a_kernel_that_takes_no_keys_is_told_of_once() {
        use usbip_server::{uhid::UhidError, vhci::VhciError};
        let errors: [(virtual_key::Error, _); 2] = [
            (VhciError::ModuleMissing.into(), "no virtual USB host controller loaded"),
            (UhidError::ModuleMissing.into(), "no uhid loaded"),
        ];
        for (error, what) in errors {
            let told = describe(&error.into());
            assert!(told.starts_with(&format!("keyfob: this kernel has {what}\nnext: ")), "{told}");
        }
    }

    #[test]
    fn a_memory_that_cannot_be_opened_is_told_of_with_a_next_step() {
        let directory = "/home/ada/keys".into();
        let error = sealed_records::Error::InUse { directory, pid: Some(9) };
        let told = describe(&virtual_key::Error::from(error).into());
        let expected = "keyfob: the vault in /home/ada/keys is in use by process 9\nnext: stop it first, or name another directory";
        assert_eq!(told, expected);
    }

    #[test]
    fn an_exit_code_tells_a_script_what_was_in_the_way() {
        let refused = |status| anyhow::Error::from(Error::Status(status));
        let locked = sealed_records::Error::InUse { directory: "/keys".into(), pid: None };
        for (error, code) in [
            (anyhow::anyhow!("odd"), 1),
            (failure("", ""), 1),
            (usage("", ""), 2),
            (no_key("", ""), 3),
            (TransportError::Silent.into(), 3),
            (refused(Status::PinInvalid), 4),
            (refused(Status::UvBlocked), 4),
            (refused(Status::OperationDenied), 5),
            (refused(Status::UserActionTimeout), 5),
            (refused(Status::KeyStoreFull), 1),
            (virtual_key::Error::from(FaultError::NotOne).into(), 2),
            (virtual_key::Error::from(FaultError::NoSuchFault(7)).into(), 1),
            (virtual_key::Error::from(locked).into(), 6),
        ] {
            assert_eq!(cause(&error) as u8, code, "{error:#}");
            assert_eq!(cause(&advise(error, "try")) as u8, code, "advice changes no cause");
        }
    }

    #[cfg(unix)]
    #[test]
    fn too_many_open_files_are_the_cause_whatever_they_were_for() {
        let full = || io::Error::from(rustix::io::Errno::MFILE);
        let locked =
            sealed_records::Error::Io { action: "lock", path: "/keys/lock".into(), source: full() };
        for error in [
            advise(full(), "name another directory"),
            no_key(format_args!("/dev/hidraw0 cannot be opened: {}", full()), "try another one"),
            virtual_key::Error::Memory(locked).into(),
            full().into(),
        ] {
            let told = describe(&error);
            assert!(told.contains("\nnext: let it open more: `ulimit -n NUMBER`"), "{told}");
            assert_eq!(cause(&error), Cause::Other);
        }
    }

    #[test]
    fn a_program_that_asked_for_json_gets_its_failure_as_json() {
        let error = Err::<(), _>(no_key("the door is \"shut\"", "knock")).context("no way in");
        assert_eq!(
            describe_as_json(&error.unwrap_err()),
            r#"{"error":{"cause":"no-key","exitCode":3,"next":"knock","what":"no way in: the door is \"shut\""}}"#
        );
    }
}
