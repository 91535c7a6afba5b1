"""OpenSSH with keys that the security key keeps. docs/ssh.md has the same commands for people."""

import os
from pathlib import Path

from machine import plugged_in, write
from openssh import Person, Server
from phrases import PIN, touched
from places import on_both
from programs import ended, run

KINDS = ("ed25519-sk", "ecdsa-sk")


def a_key_of_each_kind_is_made_with_a_touch_and_logs_in_with_a_touch():
    with plugged_in() as (key, _), Server() as server, Person() as person:
        for kind in KINDS:
            file = person.makes_a_key(key, kind)
            server.accepts(file)
            touched(key, person.begins_to_log_in(server, file), "").must_succeed()


def a_login_that_is_denied_is_refused():
    with plugged_in() as (key, _), Server() as server, Person() as person:
        file = person.makes_a_key(key)
        server.accepts(file)
        login = person.begins_to_log_in(server, file)
        key.type("wait").must_succeed()
        key.type("deny").must_succeed()
        ended(login).must_fail_with("Permission denied")


def a_login_without_the_key_is_refused():
    with Server() as server, Person() as person:
        with plugged_in() as (key, _):
            file = person.makes_a_key(key)
        server.accepts(file)
        ended(person.begins_to_log_in(server, file)).must_fail_with("Permission denied")


def a_key_that_demands_verification_asks_for_the_pin_at_each_login():
    with plugged_in() as (key, device), Server() as server, Person() as person:
        device.set_pin(PIN)
        for kind in KINDS:
            file = person.makes_a_key(key, kind, "-O", "verify-required")
            server.accepts(file, options="verify-required ")
            touched(key, person.begins_to_log_in(server, file), "").must_succeed()
            assert len(person.asked_for(f"PIN for {kind.upper()} key")) == 1, person.asked_for("")
        person.thinks_that_the_pin_is("not that one")
        ended(person.begins_to_log_in(server, file)).must_fail_with("Permission denied")
        assert device.pin_retries() < 8


def a_server_that_demands_verification_refuses_a_touch_alone():
    with plugged_in() as (key, device), Server() as server, Person() as person:
        device.set_pin(PIN)
        file = person.makes_a_key(key)
        server.accepts(file, options="verify-required ")
        touched(key, person.begins_to_log_in(server, file), "").must_fail_with("Permission denied")


def resident_keys_are_downloaded_on_another_computer_and_log_in_there():
    with plugged_in() as (key, device), Server() as server, Person() as person, Person() as elsewhere:
        device.set_pin(PIN)
        resident = [["-O", "resident", "-O", f"application=ssh:{kind}"] for kind in KINDS]
        made = [person.makes_a_key(key, kind, *options) for kind, options in zip(KINDS, resident, strict=True)]
        server.accepts(*made)
        files = elsewhere.downloads_keys()
        names = ["id_ecdsa_sk_rk_ecdsa-sk", "id_ed25519_sk_rk_ed25519-sk"]
        assert [Path(file).name for file in files] == names, files
        for file in files:
            touched(key, elsewhere.begins_to_log_in(server, file), "").must_succeed()


def a_resident_key_that_demands_verification_does_so_after_the_download_too():
    with plugged_in() as (key, device), Server() as server, Person() as person, Person() as elsewhere:
        device.set_pin(PIN)
        file = person.makes_a_key(key, "ed25519-sk", "-O", "resident", "-O", "verify-required")
        server.accepts(file, options="verify-required ")
        (file,) = elsewhere.downloads_keys()
        touched(key, elsewhere.begins_to_log_in(server, file), "").must_succeed()
        assert len(elsewhere.asked_for("PIN for ED25519-SK key")) == 1, elsewhere.asked_for("")


def a_key_that_needs_no_touch_logs_in_without_one_where_the_server_allows_it():
    with plugged_in() as (key, _), Server() as server, Person() as person:
        file = person.makes_a_key(key, "ed25519-sk", "-O", "no-touch-required")
        server.accepts(file, options="no-touch-required ")
        ended(person.begins_to_log_in(server, file)).must_succeed()
        server.accepts(file)
        ended(person.begins_to_log_in(server, file)).must_fail_with("Permission denied")


def a_file_is_signed_and_everybody_can_verify_it():
    with plugged_in() as (key, _), Person() as person:
        file = person.makes_a_key(key)
        letter = write(f"{person.home}/letter", "a commit, a release, a letter\n")
        touched(key, person.begins("ssh-keygen", "-Y", "sign", "-f", file, "-n", "file", letter), "").must_succeed()
        signers = write(f"{person.home}/signers", f"ada@example.com {Path(f'{file}.pub').read_text('utf-8')}")
        whose = ["-f", signers, "-I", "ada@example.com", "-n", "file", "-s", f"{letter}.sig"]
        run("ssh-keygen", "-Y", "verify", *whose, typed=Path(letter).read_text("utf-8")).must_succeed()
        run("ssh-keygen", "-Y", "verify", *whose, typed="another letter").must_fail_with("incorrect signature")


@on_both
def the_agent_asks_for_the_touch_on_behalf_of_its_clients():
    with plugged_in() as (key, _), Server() as server, Person() as person:
        file = person.makes_a_key(key)
        server.accepts(file)
        person.starts_an_agent()
        run("ssh-add", file, environment=person.environment).must_succeed()
        os.remove(file)
        touched(key, person.begins_to_log_in(server, f"{file}.pub"), "").must_succeed()
