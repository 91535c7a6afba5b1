"""A key as a card on a reader, and other people's client libraries in Rust."""

import itertools
import json
import time

import pytest
from fido2.server import Fido2Server

from card_reader import card_reader
from keyfob import Keyfob
from phrases import PIN, set_pin
from programs import run
from report import note

SITE = "example.com"


@pytest.fixture
def program(pytestconfig):
    """What tests/nfc/rust-clients is built to."""
    return pytestconfig.getoption("rust_clients")


def webauthn_authenticator_rs_registers_and_signs_in(program, tmp_path):
    """It does so once more where it drew a key that it cannot write: one in 128 (findings/webauthn-authenticator-rs-short-coordinates.sh)."""
    for recording in (str(tmp_path / f"{time}.pcapng") for time in itertools.count(1)):
        try:
            return _registers_and_signs_in(program, "webauthn-authenticator-rs", "--record", recording)
        except AssertionError:
            if not _sent_a_short_coordinate(recording):
                raise
            note("webauthn-authenticator-rs once more", "it sent a coordinate without its leading zeros")


def libwebauthn_registers_and_signs_in(program):
    _registers_and_signs_in(program, "libwebauthn")


def _sent_a_short_coordinate(recording):
    """Whether a client's key agreement key has an x or a y of less than 32 bytes (CP-02)."""
    steps = run(Keyfob.program, "trace", "--json", recording).must_succeed().splitlines()
    members = (step.get("members", {}) for step in map(json.loads, steps) if step.get("direction") == "toKey")
    keys = [asked["keyAgreement"] for asked in members if "keyAgreement" in asked]
    assert keys, f"no key agreement key in {recording}"
    return any(key[coordinate] != "32 bytes left out" for key in keys for coordinate in ("-2", "-3"))


def _registers_and_signs_in(program, client, *recorded):
    """With a PIN, at a relying party that shares no code with the client, and wants it."""
    site = Fido2Server({"id": SITE, "name": SITE})

    def carried_out(ceremony, options):
        typed = json.dumps(dict(options.public_key))
        return json.loads(run(program, client, ceremony, f"https://{SITE}", PIN, typed=typed).must_succeed())

    with card_reader() as reader, reader.card(*recorded) as card:
        reader.await_card()
        set_pin(card, "pcsc:")
        user = {"id": b"Alice", "name": "Alice", "displayName": "Alice"}
        options, state = site.register_begin(user, user_verification="required")
        started = time.monotonic()
        made = site.register_complete(state, carried_out("create", options))
        note(f"a registration by {client}", f"{round((time.monotonic() - started) * 1000)} ms")
        options, state = site.authenticate_begin([made.credential_data], "required")
        site.authenticate_complete(state, [made.credential_data], carried_out("get", options))
