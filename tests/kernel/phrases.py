"""Phrases that the tests' sentences share."""

import kernel
from keyfob import Keyfob
from libfido2 import Device
from programs import ended

PIN = "correct horse"
USER_PRESENT, USER_VERIFIED = 0x01, 0x04


def serve(*options, touch="auto", keep=False):
    """A key that waits for `usbip attach`."""
    return Keyfob("serve", "--touch", touch, *options, keep=keep)


def attach():
    kernel.attach()
    return Device(kernel.await_node())


def power_cycle():
    kernel.detach()
    return attach()


def registration_that_waits(key, device):
    """A registration under way, at the moment when the key asks for a touch."""
    client = device.begin_to_register()
    key.type("wait").must_succeed()
    return client


def touched(key, client, *touches):
    """What became of a client in the background, after a person answered each of the key's questions."""
    for touch in touches:
        key.type("wait").must_succeed()
        key.type("touch", *touch.split()).must_succeed()
    return ended(client)
