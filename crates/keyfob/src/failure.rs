//! Failures as a person sees them: what was wrong, then what to do next.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

use ctap_client::{Error, TransportError};

/// The exit code of a command line that cannot be meant; clap uses the same.
const USAGE: u8 = 2;

/// A failure whose cure is known. Made with [`failure`], [`usage`] or [`advise`].
#[derive(Debug)]
struct Advised {
    what: String,
    next: String,
    is_usage: bool,
}

impl Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Advised {}

/// The world was in the way, or what was asked for does not go with what a key said of itself (exit code 1).
pub(crate) fn failure(what: impl Display, next: impl Display) -> anyhow::Error {
    Advised { what: what.to_string(), next: next.to_string(), is_usage: false }.into()
}

/// The command line asks for what keyfob does not do, whatever keys there are: nothing was tried (exit code 2).
pub(crate) fn usage(what: impl Display, next: impl Display) -> anyhow::Error {
    Advised { what: what.to_string(), next: next.to_string(), is_usage: true }.into()
}

/// Adds to an error what to do about it.
pub(crate) fn advise(error: impl Into<anyhow::Error>, next: impl Display) -> anyhow::Error {
    failure(format_args!("{:#}", error.into()), next)
}

/// What `main` prints on the standard error stream, without a newline at the end.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let known = find::<Advised>(error).map(|advised| advised.next.clone());
    match known.or_else(|| from_the_cause(error)) {
        Some(next) => format!("keyfob: {error:#}\nnext: {next}"),
        None => format!("keyfob: {error:#}"),
    }
}

/// What helps when a key or its memory did not do its part, and nobody on the way here knew better.
fn from_the_cause(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let command = cause.downcast_ref::<Error>().map(Error::advice);
        let transport = || cause.downcast_ref::<TransportError>().map(TransportError::advice);
        let key = command.or_else(transport).map(str::to_owned);
        let own_key = || cause.downcast_ref().map(virtual_key::Error::advice);
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
        let disk = || cause.downcast_ref::<io::Error>().filter(|error| is_full(error));
        key.or_else(own_key)
            .or_else(|| disk().map(|_| "make room where this is to be written".to_owned()))
    })
}

/// 2 for a command line that cannot be meant, 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let no_profile =
        |error: &virtual_key::Error| matches!(error, virtual_key::Error::NoSuchProfile { .. });
    match find::<Advised>(error).is_some_and(|advised| advised.is_usage)
        || find(error).is_some_and(no_profile)
    {
        true => ExitCode::from(USAGE),
        false => ExitCode::FAILURE,
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
    fn exit_codes_tell_a_wrong_command_line_from_a_failure() {
        let code = |error| format!("{:?}", exit_code(&error));
        assert_eq!(code(usage("", "")), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(failure("", "")), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(anyhow::anyhow!("")), format!("{:?}", ExitCode::from(1)));
    }
}
