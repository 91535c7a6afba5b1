//! `keyfob fault`: what is wrong with a running key, on purpose.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use serde_json::json;
use virtual_key::faults::{FaultDescription, KINDS, RECIPES, Word};

use super::fault_words::{told, which};
use super::which_key::WhichKey;
use crate::control::protocol::ActiveFault;
use crate::control::{Request, Response};
use crate::terminal;

/// Make a running key do wrong on purpose, for tests
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    Add(Box<AddOptions>),
    List(ListOptions),
    Clear(ClearOptions),
}

/// Add a fault, or a recipe (what real keys were seen to do). It is for the next request only, unless an option says more
#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(crate) struct AddOptions {
    #[command(flatten)]
    which: WhichKey,

    /// What goes wrong: a name of `keyfob fault list`
    #[arg(value_name = "FAULT|RECIPE")]
    name: String,

    /// For how many requests; a recipe has its own number
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

/// List the faults of a running key, and all that it can have
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    which: WhichKey,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Remove one fault of a running key, or all
#[derive(Debug, Args)]
#[command(after_help = CLEAR_EXAMPLES)]
pub(crate) struct ClearOptions {
    #[command(flatten)]
    which: WhichKey,

    /// Its number, as `keyfob fault list` shows it [default: all]
    #[arg(value_name = "NUMBER")]
    fault: Option<u32>,
}

/// Runs the command.
///
/// # Errors
/// No key is running, or it does not take that.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(options) => add(*options),
        Command::List(options) => list(&options),
        Command::Clear(ClearOptions { which: WhichKey { connection, key }, fault }) => {
            connection.ask(&Request::ClearFaults { key, fault }).map(drop)
        }
    }
}

fn add(options: AddOptions) -> anyhow::Result<()> {
    let WhichKey { connection, key } = options.which;
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
    let WhichKey { connection, key } = &options.which;
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

docs/faults.md shows how programs react to them";

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
    use keyfob_tests::{markdown, tree};
    use virtual_key::faults::Recipe;

    use super::*;

    /// The cells of the first column, and the whole rows, of the table below a heading of the page.
    fn table(heading: &str) -> Vec<(String, String)> {
        let page = tree::read("docs/faults.md");
        let (_, below) = page.split_once(heading).expect(heading);
        let section = below.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
        rows.filter_map(|row| Some((row.split('|').next()?.to_owned(), row.to_owned()))).collect()
    }

    #[test]
    fn the_page_has_each_fault_with_what_it_takes_and_each_recipe_and_what_programs_make_of_them() {
        let (faults, recipes) = (table("\n## The faults\n"), table("\n## What real keys"));
        let outcomes = table("\n## How programs react");
        let row = |table: &[(String, String)], name: &str| {
            let is_named = |cell: &str| {
                markdown::code_lines(cell).iter().any(|code| code.split(' ').next() == Some(name))
            };
            table.iter().find(|(cell, _)| is_named(cell)).map(|(_, row)| row.clone())
        };
        for kind in KINDS {
            let told = row(&faults, kind.name).expect(kind.name);
            let members = told.split('|').nth(1).unwrap_or_default();
            assert!(
                kind.takes.iter().all(|member| members.contains(&format!("`{member}`"))),
                "{told}"
            );
            let is_seen_in = |recipe: &&Recipe| {
                let part = recipe.injections.first().map(|part| FaultDescription::from(*part));
                part.and_then(|part| part.kind).as_deref() == Some(kind.name)
            };
            let recipe = RECIPES.iter().find(is_seen_in).map(|recipe| recipe.name);
            let is_tried = [Some(kind.name), recipe]
                .iter()
                .flatten()
                .any(|name| row(&outcomes, name).is_some());
            assert!(is_tried, "what becomes of {} is not told", kind.name);
        }
        for recipe in RECIPES {
            assert!(row(&recipes, recipe.name).is_some(), "{}", recipe.name);
            let told = row(&outcomes, recipe.name).expect(recipe.name);
            let programs = told.split('|').skip(1).take(3);
            assert!(
                programs.clone().count() == 3
                    && programs.clone().all(|cell| !cell.trim().is_empty()),
                "{told}"
            );
        }
    }

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
