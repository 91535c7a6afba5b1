//! The platform half of CTAP: PIN/UV auth protocols, requests, parsed replies, channels to a key.
