//! `keyfob webauthn`: what a browser does between a site and a key, as JSON.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context as _;
use ctap_client::Client;
use ctap_client::webauthn::{self, Caller, WebauthnError};
use serde_json::Value;

use super::pin_source::CurrentPinOptions;
use super::{open, refused};
use crate::device::{Channel, DeviceOption};
use crate::failure::{Cause, advise, because, failure};
use crate::terminal;

/// Register and sign in at a site without a browser
///
/// The site's JSON in, the page's JSON out.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Do what `navigator.credentials.create()` does: PublicKeyCredentialCreationOptionsJSON in, RegistrationResponseJSON out
    #[command(after_help = EXAMPLES)]
    Create(Options),
    /// Do what `navigator.credentials.get()` does: PublicKeyCredentialRequestOptionsJSON in, AuthenticationResponseJSON out
    #[command(after_help = EXAMPLES)]
    Get(Options),
}

/// What both take.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// A file with the site's options [default: the standard input stream]
    file: Option<PathBuf>,
    /// The origin of the page, such as https://example.com
    #[arg(long, value_name = "URL")]
    origin: String,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    pin: CurrentPinOptions,
}

/// Runs the command.
///
/// # Errors
/// The options are none, the key refuses, or it cannot be opened.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Create(options) => options.carry_out(webauthn::create),
        Command::Get(options) => options.carry_out(webauthn::get),
    }
}

type Ceremony = fn(&mut Client<Channel>, &Value, &Caller) -> Result<Value, WebauthnError>;

impl Options {
    fn carry_out(&self, ceremony: Ceremony) -> anyhow::Result<()> {
        let site = self.site_options()?;
        let caller = Caller::new(&self.origin);
        let caller = match self.pin.given()? {
            Some(pin) => caller.with_pin(pin.expose()),
            None => caller,
        };
        let mut client = open(&self.device)?;
        let credential = ceremony(&mut client, &site, &caller).map_err(|error| match error {
            WebauthnError::Key(error) => refused(error),
            WebauthnError::NotVerified => because(Cause::NotProved, &error, error.advice()),
            other => failure(&other, other.advice()),
        })?;
        Ok(terminal::print(terminal::json_line(&credential)?)?)
    }

    fn site_options(&self) -> anyhow::Result<Value> {
        let (from, name): (Box<dyn Read>, _) = match &self.file {
            Some(path) => {
                let file = File::open(path)
                    .with_context(|| format!("cannot read {}", path.display()))
                    .map_err(|error| advise(error, GIVE_OPTIONS))?;
                (Box::new(file), path.display().to_string())
            }
            None => (Box::new(io::stdin().lock()), "the standard input stream".to_owned()),
        };
        serde_json::from_reader(from.take(MOST))
            .map_err(|error| failure(format_args!("{name} holds no JSON: {error}"), GIVE_OPTIONS))
    }
}

const GIVE_OPTIONS: &str = "give the JSON that the site's server sends to its page";

/// Bytes of the longest options that are read: a site's are a few thousand.
const MOST: u64 = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  keyfob webauthn create --origin https://example.com options.json
  keyfob webauthn get --origin http://localhost:8000 < options.json
  keyfob webauthn get --origin https://example.com --pin-file pin options.json

The origin must be the site's own: its host is the RP id or a subdomain of it. docs/embedding.md has the same for Rust.";
