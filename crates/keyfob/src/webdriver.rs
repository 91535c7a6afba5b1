//! `keyfob webdriver`: a proxy before a browser's driver. It passes everything on, but for the commands for virtual authenticators
//! (WebAuthn section 11): those it carries out itself, on keys that the whole machine sees.
//!
//! ```text
//!   Selenium, WebdriverIO ...  ──► proxy ──► chromedriver, geckodriver ──► browser
//!                                    │ nine commands                          │ real dialogs, real CTAP
//!                                    └──► session ──► authenticators ══ keys ═╛
//!
//!   driver.rs          the driver: a program that is started, or one that runs
//!   proxy.rs           what is passed on, and how; the connections that become WebSockets
//!   capabilities.rs    what a new session may ask for, and what it is told that there is
//!   commands.rs        the nine commands, told apart; command.rs carries them out
//!   devtools.rs        a command of DevTools that is for keys as well
//!   parameters.rs      their members, judged as chromedriver judges them
//!   session.rs         the keys of a session, and which of them answers
//!   authenticator.rs   one of them: a key, and the person beside it
//!   plug.rs            where it is plugged in
//!   reader.rs          one that is a card, on a reader, and shown to the browser as a USB key
//!   sheets.rs          what Chromium shows after a refusal, closed
//!   version.rs         which drivers this was tried with
//! ```

mod authenticator;
mod capabilities;
mod command;
mod commands;
mod devtools;
mod driver;
mod fault;
mod limits;
mod parameters;
mod plug;
mod proxy;
mod reader;
mod session;
mod sheets;
mod version;

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use clap::{Args, ValueEnum};
use tokio::net::TcpStream;
use virtual_key::peers::{self, PeerFilter};

use self::driver::{Driver, DriverName};
use self::limits::BOUNDS;
use self::plug::{Place, PlaceOptions};
use self::proxy::Proxy;
use crate::failure::{advise, usage};
use crate::http;
use crate::process::EndSignal;
use crate::say::{say, warn};

/// Give WebDriver tests real keys
///
/// A proxy in front of the browser's driver. It carries out the virtual-authenticator commands on keys of this host.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The driver: chromedriver, geckodriver, the path of one, or the URL of one that runs
    #[arg(long, value_name = "PROGRAM|URL")]
    driver: DriverName,

    /// Where clients connect, an address of this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4444", value_parser = http::parse_address)]
    listen: SocketAddr,

    /// Which transports an authenticator may have
    #[arg(long, value_enum, default_value_t = Transports::Real)]
    transport: Transports,

    /// What happens to a prompt while isUserConsenting is false
    #[arg(long, value_name = "WORD", value_enum, default_value_t = Unconsenting::AsBrowser)]
    unconsenting: Unconsenting,

    /// Tell clients another browserName: Selenium's Python package refuses the commands where it is "firefox"
    #[arg(long, value_name = "NAME")]
    browser_name: Option<String>,

    /// Become the driver that this process starts
    #[arg(long, hide = true, value_name = "PID")]
    become_driver_of: Option<u32>,

    #[command(flatten)]
    place: PlaceOptions,
}

/// Which transports an authenticator may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transports {
    /// usb, and nfc where there is a reader: what keys have
    Real,
    /// All; but the key is always on USB
    Any,
}

/// What becomes of a question that nobody consents to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unconsenting {
    /// wait with Chromium, deny with Firefox
    AsBrowser,
    /// It stays open until the browser gives up
    Wait,
    /// It is refused at once
    Deny,
}

/// What holds for all sessions.
pub(crate) struct Settings {
    pub(crate) transport: Transports,
    pub(crate) unconsenting: Unconsenting,
    pub(crate) browser_name: Option<String>,
    pub(crate) place: Place,
}

/// Serves clients until a signal ends it, or the driver does.
///
/// # Errors
/// The driver cannot be started, or ended; the address is taken; or the kernel takes no keys from this user.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if let Some(parent) = options.become_driver_of {
        return driver::become_it(&options.driver, parent);
    }
    let mut end = EndSignal::listen()?;
    check(options.listen)?;
    let settings = Settings {
        transport: options.transport,
        unconsenting: options.unconsenting,
        browser_name: options.browser_name,
        place: options.place.place()?,
    };
    let unusable = |error| {
        let error =
            anyhow::Error::new(error).context(format!("cannot listen on {}", options.listen));
        advise(error, "choose another address with --listen, such as 127.0.0.1:0")
    };
    let listener = [http::listen(options.listen).map_err(unusable)?];
    let address = listener[0].local_addr()?;
    let mut filter = PeerFilter::of(address, |sentence: fmt::Arguments<'_>| warn(sentence))?;
    let driver = Driver::start(&options.driver).await?;
    say(format_args!("listening on {address}, in front of {driver}"));
    let proxy = Rc::new(Proxy::new(driver, settings));
    let welcome = |stream: &TcpStream| filter.admits(stream);
    let answering = Rc::clone(&proxy);
    let respond = async move |request| answering.respond(request).await;
    let outcome = tokio::select! {
        never = http::serve(&listener, BOUNDS, welcome, respond) => match never {},
        error = proxy.driver().ended() => Err(error),
        () = end.received() => Ok(()),
    };
    proxy.end_all().await;
    outcome
}

/// Nobody else's machine (P-22): whoever reaches a driver can start programs.
fn check(address: SocketAddr) -> anyhow::Result<()> {
    match peers::is_loopback(address) {
        true => Ok(()),
        false => Err(usage(
            format_args!(
                "other machines can reach {address}, and could start programs through the driver"
            ),
            "listen on 127.0.0.1; `ssh -L` brings it to another machine",
        )),
    }
}

const EXAMPLES: &str = "\
Examples:
  sudo keyfob webdriver --driver chromedriver
  keyfob webdriver --driver http://localhost:9515   a driver that runs
  keyfob webdriver --driver geckodriver --browser-name gecko

A test then connects to http://localhost:4444 and needs no change. docs/webdriver.md explains what is different with \
real keys. Keys are plugged in as with `keyfob attach`; `keyfob doctor` checks what that needs.";

#[cfg(test)]
mod tests {
    use super::*;

    // P-22
    #[test]
    fn no_other_machine_reaches_the_driver_through_the_proxy() {
        assert!(check("127.0.0.1:4444".parse().unwrap()).is_ok());
        assert!(check("[::1]:0".parse().unwrap()).is_ok());
        assert!(check("0.0.0.0:4444".parse().unwrap()).is_err());
        assert!(check("192.0.2.1:4444".parse().unwrap()).is_err());
    }
}
