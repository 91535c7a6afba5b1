//! `keyfob serve` as its users meet it: the real program, its output, its exit codes, its sockets, and a USB/IP host.

mod action;
mod conform;
mod conformance_hooks;
mod control_socket;
mod credentials;
mod desktop;
mod exit_codes;
mod faults;
mod host;
mod http;
mod http_client;
mod metadata;
mod neighbours;
mod notify;
mod program;
mod prompts;
mod recordings;
mod secrets;
mod serve;
mod state;
mod stopped;
mod terminal;
mod webdriver;
