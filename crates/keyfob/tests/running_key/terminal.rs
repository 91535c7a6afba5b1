//! `keyfob serve` on a terminal: the countdown, Enter and n.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use ctap_client::Status;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::host::{import_from, refusal, register, register_as, select};
use crate::program::{Home, PATIENCE, Serving};

/// A key whose standard input and error streams are a terminal, and what stands on it.
struct Terminal {
    keyboard: File,
    screen: Arc<Screen>,
    key: Serving,
}

/// What stands on a terminal, and a bell for those who wait for more.
#[derive(Default)]
struct Screen {
    text: Mutex<String>,
    bell: Condvar,
}

impl Terminal {
    fn start(home: &Home, columns: u16) -> Self {
        Self::of(home.command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"]), columns)
    }

    fn of(mut command: Command, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        tcsetwinsize(&master, size(columns)).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let open = || -> OwnedFd {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(&name, flags, Mode::empty()).expect("its other end")
        };
        command.stdin(open()).stderr(open());
        let key = Serving::start(command);
        let keyboard = File::from(master);
        let screen = show(keyboard.try_clone().expect("possible"));
        Self { keyboard, screen, key }
    }

    fn resize(&self, columns: u16) {
        tcsetwinsize(&self.keyboard, size(columns)).expect("a terminal");
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it reads");
    }

    fn screen(&self) -> String {
        self.screen.text.lock().expect("nobody panicked").clone()
    }

    fn await_words(&self, words: &str) {
        let text = self.screen.text.lock().expect("nobody panicked");
        let lacks = |text: &mut String| !text.contains(words);
        let (text, _) =
            self.screen.bell.wait_timeout_while(text, PATIENCE, lacks).expect("nobody panicked");
        assert!(text.contains(words), "no “{words}” on the screen: {text}");
    }

    /// Types it once it counts: at first a prompt takes no answers, for they were meant for another.
    fn answer(&mut self, keys: &str) {
        self.await_words("29 s left");
        self.type_in(keys);
    }
}

fn size(columns: u16) -> Winsize {
    Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Collects what is written to a terminal, until it is closed.
fn show(mut terminal: File) -> Arc<Screen> {
    let screen = Arc::new(Screen::default());
    let shown = Arc::clone(&screen);
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]);
            shown.text.lock().expect("nobody panicked").push_str(&text);
            shown.bell.notify_all();
        }
    });
    screen
}

#[test]
fn a_log_has_colours_on_a_terminal_that_wants_them() {
    for (no_color, is_coloured) in [("", true), ("1", false)] {
        let home = Home::new();
        let mut command =
            home.command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral", "-vvv"]);
        command.env("NO_COLOR", no_color).env("TERM", "xterm");
        let terminal = Terminal::of(command, 100);
        import_from(terminal.key.address()).client().get_info().unwrap();
        terminal.await_words("usbip_server");
        assert_eq!(terminal.screen().contains('\u{1b}'), is_coloured, "{}", terminal.screen());
    }
}

#[test]
fn enter_is_a_touch_and_the_seconds_are_counted_down() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, 100);
    let asking = register(import_from(terminal.key.address()), "a.example");
    terminal.await_words(
        "“a.example” wants to create a key for “ada” — Enter to touch, n to refuse, 30 s left",
    );
    terminal.await_words("\r\u{1b}[K“a.example” wants to create a key for “ada” — Enter to touch, n to refuse, 28 s left");
    terminal.answer("\n");
    asking.join().unwrap().1.unwrap();
    terminal.await_words("touched\r\n");
}

#[test]
fn n_is_a_refusal() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, 100);
    let asking = select(import_from(terminal.key.address()));
    terminal.await_words("n to refuse");
    terminal.answer("n\n");
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
    terminal.await_words("refused\r\n");
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, 100);
    terminal.type_in("\n\n\n");
    let asking = select(import_from(terminal.key.address()));
    terminal.await_words("29 s left");
    assert!(!asking.is_finished(), "nobody has answered yet");
    home.succeed(&["deny"]);
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
    terminal.await_words("answered elsewhere");
}

#[test]
fn other_words_decide_nothing() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, 100);
    let asking = select(import_from(terminal.key.address()));
    terminal.await_words("29 s left");
    terminal.type_in("what?\n");
    terminal.await_words("28 s left");
    assert!(!asking.is_finished());
    terminal.answer("y\n");
    asking.join().unwrap().1.unwrap();
}

#[test]
fn a_question_longer_than_the_line_is_still_counted_down_on_one() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, 80);
    let site = format!("{}.example", "long".repeat(15));
    let asking = register(import_from(terminal.key.address()), &site);
    terminal.await_words("\r\u{1b}[KEnter to touch, n to refuse, 29 s left");
    assert!(
        terminal.screen().contains("wants to create a key for “ada”\r\n"),
        "{}",
        terminal.screen()
    );
    terminal.answer("\n");
    asking.join().unwrap().1.unwrap();
}

#[test]
fn wide_names_and_narrow_terminals_leave_one_line_for_the_countdown() {
    let name = "漢字".repeat(8);
    for (columns, countdown) in [
        (100, "\r\u{1b}[KEnter to touch, n to refuse, 29 s left\r\u{1b}[K"),
        (30, "\r\u{1b}[KEnter to touch, n to refuse,…\r\u{1b}[K"),
    ] {
        let home = Home::new();
        let terminal = Terminal::start(&home, columns);
        let asking = register_as(import_from(terminal.key.address()), "a.example", &name);
        terminal.await_words(countdown);
        let screen = terminal.screen();
        assert!(screen.contains(&format!("for “{name}”\r\n")), "{screen:?}");
        assert_eq!(screen.matches("a.example").count(), 1, "{screen:?}");
        home.succeed(&["deny"]);
        drop(asking.join());
    }
}

#[test]
fn a_terminal_that_became_narrow_still_has_one_line_for_the_countdown() {
    let home = Home::new();
    let terminal = Terminal::start(&home, 100);
    let asking = register(import_from(terminal.key.address()), "a.example");
    terminal.await_words("— Enter to touch, n to refuse, 30 s left");
    terminal.resize(60);
    terminal.await_words("\r\u{1b}[KEnter to touch, n to refuse, 28 s left\r\u{1b}[K");
    home.succeed(&["deny"]);
    drop(asking.join());
}
