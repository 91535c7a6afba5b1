//! The command line: every command, gathered. What its options are and mean, each command's own file says; nothing but `main`
//! knows of this one.

mod groups;

use std::ffi::{OsStr, OsString};
use std::process;

use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::terminal::{self, Paint};
#[cfg(target_os = "linux")]
use crate::{bench, bridge, demo, host, webdriver};
use crate::{
    completions, conform, failure, man, metadata, models, recordings, run, settings, state,
};

/// A virtual FIDO2 security key for Linux hosts, and a settings tool for any key
///
/// keyfob puts a security key on the USB bus of this machine or another, without hardware: browsers, ssh and other programs use
/// it like any key. Other commands look after every kind of FIDO key.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Log to the standard error stream; -vv for more. KEYFOB_LOG or RUST_LOG choose precisely
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Cli {
    /// The command line of this process; one that cannot be meant ends it.
    pub(crate) fn read() -> Self {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        let mut command = Self::command();
        if !is_plain(&command, &words, std::env::vars_os()) {
            command = without_empty_variables(groups::grouped(Self::whole()), &|name| {
                std::env::var_os(name)
            });
            words = device_behind_command(&command, words);
        }
        let read = Self::parsed(&mut command, &words).or_else(|error| {
            let words = with_json_in_place(&words).ok_or(error)?;
            Self::parsed(&mut command, &words)
        });
        read.unwrap_or_else(|error| end(&error, &command, &words))
    }

    fn parsed(command: &mut clap::Command, words: &[OsString]) -> clap::error::Result<Self> {
        let mut matches = command.try_get_matches_from_mut(words)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(command))
    }

    /// All commands with their options. `command()` has only their names until one of them is typed.
    pub(crate) fn whole() -> clap::Command {
        let mut command = Self::command();
        command.build();
        command
    }
}

/// Whether `words` begin with a command, and no variable of keyfob's is set to nothing, as is usual. Then no other command's options
/// are asked for: to put those together takes a quarter of a key's start.
fn is_plain(
    command: &clap::Command,
    words: &[OsString],
    mut variables: impl Iterator<Item = (OsString, OsString)>,
) -> bool {
    let names_command = |word: &OsString| word != "help" && command.find_subcommand(word).is_some();
    let is_empty = |(name, value): (OsString, OsString)| {
        value.is_empty() && name.as_encoded_bytes().starts_with(VARIABLES)
    };
    words.get(1).is_some_and(names_command) && !variables.any(is_empty)
}

/// What the names of all variables begin with that stand for an option.
const VARIABLES: &[u8] = b"KEYFOB_";

/// Whether this process's command line asks for JSON in place of sentences, whatever else is wrong with it.
pub(crate) fn asked_for_json() -> bool {
    wants_json(&std::env::args_os().collect::<Vec<_>>())
}

/// Wherever it stands, and whether the command has it or not: no program can read the sentences that say that it has not.
fn wants_json(words: &[OsString]) -> bool {
    let is_json =
        |word: &OsString| word == "--json" || word.as_encoded_bytes().starts_with(b"--json=");
    words.iter().take_while(|word| *word != "--").any(is_json)
}

/// `words` with `--json` where the command takes it, behind its name; or without it, if the command does not have it, for then its
/// failures alone are meant. `None`: there is nothing to move.
fn with_json_in_place(words: &[OsString]) -> Option<Vec<OsString>> {
    let whole = Cli::whole();
    let (command, _) = named(&whole, words);
    let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
    let mut in_front =
        words.iter().skip(1).take_while(|word| word.as_encoded_bytes().starts_with(b"-"));
    let is_in_front = in_front.any(|word| word == "--json");
    if command.has_subcommands() || !wants_json(words) || has_json && !is_in_front {
        return None;
    }
    let options = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (options, rest) = words.split_at(options);
    let others = options.iter().filter(|word| *word != "--json").cloned();
    let json = has_json.then(|| OsString::from("--json"));
    Some(others.chain(json).chain(rest.iter().cloned()).collect())
}

/// Prints the help that was asked for, or why this command line cannot be meant.
fn end(error: &clap::Error, command: &clap::Command, words: &[OsString]) -> ! {
    if !error.use_stderr() || error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit()
    }
    terminal::note(match wants_json(words) {
        true => failure::describe_as_json(&failure::usage(
            first_sentence(&told(error, Paint::plain())),
            next_step(command, words),
        )),
        false => refusal(error, command, words, Paint::stderr()),
    });
    process::exit(error.exit_code())
}

/// What is wrong in clap's words, and the next step in ours.
fn refusal(
    error: &clap::Error,
    command: &clap::Command,
    words: &[OsString],
    paint: Paint,
) -> String {
    format!("{}\nnext: {}", told(error, paint), next_step(command, words))
}

