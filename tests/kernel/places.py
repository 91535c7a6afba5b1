"""Where a test runs: marks for pytest.

A test without a mark judges the key. Where the kernel is emulated, such a test runs over USB/IP alone: natively, and so ten
to thirty times as fast. Where a real kernel is at hand, it runs there as well.
"""

import os

import pytest

MARKS = {
    "kernel": "about what the kernel, udev or the device node make of the key",
    "real": "about the same, but too long where the kernel is emulated; a stage that runs natively proves it there",
    "long": "minutes wherever it runs: only who says --all has it",
    "both": "one of its kind, the proof that both ways agree: runs with an emulated kernel, too",
}
needs_kernel = pytest.mark.kernel
needs_real_kernel = pytest.mark.real
takes_long = pytest.mark.long
on_both = pytest.mark.both


def runs_here(marks, has_kernel, has_time):
    """Whether a test with these marks runs, on the bus that there is, with all the time in the world or without."""
    if not has_kernel and marks & {"kernel", "real"}:
        return False
    if has_time or "long" in marks:
        return has_time
    return not has_kernel or not is_emulated() or bool(marks & {"kernel", "both"})


def is_emulated():
    """Whether the processor is emulated, so that all takes ten to thirty times as long."""
    return "KEYFOB_EMULATED" in os.environ
