//! Running keys: starting them, and answering for them while they run.
//!
//! ```text
//!   attach, serve, card                  start keys, with what they have in common: key_options, running
//!   touch, tap, wait, replug, ...        ask a running key, through its control socket
//!   prompts                              asks the person at the terminal
//!   notify                               asks the person before a desktop, for a key that runs elsewhere
//!   control_server, owner, told          answers the control socket
//!   http_server                          answers programs that steer the key over HTTP
//!   conformance_hooks                    answers FIDO's conformance tool
//!   descriptors                          has enough files for all of that
//!   removed                              warns when a memory is removed under a running key
//! ```

#[cfg(target_os = "linux")]
pub(crate) mod attach;
#[cfg(target_os = "linux")]
pub(crate) mod card;
mod conformance_hooks;
mod control_server;
#[cfg_attr(windows, path = "windows/descriptors.rs")]
mod descriptors;
pub(crate) mod fault;
mod fault_words;
mod http_server;
mod key_options;
mod nfc;
#[cfg(target_os = "linux")]
pub(crate) mod notify;
mod owner;
pub(crate) mod policy;
mod prompts;
mod removed;
pub(crate) mod replug;
mod running;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod tap;
mod told;
pub(crate) mod touch;
pub(crate) mod wait;
mod which_key;