fn told(error: &clap::Error, paint: Paint) -> String {
    let said = match paint.is_coloured() {
        true => error.render().ansi().to_string(),
        false => error.render().to_string(),
    };
    said.split("\n\nFor more information").next().unwrap_or_default().trim_end().to_owned()
}

/// Without clap's `error: ` in front, and how to call the command behind.
fn first_sentence(told: &str) -> &str {
    let told = told.split("\n\n").next().unwrap_or_default();
    told.strip_prefix("error: ").unwrap_or(told)
}

fn next_step(command: &clap::Command, words: &[OsString]) -> String {
    format!("`{} --help` lists what you can type", named(command, words).1)
}

/// The command that is meant, as far as there is one, and how it is typed.
fn named<'c>(command: &'c clap::Command, words: &[OsString]) -> (&'c clap::Command, String) {
    let mut named = (command, command.get_name().to_owned());
    for word in words.iter().skip(1).filter(|word| !word.as_encoded_bytes().starts_with(b"-")) {
        let Some(inner) = named.0.find_subcommand(word) else { break };
        named = (inner, format!("{} {}", named.1, inner.get_name()));
    }
    named
}

/// `keyfob --device KEY info` as `keyfob info --device KEY`: many programs take such an option in front.
fn device_behind_command(command: &clap::Command, words: Vec<OsString>) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let (mut front, mut device): (Vec<OsString>, Vec<OsString>) =
        (words.next().into_iter().collect(), Vec::new());
    while let Some(option) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"-")) {
        match option.as_encoded_bytes() {
            b"--device" => device.extend([option].into_iter().chain(words.next())),
            text if text.starts_with(b"--device=") => device.push(option),
            _ => front.push(option),
        }
    }
    let mut named = command;
    while let Some(inner) = words.peek().and_then(|word| named.find_subcommand(word)) {
        named = inner;
        front.extend(words.next());
    }
    front.into_iter().chain(device).chain(words).collect()
}

/// A variable that is set to nothing counts as one that is not set: that is how scripts take them back.
fn without_empty_variables(
    command: clap::Command,
    value: &dyn Fn(&OsStr) -> Option<OsString>,
) -> clap::Command {
    let is_empty = |name: &OsStr| value(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| match argument.get_env().is_some_and(is_empty) {
            true => argument.env(None::<&'static str>),
            false => argument,
        })
        .mut_subcommands(|command| without_empty_variables(command, value))
}

const EXAMPLES: &str = "\
Examples:
  sudo keyfob attach  plug a key into this Linux; Enter touches it
  keyfob serve        offer one to `usbip attach`, here or elsewhere
  keyfob touch        touch a running key from another terminal
  keyfob list         what keys are there?
  keyfob conform      does a key follow the standard?

`keyfob COMMAND --help` explains each command. Every command takes --json; its
errors are JSON then. Documentation: docs/README.md in a clone of keyfob's repository";

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    OnLinux(OnLinux),

    Serve(run::serve::Options),

    Touch(run::touch::TouchOptions),
    Deny(run::touch::DenyOptions),
    Tap(run::tap::Options),
    Wait(run::wait::Options),
    Replug(run::replug::Options),
    Policy(run::policy::Options),
    #[command(subcommand)]
    Fault(run::fault::Command),
    Status(run::status::Options),
    Trace(recordings::trace::Options),
    Replay(recordings::replay::Options),

    List(settings::list::Options),
    Info(settings::info::Options),
    #[command(subcommand)]
    Pin(settings::pin::Command),
    #[command(subcommand)]
    Credentials(settings::credentials::Command),
    #[command(subcommand)]
    Fingerprints(settings::fingerprints::Command),
    #[command(subcommand)]
    Blobs(settings::blobs::Command),
    #[command(subcommand)]
    Config(settings::config::Command),
    Reset(settings::reset::Options),
    Select(settings::select::SelectOptions),
    Wink(settings::select::WinkOptions),
    #[command(subcommand)]
    Webauthn(settings::webauthn::Command),

    #[command(subcommand)]
    State(state::Command),

    #[command(subcommand)]
    Models(models::Command),
    Metadata(metadata::Options),
    Conform(conform::Options),
    Completions(completions::Options),
    Man(man::Options),
}

