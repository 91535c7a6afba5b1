//! The tool half of keyfob, used like a person uses it: the real program, against a key that another one serves.

mod bench;
mod blobs;
mod browser;
mod completions;
mod config;
mod credentials;
mod demo;
mod devices;
mod doctor;
mod documents;
mod files;
mod fingerprints;
mod info;
mod pin;
mod pin_prompt;
mod pty;
mod reset;
mod support;
mod width;
