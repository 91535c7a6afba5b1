#![doc = include_str!("../README.md")]

mod app;
mod expiring;
mod limits;
mod moment;
pub mod password;
mod policy;
mod relying_party;
mod server;
mod sign_in;
mod source;
mod store;
mod throttle;
mod token;
mod web;

pub use app::{App, Clock, StartFault};
pub use expiring::Seconds;
pub use policy::{Accepted, ListFault, Listed, Refusal, Settings};
pub use relying_party::OriginFault;
pub use server::serve;
pub use store::{Account, AddFault, Key, MAX_KEY_NAME, MAX_KEYS, Role, Store, StoreFault};
pub use web::router;
