//! WebAuthn sections 5.1.3, 5.1.4 and 5.8: what a browser does between a site and a key. The site's JSON goes in,
//! and the page's JSON comes out.
//!
//! ```no_run
//! # #[cfg(target_os = "linux")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ctap_client::webauthn::{Caller, create};
//! use ctap_client::{Client, HidChannel, hidraw};
//!
//! let key = hidraw::list()?.into_iter().next().ok_or("plug in a key")?;
//! let mut client = Client::new(HidChannel::open(key.open()?)?);
//! let options = serde_json::from_str(r#"{ "challenge": "AAAA", "rp": { "name": "Example" },
//!     "user": { "id": "AQ", "name": "ada", "displayName": "Ada" }, "pubKeyCredParams": [] }"#)?;
//! let credential = create(&mut client, &options, &Caller::new("https://example.com").with_pin("2468"))?;
//! println!("{credential}"); // what a page sends to its site: credential.toJSON()
//! # Ok(())
//! # }
//! # #[cfg(not(target_os = "linux"))]
//! # fn main() {}
//! ```
//!
//! The options are those that a site sends to its page: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON`, alone or as the member `publicKey`. The results are
//! `RegistrationResponseJSON` and `AuthenticationResponseJSON`. Extensions: credProps, credProtect, minPinLength,
//! credBlob, prf; others are ignored, as browsers do. The key must speak CTAP2. If several passkeys are acceptable,
//! the newest one signs.

mod caller;
mod extensions;
mod fault;
mod get;
mod make;
mod options;
mod origin;
mod response;

pub use self::caller::Caller;
pub use self::fault::WebauthnError;
pub use self::get::get;
pub use self::make::create;

#[cfg(test)]
mod tests;
