//! `keyfob fault`: what is wrong with a running key, on purpose.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use serde_json::json;
use virtual_key::faults::{FaultDescription, KINDS, RECIPES, Word};

use super::fault_words::{told, which};
use crate::control::protocol::ActiveFault;
use crate::control::{Connection, Request, Response};
use crate::terminal;

/// Have a running key do wrong on purpose, for tests
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    Add(Box<AddOptions>),
    List(ListOptions),
    Clear(ClearOptions),
}

/// Add a fault, or a recipe: what real keys were seen to do. It is for the next request, unless more is said
#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(crate) struct AddOptions {
    #[command(flatten)]
    key: KeyOption,

    /// What goes wrong: a name of `keyfob fault list`
    #[arg(value_name = "FAULT|RECIPE")]
    name: String,

    /// For how many requests; a recipe says so itself
    #[arg(long, value_name = "N|all")]
    requests: Option<Word>,

    /// Only for these: getInfo, makeCredential and so on, ctap2, u2f, init, ping, wink, lock, or the number of a CTAP2 command
    #[arg(long, value_name = "COMMAND")]
    command: Option<Word>,

    /// Only on this channel of CTAPHID
    #[arg(long, value_name = "N")]
    channel: Option<Word>,

    /// The status of `status`: a number, or a name such as CTAP2_ERR_PIN_BLOCKED
    #[arg(long, value_name = "STATUS")]
    status: Option<Word>,

    /// The error of `hid-error`: a number
    #[arg(long, value_name = "ERROR")]
    error: Option<Word>,

    /// How many bytes
    #[arg(long, value_name = "N")]
    bytes: Option<u32>,

    /// How many KEEPALIVEs
    #[arg(long, value_name = "N")]
    count: Option<u32>,

    /// Which report of the answer, from 0
    #[arg(long, value_name = "N")]
    report: Option<u32>,

    /// How long
    #[arg(long, value_name = "N")]
    milliseconds: Option<u32>,
}

/// List the faults that a running key has, and all that there are
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    key: KeyOption,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Take away one fault of a running key, or all
#[derive(Debug, Args)]
#[command(after_help = CLEAR_EXAMPLES)]
pub(crate) struct ClearOptions {
    #[command(flatten)]
    key: KeyOption,

    /// Its number, as `keyfob fault list` shows it [default: all]
    #[arg(value_name = "NUMBER")]
    fault: Option<u32>,
}

/// Which running key.
#[derive(Debug, Args)]
struct KeyOption {
    #[command(flatten)]
    connection: Connection,

    /// Of this key, by its bus id
    #[arg(long, value_name = "BUSID")]
    key: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// No key is running, or it does not take that.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(options) => add(*options),
        Command::List(options) => list(&options),
        Command::Clear(ClearOptions { key: KeyOption { connection, key }, fault }) => {
            connection.ask(&Request::ClearFaults { key, fault }).map(drop)
        }
    }
}

fn add(options: AddOptions) -> anyhow::Result<()> {
    let KeyOption { connection, key } = options.key;
    let is_kind = KINDS.iter().any(|kind| kind.name == options.name);
    let (kind, recipe) = match is_kind {
        true => (Some(options.name), None),
        false => (None, Some(options.name)),
    };
    let fault = FaultDescription {
        kind,
        recipe,
        requests: options.requests,
        command: options.command,
        channel: options.channel,
        status: options.status,
        error: options.error,
        bytes: options.bytes,
        count: options.count,
        report: options.report,
        milliseconds: options.milliseconds,
    };
    // What is no fault need not be sent.
    fault.injections().map_err(virtual_key::Error::from)?;
    connection.ask(&Request::AddFault { key, fault: Box::new(fault) }).map(drop)
}

fn list(options: &ListOptions) -> anyhow::Result<()> {
    let KeyOption { connection, key } = &options.key;
    let asked = match connection.ask(&Request::Faults { key: key.clone() }) {
        Ok(Response::Faults { faults }) => Ok(faults),
        Ok(other) => Err(other.unexpected()),
        Err(error) => Err(error),
    };
    if options.json {
        return Ok(terminal::print(terminal::json_line(&as_json(&asked?))?)?);
    }
    // What there is does not depend on a key that runs.
    terminal::print(all_names())?;
    Ok(terminal::print(active(&asked?))?)
}

