"""What a key costs: time and memory."""

import shutil
import time
from contextlib import contextmanager

import kernel
from keyfob import Keyfob
from libfido2 import Device
from phrases import attach, serve
from places import needs_kernel
from programs import ended, run
from report import measured

pytestmark = needs_kernel


def an_attached_open_and_idle_key_uses_no_processor_time():
    with serve() as key, open(attach().node, "rb"), _another_one_on_uhid() as other:
        before, others = key.processor_seconds(), other.processor_seconds()
        time.sleep(10)
        measured("processor time in 10 s of idling", key.processor_seconds() - before, "s", at_most=0)
        measured("the same on uhid", other.processor_seconds() - others, "s", at_most=0)


@contextmanager
def _another_one_on_uhid():
    """It is open, too, and has done what it does first. What is there before stays."""
    there = set(kernel.nodes())
    key = Keyfob("attach", "--uhid")
    try:
        (node,) = set(kernel.nodes()) - there
        Device(node).information()
        with open(node, "rb"):
            run("udevadm", "settle").must_succeed()  # and so is the key with being opened
            yield key
    finally:
        key.process.terminate()
        ended(key.process)
        shutil.rmtree(key.home)


def a_key_in_use_stays_small():
    with serve() as key:
        device = attach()
        device.sign(device.register())
        measured("memory of its own after a ceremony", key.memory_of_its_own() / 1024, "MiB", at_most=4)
