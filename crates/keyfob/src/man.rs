//! `keyfob man`: the manual pages, made of what `--help` says.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::failure::advise;
use crate::process::publish;

/// Write the manual pages of all commands into a directory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The directory; it is made if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  keyfob man ~/.local/share/man/man1     for `man keyfob`, `man keyfob-serve`
  keyfob man ./pages && man ./pages/keyfob.1";

/// Runs the command, for the command line that `command` is.
///
/// # Errors
/// A page cannot be written there.
pub(crate) fn run(options: &Options, command: Command) -> anyhow::Result<()> {
    let directory = &options.directory;
    let write = || {
        fs::create_dir_all(directory)?;
        for (name, page) in pages(command)? {
            let path = directory.join(name);
            fs::write(&path, page)?;
            publish(&path)?;
        }
        io::Result::Ok(())
    };
    write()
        .with_context(|| format!("cannot write manual pages into {}", directory.display()))
        .map_err(|error| {
            advise(error, "name a directory that you may write to, or that can be made")
        })
}

/// For each command, those of commands too, the name of its file and its page.
///
/// # Errors
/// None: a page is made in memory.
pub(crate) fn pages(command: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    // Nobody looks for the page of `help`.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut left = vec![command];
    let mut pages = Vec::new();
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        pages.push(page(command)?);
    }
    Ok(pages)
}

fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let (has_commands, examples) = (command.has_subcommands(), command.get_after_help());
    let examples = examples.map(ToString::to_string).unwrap_or_default();
    let source = format!("keyfob {}", command.get_version().unwrap_or_default());
    let manual = Man::new(command).source(source);
    let mut page = Vec::new();
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    manual.render_options_section(&mut page)?;
    if has_commands {
        manual.render_subcommands_section(&mut page)?;
    }
    examples_section(&examples).to_writer(&mut page)?;
    Ok((manual.get_filename(), page))
}

/// What is typed line by line, what is told as paragraphs.
fn examples_section(examples: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]);
    for block in examples.trim_start_matches("Examples:\n").split("\n\n") {
        section.control("PP", []);
        let is_typed = block.starts_with("  ");
        if is_typed {
            section.control("nf", []);
        }
        for line in block.lines() {
            section.text([roman(line)]);
        }
        if is_typed {
            section.control("fi", []);
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let inner = Command::new("set")
            .about("Set it")
            .after_help("Examples:\n  tool pin set  a -b\n\nSome prose.");
        Command::new("tool").version("1").subcommand(Command::new("pin").subcommand(inner))
    }

    fn text(name: &str) -> String {
        let page = pages(tree()).unwrap().into_iter().find(|(file, _)| file == name);
        String::from_utf8(page.expect(name).1).unwrap()
    }

    #[test]
    fn every_command_has_a_page_with_its_whole_name_and_help_has_none() {
        let mut names: Vec<String> =
            pages(tree()).unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["tool-pin-set.1", "tool-pin.1", "tool.1"]);
        assert!(text("tool.1").contains(".SH SUBCOMMANDS"));
        assert!(!text("tool-pin-set.1").contains(".SH SUBCOMMANDS"));
    }

    #[test]
    fn examples_stay_lines_in_which_a_hyphen_is_the_one_that_is_typed() {
        let page = text("tool-pin-set.1");
        let typed = ".SH EXAMPLES\n.PP\n.nf\n  tool pin set  a \\-b\n.fi\n";
        assert!(page.ends_with(&format!("{typed}.PP\nSome prose.\n")), "{page}");
    }
}
