//! The whole site, from its forms to its database, used by a browser that is played and a virtual key that signs.

mod guard;
mod journey;
mod support;
