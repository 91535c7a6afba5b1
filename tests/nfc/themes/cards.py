"""A key as a card on a reader: real pcscd, real clients."""

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

import bus
from card_reader import CardReader
from keyfob import Keyfob
from libfido2 import Device
from phrases import PIN, USER_PRESENT, USER_VERIFIED
from programs import ended, run, start
from report import note

HERE = Path(__file__).parents[1]
DEVICE = "--device", "pcsc:"


@contextmanager
def card_on_a_reader(*options, touch="ask"):
    """The key, and the reader it lies on."""
    with CardReader() as reader, reader.card(*options, touch=touch) as card:
        reader.await_card()
        yield card, reader


@pytest.mark.parametrize(
    "version, mode",
    [("0.9.1", ""), ("1.2.0", ""), ("2.2.1", ""), ("2.2.1", "extended"), ("2.2.1", "unpolled")],
)
def python_fido2_registers_signs_in_and_looks_after_a_card(version, mode):
    with card_on_a_reader():
        python = subprocess.run([HERE / "pythons", version], check=True, capture_output=True, text=True).stdout.strip()
        imported = run(python, "-c", "import fido2.pcsc")
        if "PCSCContext" in imported.errors:
            pytest.skip(f"python-fido2 {version} cannot be imported with this system's pyscard")
        seen = json.loads(run(python, str(HERE / "life.py"), mode).must_succeed())
    note(f"a registration by python-fido2 {version} {mode}", seen.pop("registration"))
    present_and_verified = USER_PRESENT | USER_VERIFIED
    assert seen == {"flags": present_and_verified, "listed": ["Alice"], "blob": True, "u2f": True}


def a_tap_lays_the_card_on_the_reader_and_takes_it_off():
    with CardReader() as reader, reader.card("--away") as card:
        reader.await_card(there=False)
        tap = start(card.program, "tap", "--for", "2s", environment=card.environment)
        reader.await_card()
        ended(tap).must_succeed()
        reader.await_card(there=False)


def a_card_that_is_taken_away_in_the_middle_is_told_and_comes_back_whole():
    with card_on_a_reader("--profile", "bio") as (card, reader):
        run(card.program, "pin", "set", *DEVICE, typed=f"{PIN}\n{PIN}\n", environment=card.environment).must_succeed()
        enrolling = start(card.program, "fingerprints", "add", "thumb", *DEVICE, typed=f"{PIN}\n", environment=card.environment)
        card.type("wait").must_succeed()
        card.type("tap", "--off").must_succeed()
        ended(enrolling).must_fail_with("next:")
        card.type("tap", "--on").must_succeed()
        reader.await_card()
        assert "PIN" in card.type("info", *DEVICE).must_succeed()


def libfido2_uses_a_card_through_the_bridge():
    with card_on_a_reader() as (card, _), Keyfob("bridge"):
        bus.attach()
        device = Device(bus.await_node())
        device.set_pin(PIN)
        credential = device.register(pin=PIN)
        card.type("tap").must_succeed()  # a touch for each
        device.sign(credential, pin=PIN)
