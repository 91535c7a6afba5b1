//! A program with a card on a reader, by way of other people's libraries: has it make a credential, or sign with one.
//!
//! ```text
//! rust-clients libwebauthn|webauthn-authenticator-rs create|get ORIGIN PIN
//! ```
//!
//! Standard input has the options of `navigator.credentials` as JSON (WebAuthn, section 5.1.9), standard output gets the
//! response. The card must be on a reader, and is given power again, which is a tap.

mod libwebauthn;
mod webauthn_authenticator_rs;

use std::env;
use std::io;

use anyhow::{Context as _, bail};

/// What the card shall do.
#[derive(Clone, Copy)]
enum Ceremony {
    Create,
    Get,
}

/// Whom the card shall do it for.
struct Site {
    /// Where the page comes from, as in `https://example.com`.
    origin: String,
    /// The options, as JSON.
    options: String,
    pin: String,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [client, ceremony, origin, pin] = words.as_slice() else {
        bail!("which client, create or get, for which origin, with which PIN?");
    };
    let ceremony = match ceremony.as_str() {
        "create" => Ceremony::Create,
        "get" => Ceremony::Get,
        other => bail!("create or get, not {other}"),
    };
    let options = io::read_to_string(io::stdin()).context("the options")?;
    let site = Site { origin: origin.clone(), options, pin: pin.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let response = runtime.block_on(async {
        match client.as_str() {
            "libwebauthn" => libwebauthn::carry_out(ceremony, &site).await,
            "webauthn-authenticator-rs" => {
                webauthn_authenticator_rs::carry_out(ceremony, &site).await
            }
            other => bail!("no client is called {other}"),
        }
    })?;
    println!("{response}");
    Ok(())
}
