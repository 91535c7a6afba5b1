//! A FIDO2 (CTAP) authenticator without I/O, clock, randomness or disk of its own.
