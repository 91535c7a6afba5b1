"""What a key and its hosts say to each other, recorded: read by Wireshark, shown, and played again."""

import json
import os
import signal
import stat
from pathlib import Path

import bus
from libfido2 import Device
from phrases import PIN, attach, plugged_in, serve
from programs import eventually, run

SECRETS = {"newPinEnc", "pinHashEnc", "pinUvAuthParam", "pinUvAuthToken"}


def wireshark_shows_what_was_said_and_no_pin(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with serve("--record", file):
        device = attach()
        device.set_pin(PIN)
        device.register(site="example.org", user="Ada", options="-v", pin=PIN)
        device.refuses_to_register("FIDO_ERR_PIN_INVALID", "-v", pin="wrong guess")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert PIN.encode() not in Path(file).read_bytes()
    packets = _by_tshark(file, "frame.protocols", "frame.comment")
    protocols, comments = zip(*packets)
    assert protocols.count("usb:usbhid") > 20, "reports, known by the descriptors that come first"
    assert not any("malformed" in names for names in protocols)
    for words in [
        "authenticatorGetInfo",
        'versions ["',
        "authenticatorClientPIN subCommand setPIN",
        'authenticatorMakeCredential rp "example.org", user "Ada"',
        "CTAP2_ERR_PIN_INVALID",
        "CTAP2_OK fmt",
    ]:
        assert any(words in comment for comment in comments), words


def a_trace_names_every_member_and_tells_what_was_left_out(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with serve("--record", file) as key:
        device = attach()
        device.set_pin(PIN)
        device.register(options="-v", pin=PIN)

        _await_an_answer(key, file)
    steps = _trace(key, file)
    told = [step["members"] for step in steps if step.get("members")]
    secrets = {name: value for members in told for name, value in members.items() if name in SECRETS}
    assert set(secrets) == SECRETS
    assert all(value.endswith("bytes left out") for value in secrets.values()), secrets
    with_members = run(key.program, "-v", "trace", file, environment=key.environment).must_succeed()
    assert "pinUvAuthProtocol: 2" in with_members and "rpIdHash: h'" in with_members


def a_recording_is_whole_up_to_the_moment_when_the_key_was_killed_and_goes_on(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with serve("--record", file) as key:
        attach().information()
        _await_an_answer(key, file)
        key.end(signal.SIGKILL)
    first = _trace(key, file)
    assert any(step["name"] == "CTAP2_OK" for step in first)
    Path(file).write_bytes(Path(file).read_bytes()[:-3])
    with serve("--record", file) as key:
        attach().information()
    both = _trace(key, file)
    assert [step["name"] for step in both].count("plugged in") == 2
    assert len(_by_tshark(file, "frame.protocols")) > len(both)


def a_key_is_recorded_by_the_command_that_plugs_it_in(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with plugged_in("--touch", "auto", "--record", file) as key:
        Device(bus.await_node()).information()
        _await_an_answer(key, file)
    names = [step["name"] for step in _trace(key, file)]
    assert names.count("plugged in") == 1 and "authenticatorGetInfo" in names


def the_same_key_answers_a_recording_in_the_same_way_and_another_kind_does_not(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with serve("--record", file):
        device = attach()
        device.information()
        device.register(options="-r")
    with serve() as key:
        replayed = key.type("replay", file)
        replayed.must_succeed()
        assert " 0 different" in replayed.errors
    with serve("--profile", "fido2.0") as key:
        replayed = key.type("replay", file)
        replayed.must_fail_with("differently")
        assert "versions had" in replayed.output, replayed.output


def a_key_with_the_same_seed_repeats_a_recording_with_its_secrets_byte_by_byte(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with serve("--seed", "again", "--record", file, "--record-secrets"):
        device = attach()
        device.set_pin(PIN)
        device.register(options="-r -v", pin=PIN)
        device.refuses_to_register("FIDO_ERR_PIN_INVALID", "-v", pin="wrong guess")
    with serve("--seed", "again") as key:
        replayed = key.type("replay", "--exactly", file)
        replayed.must_succeed()
        assert " 0 different, 0 not sent" in replayed.errors


def _await_an_answer(key, file):
    """Until the thread that writes the recording has written an answer: the key does not wait for it, and a busy machine may."""

    def is_told():
        told = key.type("trace", file).must_succeed()
        return "plugged in" in told and "> authenticatorGetInfo" in told and "< CTAP2_OK" in told

    eventually("the file has what was said while it is recorded", is_told)


def _trace(key, file):
    printed = run(key.program, "trace", "--json", file, environment=key.environment).must_succeed()
    return [json.loads(line) for line in printed.splitlines()]


def _by_tshark(file, *fields):
    """These fields of every packet, by a Wireshark that knows nothing of keys."""
    asked = [word for field in fields for word in ("-e", field)]
    printed = run("tshark", "-r", file, "-T", "fields", *asked, environment={"PATH": "/usr/bin", "HOME": os.path.dirname(file)})
    return [(line + "\t" * len(fields)).split("\t")[: len(fields)] for line in printed.must_succeed().splitlines()]
