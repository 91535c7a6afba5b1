//! The whole site, from its forms to its database, used by a browser that is played and a virtual key that signs.

mod connections;
mod guard;
mod journey;
mod other_keys;
mod program;
mod support;
