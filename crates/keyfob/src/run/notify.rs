//! `keyfob notify`: what a running key asks, as notifications of the desktop with two buttons.
//!
//! ```text
//!   source       hears which prompts are open, of the running key, or of the next one
//!   board        knows which of them stands where, and what a click means
//!   words        what a notification says
//!   desktop      the program that shows notifications, over D-Bus
//! ```

mod board;
mod desktop;
mod source;
mod words;

use std::time::Instant;

use clap::Args;
use zbus::connection::Builder;

use self::board::{Board, Buttons, Click};
use self::desktop::{Desktop, Event, Notification};
use self::source::Source;
use self::words::Words;
use crate::control::protocol::{Choice, Touching};
use crate::control::{Connection, OpenPrompt, Request};
use crate::process::EndSignal;
use crate::say::{say, warn};
use crate::service;

/// Show what a running key asks as desktop notifications
///
/// With a button to approve and one to refuse. A click counts only for the request in that notification, and only after the
/// notification was on the screen for a moment.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
}

/// Shows prompts until a signal ends it, of one key after the other.
///
/// # Errors
/// Nobody shows notifications with buttons here, the key's prompts are shown already, or it is of another version.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let mut end = EndSignal::listen()?;
    let desktop = Desktop::find(Builder::session()).await?;
    desktop.claim(&options.connection.path()).await?;
    let mut source = Source::new(options.connection.clone());
    let (board, begun) = (Board::default(), Instant::now());
    let mut notifier = Notifier { connection: options.connection, desktop, board, begun };
    say(format_args!("{} shows what the key asks", notifier.desktop.name()));
    service::ready();
    let outcome = loop {
        let known = notifier.board.known();
        let went_on = tokio::select! {
            open = source.others_than(&known) => notifier.show(open).await,
            event = notifier.desktop.event() => notifier.heed(event).await,
            () = end.received() => break Ok(()),
        };
        if went_on.is_err() {
            break went_on;
        }
    };
    service::stopping();
    notifier.take_away_all_but(&[]).await;
    outcome
}

/// What stands on the screen, and those between whom it stands.
struct Notifier {
    connection: Connection,
    desktop: Desktop,
    board: Board,
    begun: Instant,
}

impl Notifier {
    /// Brings the screen up to date: these prompts are open, and no others.
    async fn show(&mut self, open: anyhow::Result<Vec<OpenPrompt>>) -> anyhow::Result<()> {
        let open = open?;
        self.take_away_all_but(&open).await;
        let known = self.board.known();
        for prompt in open.into_iter().filter(|prompt| !known.contains(&prompt.id)) {
            self.show_one(prompt).await?;
        }
        Ok(())
    }

    async fn show_one(&mut self, prompt: OpenPrompt) -> anyhow::Result<()> {
        let buttons = Buttons::new()?;
        let words = Words::of(&prompt);
        let seconds = prompt.seconds_left;
        let notification = self.desktop.show(Notification { words, buttons: &buttons, seconds });
        let shown = notification.await.inspect_err(|error| {
            warn(format_args!(
                "{} did not show that the key asks for a touch: {error}; `keyfob status` says who asks, `keyfob touch` approves it",
                self.desktop.name()
            ));
        });
        self.board.put(prompt, shown.ok(), buttons, self.begun.elapsed());
        Ok(())
    }

    async fn take_away_all_but(&mut self, open: &[OpenPrompt]) {
        for notification in self.board.keep_only(open) {
            self.desktop.take_away(notification).await;
        }
    }

    /// Does what a person wants, or a desktop that has begun again.
    async fn heed(&mut self, event: anyhow::Result<Event>) -> anyhow::Result<()> {
        match event? {
            Event::Clicked { notification, button } => {
                let click = self.board.clicked(notification, &button, self.begun.elapsed());
                self.obey(click).await
            }
            Event::BeganAnew => {
                self.desktop.look_again().await?;
                let lost = self.board.take_all(self.begun.elapsed());
                self.show_again(lost).await
            }
        }
    }

    async fn obey(&mut self, click: Click) -> anyhow::Result<()> {
        let request = match click {
            Click::Approves(prompt) => {
                Request::Touch(Touching { prompt: Some(prompt), ..Touching::default() })
            }
            Click::Refuses(prompt) => {
                Request::Deny(Choice { prompt: Some(prompt), ..Choice::default() })
            }
            // Most desktops take a notification away with the first click on it.
            Click::TooEarly(notification) => {
                self.desktop.take_away(notification).await;
                let again = self.board.take(notification, self.begun.elapsed());
                return self.show_again(again).await;
            }
            Click::OnNothing => return Ok(()),
        };
        // The prompt may have ended meanwhile; whatever it is, the next one is shown.
        if let Err(error) = self.connection.ask_here(&request).await {
            warn(format_args!("the click changed nothing: {error:#}"));
        }
        Ok(())
    }

    async fn show_again(
        &mut self,
        prompts: impl IntoIterator<Item = OpenPrompt>,
    ) -> anyhow::Result<()> {
        for prompt in prompts {
            self.show_one(prompt).await?;
        }
        Ok(())
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob notify &
  keyfob notify --control ./a.sock             a key with another socket
  systemctl --user enable --now keyfob-notify  from each login on

docs/desktop.md has the unit for those who have no package, and what a click can and cannot do.";