/// What needs its kernel, its readers or its `/proc`.
#[cfg(target_os = "linux")]
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum OnLinux {
    Attach(run::attach::Options),
    Card(run::card::Options),
    Bridge(bridge::Options),
    Webdriver(webdriver::Options),
    Notify(run::notify::Options),
    Demo(demo::Options),
    Doctor(host::doctor::Options),
    Bench(bench::Options),
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    use clap::error::ErrorKind;
    use keyfob_tests::{markdown, tree};

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_examples_that_can_be_typed() {
        for command in with_subcommands(Cli::whole()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<_> = help.lines().flat_map(calls).collect();
            assert!(!examples.is_empty(), "`keyfob {command}` has no examples");
            let wide = help.lines().find(|line| line.starts_with("  ") && line.len() > 80);
            assert_eq!(wide, None, "too wide for a terminal");
            for page in help.split_whitespace().filter(|word| word.starts_with("docs/")) {
                assert!(tree::root().join(page).exists(), "`keyfob {command}` names {page}");
            }
            for call in examples {
                Cli::try_parse_from(&call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
            }
        }
    }

    #[test]
    fn every_command_has_a_manual_page_with_its_examples() {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let pages = man::pages(Cli::command()).unwrap();
        let names: BTreeSet<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), with_subcommands(command).len());
        assert!(names.contains("keyfob.1") && names.contains("keyfob-credentials-export.1"));
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            let examples = page.split(".SH EXAMPLES").nth(1).unwrap_or_default();
            assert!(examples.contains("keyfob"), "{name}");
        }
    }

    #[test]
    fn the_device_may_stand_in_front_of_the_command() {
        let typed = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            let words = device_behind_command(&Cli::whole(), words);
            words.join(OsStr::new(" ")).into_string().unwrap()
        };
        for (line, meant) in [
            ("keyfob --device X info --json", "keyfob info --device X --json"),
            ("keyfob -v --device=X pin set", "keyfob -v pin set --device=X"),
            ("keyfob credentials list --device X", "keyfob credentials list --device X"),
            ("keyfob --device X serve", "keyfob serve --device X"),
            ("keyfob --device X", "keyfob --device X"),
            ("keyfob --help", "keyfob --help"),
        ] {
            assert_eq!(typed(line), meant);
        }
    }

    #[test]
    fn json_in_front_of_a_command_is_its_own_or_for_the_sake_of_its_failures() {
        let left = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            Some(with_json_in_place(&words)?.join(OsStr::new(" ")).into_string().unwrap())
        };
        assert_eq!(left("keyfob --json touch --key 1-2").unwrap(), "keyfob touch --key 1-2");
        assert_eq!(left("keyfob pin set --json -- --json").unwrap(), "keyfob pin set -- --json");
        assert_eq!(left("keyfob --json status").unwrap(), "keyfob status --json");
        assert_eq!(left("keyfob -v --json info --ids").unwrap(), "keyfob -v info --ids --json");
        for line in ["keyfob status --json", "keyfob pin --json", "keyfob --json", "keyfob touch"] {
            assert_eq!(left(line), None, "{line}");
        }
    }

    #[test]
    fn json_instead_of_sentences_is_for_who_asked_for_it() {
        let wants = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            wants_json(&words)
        };
        assert!(wants("keyfob info --json") && wants("keyfob credentials list --json --nonsense"));
        assert!(
            wants("keyfob nothing --json")
                && wants("keyfob --json")
                && wants("keyfob reset --json")
        );
        assert!(wants("keyfob conform --json=report.json --list"));
        assert!(!wants("keyfob info") && !wants("keyfob fault add -- --json"));
        let told = "error: unexpected argument '--x' found\n\nUsage: keyfob info --json";
        assert_eq!(first_sentence(told), "unexpected argument '--x' found");
    }

    #[test]
    fn a_command_line_that_cannot_be_meant_is_told_with_the_next_step() {
        for (line, what, next) in [
            ("keyfob info --jsn", "unexpected argument '--jsn'", "`keyfob info --help`"),
            ("keyfob -v pin sett", "unrecognized subcommand 'sett'", "`keyfob pin --help`"),
            ("keyfob nothing", "unrecognized subcommand 'nothing'", "`keyfob --help`"),
            ("keyfob wait --timeout x", "invalid value 'x'", "`keyfob wait --help`"),
            ("keyfob credentials show", "were not provided", "`keyfob credentials show --help`"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let error = Cli::try_parse_from(&words).unwrap_err();
            let told = refusal(&error, &Cli::whole(), &words, Paint::plain());
            let (before, last) = told.rsplit_once('\n').unwrap();
            assert!(before.contains(what) && !told.contains("For more"), "{told}");
            assert_eq!(last, format!("next: {next} lists what you can type"));
        }
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
        let variables = |value: &'static str| {
            let command = without_empty_variables(Cli::whole(), &|_| Some(value.into()));
            let named = |command: &clap::Command| {
                command.get_arguments().filter_map(clap::Arg::get_env).count()
            };
            with_subcommands(command).iter().map(named).sum::<usize>()
        };
        assert_eq!(variables(""), 0);
        assert!(variables("x") > 0);
    }

    #[test]
    fn nobody_elses_variable_has_the_whole_command_line_put_together() {
        let is_plain = |line: &str, name: &str, value: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            is_plain(&Cli::command(), &words, [(name.into(), value.into())].into_iter())
        };
        assert!(is_plain("keyfob serve", "LS_COLORS", ""));
        assert!(is_plain("keyfob serve", "KEYFOB_DEVICE", "auto"));
        assert!(!is_plain("keyfob serve", "KEYFOB_DEVICE", ""));
        assert!(!is_plain("keyfob --device X info", "LS_COLORS", "x"));
    }

    #[test]
    fn every_environment_variable_is_in_the_reference() {
        let reference = tree::read("docs/reference.md");
        for command in with_subcommands(Cli::whole()) {
            for variable in command.get_arguments().filter_map(clap::Arg::get_env) {
                assert!(variable.as_encoded_bytes().starts_with(VARIABLES), "{variable:?}");
                let row = format!("| `{}` |", variable.display());
                assert!(reference.contains(&row), "docs/reference.md has no row {row}");
            }
        }
    }

    /// Prose may name a command without what it takes.
    #[test]
    fn every_command_line_in_a_document_can_be_typed() {
        let mut count = 0;
        for document in tree::files("", &[".md"]) {
            for call in code(&tree::read(&document)).iter().flat_map(|line| calls(line)) {
                count += 1;
                let words = call.iter().map(OsString::from).collect();
                let words = device_behind_command(&Cli::whole(), words);
                let refused =
                    Cli::try_parse_from(words).err().filter(|error| !is_mere_mention(error));
                assert!(refused.is_none(), "{document}: {call:?}: {}", refused.unwrap());
            }
        }
        assert!(count > 100, "only {count} found");
    }

    #[test]
    fn what_a_manifest_adds_to_the_command_of_its_image_can_be_typed() {
        let recipe = tree::read("packaging/containers/serve.Containerfile");
        let list = |text: &str, name: &str| -> Vec<String> {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
            serde_json::from_str(line).unwrap()
        };
        let manifest = tree::read("deploy/kubernetes/keys.yaml");
        let call = [list(&recipe, "ENTRYPOINT "), list(&manifest, "args: ")].concat();
        Cli::try_parse_from(&call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
    }

    fn is_mere_mention(error: &clap::Error) -> bool {
        matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                | ErrorKind::MissingRequiredArgument
        )
    }

    /// But `help`, which clap makes.
    fn with_subcommands(command: clap::Command) -> Vec<clap::Command> {
        let is_ours = |child: &&clap::Command| child.get_name() != "help";
        let children: Vec<_> = command.get_subcommands().filter(is_ours).cloned().collect();
        [command].into_iter().chain(children.into_iter().flat_map(with_subcommands)).collect()
    }

    /// Lines of code; those that go on in the next one are joined to it.
    fn code(text: &str) -> Vec<String> {
        let joined = markdown::code_lines(text).join("\n").replace("\\\n", " ");
        joined.lines().map(str::to_owned).collect()
    }

    /// The calls of keyfob in a line as one types it, or as help shows it: two spaces after a command begin a remark.
    fn calls(line: &str) -> Vec<Vec<String>> {
        let line = line.trim().trim_start_matches("$ ");
        let mut calls = vec![Vec::new()];
        for word in words(line) {
            match word.as_str() {
                "|" | "&&" | "&" | ";" => calls.push(Vec::new()),
                "sudo" | "timeout" => {}
                _ => calls.last_mut().unwrap().push(word),
            }
        }
        let is_keyfob = |call: &Vec<String>| {
            let name = call.first().is_some_and(|word| word.rsplit('/').next() == Some("keyfob"));
            let is_shape = |word: &String| word.contains('…') || word == "COMMAND";
            name && call.len() > 1 && !call.iter().any(is_shape)
        };
        calls.into_iter().filter(is_keyfob).collect()
    }

    /// As a shell divides them, up to a comment, a redirection or a remark.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        let mut before = 'x';
        for character in line.chars() {
            match (quote, character) {
                (Some(open), _) if open == character => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, ' ') if before == ' ' => break,
                (None, ' ') => words.push(std::mem::take(&mut word)),
                (None, '#' | '>' | '<') if before == ' ' => break,
                _ => word.push(character),
            }
            before = character;
        }
        words.push(word);
        words.into_iter().filter(|word| !word.is_empty()).collect()
    }
}
