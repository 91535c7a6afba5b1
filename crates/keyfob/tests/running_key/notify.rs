//! `keyfob notify`, with a desktop of the test's own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use ctap_client::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::desktop::{Desktop, Shown, Told};
use crate::host::{import_from, refusal, register_as, select};
use crate::program::{Home, error_of};

const ALL: &[&str] = &["actions", "body", "body-markup"];

/// A running `keyfob notify`. Dropping it kills it.
struct Notifier {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Notifier {
    /// Returns when it is ready.
    fn start(home: &Home, desktop: &Desktop) -> Self {
        let mut process = command(home, desktop).stdout(Stdio::piped()).spawn().expect("started");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut notifier = Self { process, output };
        assert_eq!(notifier.line(), "a desktop shows what the key asks");
        notifier
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(home: &Home, desktop: &Desktop) -> Command {
    let mut command = home.command(&["notify"]);
    command.env("DBUS_SESSION_BUS_ADDRESS", desktop.bus.address());
    command
}

/// A person reads first: it is this time that has to pass.
fn read() {
    sleep(Duration::from_millis(750));
}

#[test]
fn who_asks_is_shown_and_a_click_after_reading_it_approves() {
    let Some(desktop) = Desktop::start(ALL) else { return };
    let home = Home::new();
    let mut notifier = Notifier::start(&home, &desktop);
    let waits = notifier.line();
    assert!(waits.starts_with("no key is running at ") && waits.ends_with("; waiting for one"));
    let key = home.serve(&["--ephemeral"]);
    let asking = register_as(import_from(key.address()), "example.org", "<b>ada</b> & co");
    let first = desktop.shown();
    assert_eq!(first.title, "Touch security key 1-1?");
    let escaped = "“example.org” wants to create a key for “&lt;b&gt;ada&lt;/b&gt; &amp; co”";
    assert_eq!(first.body, escaped);
    assert_eq!(first.urgency, Some(2));
    assert!((20_000..=30_000).contains(&first.milliseconds), "{}", first.milliseconds);
    // One that was on its way already. Desktops take a notification away when it is clicked, so it is shown again.
    desktop.click(&first, "Approve");
    assert_eq!(desktop.told(), Told::TakeAway(first.number));
    let second = desktop.shown();
    assert_eq!((&second.body, second.number), (&first.body, first.number + 1));
    assert_ne!(second.buttons, first.buttons, "nobody else knows how they are called");
    read();
    desktop.click(&first, "Approve");
    desktop.click_named(second.number, "default");
    desktop.click_named(second.number, &first.buttons[0]);
    assert!(home.succeed(&["status"]).contains("register for"), "none of these is a click");
    desktop.click(&second, "Approve");
    asking.join().unwrap().1.unwrap();
    assert_eq!(desktop.told(), Told::TakeAway(second.number));
}

#[test]
fn a_click_may_refuse_and_what_is_answered_elsewhere_or_no_longer_asked_is_taken_away() {
    let Some(desktop) = Desktop::start(ALL) else { return };
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let mut notifier = Notifier::start(&home, &desktop);
    let is_taken_away = |shown: Shown| assert_eq!(desktop.told(), Told::TakeAway(shown.number));

    let asking = select(import_from(key.address()));
    let shown = desktop.shown();
    read();
    desktop.click(&shown, "Refuse");
    let (platform, outcome) = asking.join().unwrap();
    assert_eq!(refusal(outcome), Some(Status::OperationDenied));
    is_taken_away(shown);

    let asking = select(platform);
    let shown = desktop.shown();
    home.succeed(&["touch"]);
    is_taken_away(shown);
    let asking = select(asking.join().unwrap().0);
    let shown = desktop.shown();
    home.succeed(&["replug"]);
    is_taken_away(shown);
    asking.join().unwrap().1.unwrap_err();

    let asking = select(import_from(key.address()));
    let shown = desktop.shown();
    drop(key);
    is_taken_away(shown);
    asking.join().unwrap().1.unwrap_err();
    assert!(notifier.line().ends_with("; waiting for one"));

    let key = home.serve(&["--ephemeral"]);
    let asking = select(import_from(key.address()));
    let shown = desktop.shown();
    kill_process(Pid::from_child(&notifier.process), Signal::TERM).unwrap();
    is_taken_away(shown);
    assert!(notifier.process.wait().unwrap().success());
    home.succeed(&["deny"]);
    asking.join().unwrap().1.unwrap_err();
}

#[test]
fn a_desktop_that_cannot_ask_is_told_with_the_next_step_and_one_process_asks_for_a_key() {
    let home = Home::new();
    let refused = |command: &mut Command, what: &str, next: &str| {
        let output = command.output().unwrap();
        let error = error_of(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(what) && error.contains(&format!("\nnext: {next}")), "{error}");
    };
    let mut nowhere = home.command(&["notify"]);
    nowhere.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    refused(&mut nowhere, "no message bus", "type it in a desktop session");
    let Some(desktop) = Desktop::start(&["body"]) else { return };
    refused(&mut command(&home, &desktop), "without buttons", "use one that has both");
    let Some(desktop) = Desktop::start(ALL) else { return };
    let _notifier = Notifier::start(&home, &desktop);
    refused(&mut command(&home, &desktop), "another `keyfob notify`", "one is enough");
}
