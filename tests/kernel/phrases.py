"""Phrases that the tests' sentences share."""

import bus
from keyfob import Keyfob
from libfido2 import Device
from programs import ended, run

PIN = "correct horse"
USER_PRESENT, USER_VERIFIED = 0x01, 0x04


def serve(*options, touch="auto", keep=False):
    """A key that waits to be attached."""
    return Keyfob("serve", "--touch", touch, *options, keep=keep)


def plugged_in(*options, keys=1):
    """Keys that are there: as `keyfob attach` plugs them in or, without a kernel, served and imported."""
    options = *options, "--keys", str(keys)
    if bus.is_kernel():
        return Keyfob("attach", *options)
    key = Keyfob("serve", *options)
    for number in range(1, keys + 1):
        bus.attach(f"1-{number}")
    return key


def set_pin(key, device):
    run(key.program, "pin", "set", "--device", device, typed=f"{PIN}\n{PIN}\n", environment=key.environment).must_succeed()


def attach():
    bus.attach()
    return Device(bus.await_node())


def power_cycle():
    bus.detach()
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
