//! How a running key asks the person beside it: on the terminal it was started from, else with a line that names the
//! commands to answer with.

mod screen;
pub(super) mod sentence;
#[cfg_attr(not(target_os = "linux"), path = "../elsewhere/tty.rs")]
mod tty;

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;
use virtual_key::keys::Keys;

use self::screen::Screen;

/// Shows prompts and hears answers, until the future is dropped.
pub(crate) async fn front_end(keys: &Keys) -> Infallible {
    let mut bell = keys.listen();
    let mut screen = Screen::new(keys);
    loop {
        let redraw = screen.draw();
        tokio::select! {
            // It cannot fail: the keys hold the other end.
            _ = bell.changed() => {}
            () = pause(redraw) => {}
            line = screen.line() => screen.typed(line.as_deref()).await,
        }
    }
}

/// For ever, if there is nothing to wait for.
async fn pause(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
