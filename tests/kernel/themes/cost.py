"""What a key costs: time and memory."""

import time

from phrases import attach, serve
from places import needs_kernel
from report import measured

pytestmark = needs_kernel


def an_attached_open_and_idle_key_uses_no_processor_time():
    with serve() as key, open(attach().node, "rb"):
        before = key.processor_seconds()
        time.sleep(10)
        measured("processor time in 10 s of idling", key.processor_seconds() - before, "s", at_most=0)


def a_key_in_use_stays_small():
    with serve() as key:
        device = attach()
        device.sign(device.register())
        measured("memory of its own after a ceremony", key.memory_of_its_own() / 1024, "MiB", at_most=4)
