"""Managing what a key keeps: passkeys and large blobs."""

import base64
import re
import secrets
from pathlib import Path

from phrases import PIN, attach, serve
from places import on_both
from programs import in_a_file


@on_both
def passkeys_are_listed_by_site_and_user():
    with serve():
        device = attach()
        device.set_pin(PIN)
        alice = device.register(site="example.com", user="Alice", options="-r", pin=PIN)
        bob = device.register(site="example.org", user="Bob", options="-r", pin=PIN)
        sites = device.token("-L", "-r", pin=PIN).must_succeed()
        assert "example.com" in sites and "example.org" in sites and len(sites.splitlines()) == 2, sites
        (of_alice,) = device.passkeys("example.com", PIN)
        assert alice.identifier in of_alice and _base64("Alice") in of_alice, of_alice
        (of_bob,) = device.passkeys("example.org", PIN)
        assert bob.identifier in of_bob and _base64("Bob") in of_bob, of_bob


def the_key_counts_its_passkeys_and_the_room_that_is_left():
    with serve("--capacity", "2"):
        device = attach()
        device.set_pin(PIN)
        for count, user in enumerate(("Alice", "Bob"), start=1):
            device.register(user=user, options="-r", pin=PIN)
            counted = device.token("-I", "-c", pin=PIN).must_succeed()
            assert f"existing rk(s): {count}" in counted and f"remaining rk(s): {2 - count}" in counted, counted
        device.refuses_to_register("FIDO_ERR_KEY_STORE_FULL", "-r", pin=PIN, user="Carol")


def a_passkey_for_the_same_user_replaces_the_one_before():
    with serve():
        device = attach()
        device.set_pin(PIN)
        old = device.register(options="-r", pin=PIN)
        new = device.register(options="-r", pin=PIN)
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", old)
        (only,) = device.passkeys("example.com", PIN)
        assert new.identifier in only, only


def the_name_that_goes_with_a_passkey_can_be_changed():
    with serve():
        device = attach()
        device.set_pin(PIN)
        credential = device.register(options="-r", pin=PIN)
        renaming = ("-S", "-c", "-i", credential.identifier, "-k", _base64("Alice"), "-n", "al", "-p", "Alice Liddell")
        device.token(*renaming, pin=PIN).must_succeed()
        (listed,) = device.passkeys("example.com", PIN)
        assert "Alice Liddell" in listed, listed
        device.discover([credential])


def the_public_key_of_a_passkey_can_be_read_later():
    with serve():
        device = attach()
        device.set_pin(PIN)
        credential = device.register(options="-r", pin=PIN)
        read = device.token("-I", "-k", "example.com", "-i", credential.identifier, pin=PIN).must_succeed()
        assert Path(credential.public_key).read_text(encoding="ascii") in read, read


def a_deleted_passkey_is_gone():
    with serve():
        device = attach()
        device.set_pin(PIN)
        credential = device.register(options="-r", pin=PIN)
        device.token("-D", "-i", credential.identifier, pin=PIN).must_succeed()
        device.token("-L", "-k", "example.com", pin=PIN).must_fail_with("FIDO_ERR_NO_CREDENTIALS")
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", credential)


def passkeys_are_shown_to_nobody_without_the_pin():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.register(options="-r", pin=PIN)
        device.token("-L", "-r", pin="wrong guess").must_fail_with("FIDO_ERR_PIN_INVALID")


def a_large_blob_is_written_read_and_deleted():
    with serve():
        device = attach()
        device.set_pin(PIN)
        key = device.register(options="-r -b", pin=PIN).large_blob_key
        written, read = in_a_file("a certificate"), in_a_file()
        device.token("-S", "-b", "-k", key, written, pin=PIN).must_succeed()
        device.token("-G", "-b", "-k", key, read, pin=PIN).must_succeed()
        assert Path(read).read_text(encoding="utf-8") == "a certificate\n"
        device.token("-D", "-b", "-k", key, pin=PIN).must_succeed()
        device.token("-G", "-b", "-k", key, read, pin=PIN).must_fail_with("FIDO_ERR_NOTFOUND")


def a_large_blob_belongs_to_the_passkey_of_a_site():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.register(options="-r -b", pin=PIN)
        written, read = in_a_file("a certificate"), in_a_file()
        device.token("-S", "-b", "-n", "example.com", written, pin=PIN).must_succeed()
        listed = device.token("-L", "-b", pin=PIN).must_succeed()
        assert len(re.findall(r"^\d+:", listed, re.M)) == 1, listed
        device.token("-G", "-b", "-n", "example.com", read, pin=PIN).must_succeed()
        assert Path(read).read_text(encoding="utf-8") == "a certificate\n"


def a_large_blob_that_is_too_long_is_not_kept():
    with serve():
        device = attach()
        device.set_pin(PIN)
        key = device.register(options="-r -b", pin=PIN).large_blob_key
        too_long = in_a_file(secrets.token_hex(8192))  # random digits, which do not shrink below 8 KiB
        device.token("-S", "-b", "-k", key, too_long, pin=PIN).must_fail_with("FIDO_ERR_LARGEBLOB_STORAGE_FULL")


def _base64(text):
    """How the tool writes a user's id."""
    return base64.b64encode(text.encode()).decode()
