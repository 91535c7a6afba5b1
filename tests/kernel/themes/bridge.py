"""`keyfob bridge` on a kernel: a key on a reader is one in a USB port, for programs that know no other."""

import pytest

import kernel
from card_reader import card_reader
from keyfob import Keyfob
from libfido2 import Device
from places import needs_kernel
from programs import run

pytestmark = needs_kernel


@pytest.mark.parametrize("options", [(), ("--uhid",)], ids=["bus", "uhid"])
def libfido2_finds_a_card_behind_it_registers_and_signs(options):
    with card_reader() as reader, reader.card() as card:
        reader.await_card()
        with Keyfob("bridge", *options):
            device = Device(kernel.await_node())
            assert device.node in run("fido2-token", "-L").must_succeed()
            assert "FIDO_2_" in device.information()
            credential = device.register()
            card.type("tap").must_succeed()  # a touch for each
            device.sign(credential)
