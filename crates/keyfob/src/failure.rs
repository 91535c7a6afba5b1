//! Failures as a person sees them: what was wrong, then what to do next.

use std::io;
use std::process::ExitCode;

use ctap_client::{Error, TransportError};
use virtual_key::failure::Advised;
pub(crate) use virtual_key::failure::{advise, failure, usage};

/// The exit code of a command line that cannot be meant; clap uses the same.
const USAGE: u8 = 2;

/// What `main` prints on the standard error stream, without a newline at the end.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let known = Advised::of(error).map(|advised| advised.next().to_owned());
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
        let memory = || cause.downcast_ref::<vault::Error>().map(vault::Error::advice);
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
        let disk = || cause.downcast_ref::<io::Error>().filter(|error| is_full(error));
        key.or_else(memory)
            .or_else(|| disk().map(|_| "make room where this is to be written".to_owned()))
    })
}

/// 2 for a command line that cannot be meant, 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    match Advised::of(error).is_some_and(Advised::is_usage) {
        true => ExitCode::from(USAGE),
        false => ExitCode::FAILURE,
    }
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
    fn a_memory_that_cannot_be_opened_is_told_of_with_a_next_step() {
        let directory = "/home/ada/keys".into();
        let told = describe(&vault::Error::InUse { directory, pid: Some(9) }.into());
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