fn as_json(active: &[ActiveFault]) -> serde_json::Value {
    let kinds = KINDS
        .iter()
        .map(|kind| json!({ "kind": kind.name, "takes": kind.takes, "says": kind.says }));
    let recipes = RECIPES
        .iter()
        .map(|recipe| json!({ "recipe": recipe.name, "says": recipe.says, "seen": recipe.seen }));
    let (kinds, recipes): (Vec<_>, Vec<_>) = (kinds.collect(), recipes.collect());
    json!({ "active": active, "kinds": kinds, "recipes": recipes })
}

fn all_names() -> String {
    let words =
        |takes: &[&str]| takes.iter().map(|member| format!("--{member} ")).collect::<String>();
    let kinds = KINDS.iter().map(|kind| {
        let says = format!("{}{}", words(kind.takes), kind.says);
        [kind.name.to_owned(), says]
    });
    let recipes = RECIPES.iter().map(|recipe| [recipe.name.to_owned(), recipe.says.to_owned()]);
    let heading = |words: [&str; 2]| words.map(str::to_owned);
    let rows = [heading(["FAULT", "WHAT GOES WRONG"])].into_iter().chain(kinds);
    let rows =
        rows.chain([heading(["", ""]), heading(["RECIPE", "WHAT REAL KEYS WERE SEEN TO DO"])]);
    let mut text = terminal::hanging_columns(&rows.chain(recipes).collect::<Vec<_>>());
    text.push('\n');
    text
}

fn active(faults: &[ActiveFault]) -> String {
    let mut text = match faults {
        [] => "The key has no fault.\n".to_owned(),
        _ => "The key has:\n".to_owned(),
    };
    for ActiveFault { id, fault } in faults {
        // It cannot fail: it is text.
        let _ = writeln!(text, "{id:>4}  {}, {}", told(fault), which(fault));
    }
    text
}

const EXAMPLES: &str = "\
Examples:
  keyfob fault add silence            the next request gets no answer
  keyfob fault add unsorted-get-info  as some real keys do, until it is cleared
  keyfob fault list
  keyfob fault clear

docs/faults.md tells what programs make of them";

const ADD_EXAMPLES: &str = "\
Examples:
  keyfob fault add busy --command makeCredential
  keyfob fault add status --status CTAP2_ERR_PIN_BLOCKED --requests 3
  keyfob fault add slow-answer --milliseconds 5000 --requests all
  keyfob fault add unplug --report 1";

const LIST_EXAMPLES: &str = "\
Examples:
  keyfob fault list
  keyfob fault list --json | jq '.active'";

const CLEAR_EXAMPLES: &str = "\
Examples:
  keyfob fault clear    all of them
  keyfob fault clear 2  that one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_has_is_told_in_a_line_each_and_all_names_are_there() {
        let fault = |json: &str| serde_json::from_str::<FaultDescription>(json).unwrap();
        let slow = fault(
            r#"{"kind":"slow-answer","milliseconds":900,"requests":2,"command":"getInfo","channel":31}"#,
        );
        let recipe =
            fault(r#"{"kind":"unsorted-cbor","recipe":"unsorted-get-info","requests":"all"}"#);
        let told =
            active(&[ActiveFault { id: 3, fault: slow }, ActiveFault { id: 11, fault: recipe }]);
        assert_eq!(
            told,
            "The key has:\n   3  slow-answer (milliseconds 900), the next 2 requests of getInfo on channel 31\n  \
             11  unsorted-get-info (unsorted-cbor), all requests\n"
        );
        assert_eq!(active(&[]), "The key has no fault.\n");
        let names = all_names();
        assert!(KINDS.iter().all(|kind| names.contains(kind.name)));
        assert!(RECIPES.iter().all(|recipe| names.contains(recipe.name)));
    }
}
