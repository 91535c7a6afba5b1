"""Where a test runs: marks for pytest.

A test without a mark judges the key. Where the kernel is emulated, such a test runs over USB/IP alone: natively, and so ten
to thirty times as fast. Where a real kernel is at hand, it runs there as well.
"""

import os

import pytest

MARKS = {
    "kernel": "about what the kernel, udev or the device node make of the key",
    "both": "one of its kind, the proof that both ways agree: runs with an emulated kernel, too",
}
needs_kernel = pytest.mark.kernel
on_both = pytest.mark.both


def is_emulated():
    """Whether the processor is emulated, so that all takes ten to thirty times as long."""
    return "KEYFOB_EMULATED" in os.environ
