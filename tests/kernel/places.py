"""Where a test runs: marks for pytest.

A test without a mark judges the key. Where the kernel is emulated, such a test runs over USB/IP alone: natively, and so ten
to thirty times as fast. Where a real kernel is at hand, it runs there as well.
"""

import os

import pytest

MARKS = {
    "kernel": "about what the kernel, udev or the device node make of the key",
    "real": "about the same, but too long where the kernel is emulated; a stage that runs natively proves it there",
    "both": "one of its kind, the proof that both ways agree: runs with an emulated kernel, too",
}
needs_kernel = pytest.mark.kernel
needs_real_kernel = pytest.mark.real
on_both = pytest.mark.both


def runs_here(marks, has_kernel):
    """Whether a test with these marks runs, on the bus that there is."""
    if not has_kernel:
        return not marks & {"kernel", "real"}
    return not is_emulated() or bool(marks & {"kernel", "both"})


def is_emulated():
    """Whether the processor is emulated, so that all takes ten to thirty times as long."""
    return "KEYFOB_EMULATED" in os.environ
