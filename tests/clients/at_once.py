"""Two programs that want the same key at the same time."""

import glob
import os
from contextlib import suppress

from machine import plugged_in
from phrases import touched
from places import needs_kernel
from programs import ended, eventually, start
from openssh import Person

pytestmark = needs_kernel  # libfido2 locks the device node


def who_comes_second_waits_until_the_first_has_its_touch():
    with plugged_in() as (key, device), Person() as person:
        first = person.begins("ssh-keygen", "-t", "ed25519-sk", "-f", f"{person.home}/id", "-N", "")
        key.type("wait").must_succeed()
        second = start("fido2-token", "-I", device.node)  # waits for libfido2's lock on the device node
        eventually("the second has the key open, too", lambda: _has_open(second, device.node))
        assert first.poll() is None and second.poll() is None
        touched(key, first, "").must_succeed()
        assert "FIDO_2_1" in ended(second).must_succeed()


def who_does_not_wait_is_told_that_the_key_is_busy_and_disturbs_nobody():
    with plugged_in() as (key, device), Person() as person:
        first = person.begins("ssh-keygen", "-t", "ed25519-sk", "-f", f"{person.home}/id", "-N", "")
        key.type("wait").must_succeed()
        key.type("info", "--device", device.node).must_fail_with("busy")
        touched(key, first, "").must_succeed()
        key.type("info", "--device", device.node).must_succeed()


def two_that_wait_for_a_touch_get_one_each():
    with plugged_in() as (key, _), Person() as one, Person() as other:
        makers = [p.begins("ssh-keygen", "-t", "ecdsa-sk", "-f", f"{p.home}/id", "-N", "") for p in (one, other)]
        for _ in makers:
            key.type("wait").must_succeed()
            key.type("touch").must_succeed()
        for maker in makers:
            ended(maker).must_succeed()


def _has_open(process, node):
    """Whether a program has a file open at this moment."""
    return node in map(_target, glob.glob(f"/proc/{process.pid}/fd/*"))


def _target(link):
    """Where it leads; None if the file was closed meanwhile."""
    with suppress(FileNotFoundError):
        return os.readlink(link)
