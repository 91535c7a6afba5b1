CREATE TABLE account (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE COLLATE NOCASE,
    handle        BLOB NOT NULL UNIQUE,  -- what keys know the account by; random, tells nothing
    password      TEXT NOT NULL,         -- Argon2id, never the password itself
    administrator INTEGER NOT NULL
) STRICT;

CREATE TABLE security_key (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: an old page cannot delete a new key
    account       INTEGER NOT NULL REFERENCES account,
    name          TEXT NOT NULL,
    aaguid        TEXT,
    credential_id BLOB NOT NULL UNIQUE,
    credential    TEXT NOT NULL,         -- public key, counter, attestation; JSON
    added         INTEGER NOT NULL,
    last_used     INTEGER
) STRICT;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
