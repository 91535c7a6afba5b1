"""Keys on smart card readers: what the kernel, pcscd and libccid make of them."""

import json
import re
import socket
import time
from contextlib import contextmanager

import kernel
from keyfob import Keyfob
from libfido2 import Device
from pcsc import Reader, pcscd
from places import needs_kernel
from programs import PATIENCE, in_a_file, run
from python_fido2 import Platform
from report import measured

pytestmark = needs_kernel


def a_card_is_in_its_reader_as_soon_as_it_is_laid_on_and_registers():
    with Keyfob("attach", "--nfc", "--away") as key, pcscd(key):
        reader = Reader()
        reader.await_card(present=False)
        taps = [_seconds_to_notice(key, reader) for _ in range(3)]  # a machine that is emulated stalls now and then
        measured("card laid on to card in the reader", min(taps), "s", at_most=0.1)
        _say(key, "lay_on")
        reader.await_card()
        device = reader.opened()
        assert "nfc" in Platform(device).ctap.info.transports
        Platform(device).register()
        device.close()
        _say(key, "take_off")
        reader.await_card(present=False)
        _say(key, "lay_on")
        reader.await_card()
        device = reader.opened()
        Platform(device).register()
        device.close()


def a_key_that_is_a_smart_card_too_has_both_drivers_at_once():
    kind = in_a_file('extends = "default"', 'transports = ["usb", "smart-card"]')
    with Keyfob("attach", "--profile", kind, "--touch", "auto") as key:
        device = Device(kernel.await_node())
        with pcscd(key):
            reader = Reader()
            assert reader.name in run("opensc-tool", "-l").must_succeed()
            assert device.node in run("fido2-token", "-L").must_succeed()
            card = reader.opened()
            made = Platform(card).register()
            device.sign(device.register())
            Platform(card).sign(made.auth_data.credential_data)
            card.close()
        assert {"bInterfaceClass 3 Human Interface Device", "bInterfaceClass 11 Chip/SmartCard"} <= _described()


def debians_libfido2_uses_a_key_by_the_kernels_own_nfc():
    with Keyfob("attach", "--nfc", "pn533", "--away") as key:
        device = Device(re.search(r"nfc:\S+", key.said)[0])
        assert device.node not in run("fido2-token", "-L").must_succeed()
        _say(key, "lay_on")
        _patiently(lambda: _is_listed(device))
        assert "nfc" in _patiently(device.information)
        credential = _patiently(device.register)  # each tool gives the card power anew, and so a tap to spend
        _patiently(lambda: device.sign(credential))
        _say(key, "take_off")
        device.token("-I").must_fail_with("fido_dev_open")


def _is_listed(device):
    assert device.node in run("fido2-token", "-L").must_succeed()


def _patiently(use):
    """libfido2 gives the kernel a fixed time to find a card, and a busy machine that is emulated may need more: it is asked again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return use()
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def _described():
    """Lines of what lsusb makes of the descriptors."""
    return {" ".join(line.split()) for line in run("lsusb", "-v", "-d", "1209:0005").must_succeed().splitlines()}


def _seconds_to_notice(key, reader):
    """From a card's being laid on until a program hears of it; at the end it is taken off."""
    with _saying(key, "lay_on") as laid_on:
        noticed = reader.await_card()
    _say(key, "take_off")
    reader.await_card(present=False)
    return noticed - laid_on


def _say(key, word):
    with _saying(key, word):
        pass


@contextmanager
def _saying(key, word):
    """Moves the card, and tells when it began to. The key's answer, that its reader has it, is heard at the end."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(f"{key.home}/keyfob/control")
        begun = time.monotonic()
        control.sendall(json.dumps({"do": word}).encode() + b"\n")
        yield begun
        assert b"done" in control.recv(4096)
