"""The conformance suite by each way in which a kernel has a part: the same cases that run in simulated time.

An emulated machine takes a quarter of an hour and more for each way and kind of key, because the key is plugged in hundreds of
times. So what always runs are a few cases, those in which most depends on the way. What is behind the bridge is judged natively, in
`tests/nfc`.
"""

import re
import subprocess
from contextlib import contextmanager

import pytest

import kernel
from card_reader import card_reader
from keyfob import Keyfob
from pcsc import Reader, pcscd
from places import needs_kernel, needs_real_kernel, takes_long
from report import note, seconds

KINDS = "default", "bio", "fido2.0"
OTHER_KINDS = "fido2.1", "everything", "u2f-only"
WAYS = "uhid", "reader", "bridge", "bridge-uhid"  # beside the bus
PATIENCE = seconds(240)

# Words in the ids of the cases.
A_FEW = [
    ("bus", "default", "hd-init"),
    ("bus", "u2f-only", "uf-version uf-wrong"),
    ("uhid", "bio", "hd-init hd-busy hd-cancel hd-ping"),
    ("reader", "default", "nf-"),
]
# A real kernel takes a minute or two for each. By the other ways nothing else is judged that depends on the kind of key.
WHOLE = [pytest.param("bus", kind, marks=needs_real_kernel) for kind in (*KINDS, *OTHER_KINDS)] + [
    pytest.param(way, kind, marks=[needs_kernel, takes_long]) for way in WAYS for kind in KINDS
]


@needs_kernel
@pytest.mark.parametrize("way, kind, words", [pytest.param(*few, id="-".join(few[:2])) for few in A_FEW])
def a_key_passes_the_cases_in_which_most_depends_on_the_way(way, kind, words):
    _passes(way, kind, words.split())


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("way, kind", WHOLE)
def a_key_passes_the_whole_suite(way, kind):
    _passes(way, kind)


def _passes(way, kind, words=()):
    filters = [option for word in words for option in ("--filter", word)]
    with _key(way, kind) as (key, *device):
        command = [key.program, "conform", "--yes-erase-this-key", "--device", *device, *filters]
        judged = subprocess.run(
            command, env=key.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    passed = int(re.search(r"(\d+) passed, 0 failed", judged.stdout)[1])
    note(f"cases of {kind} by way of {way}", judged.stdout.splitlines()[-1])
    assert passed > 10, judged.stdout


@contextmanager
def _key(way, kind):
    """A key of this kind, and what the suite is told of it: where it is, and how it is unplugged if its keyfob is not asked."""
    kind = "--profile", kind
    if way == "reader":
        with Keyfob("attach", "--nfc", "--touch", "auto", *kind) as key, pcscd(key):
            yield key, f"pcsc:{Reader().name}"
    elif way.startswith("bridge"):
        with card_reader() as reader, reader.card(*kind, touch="auto") as card:
            reader.await_card()
            with Keyfob("bridge", *_by_uhid(way)):
                yield card, kernel.await_node(), "--power-cycle-cmd", f"{card.program} replug"
    else:
        with Keyfob("attach", *_by_uhid(way), *kind) as key:
            yield key, kernel.await_node()


def _by_uhid(way):
    return ["--uhid"] if way.endswith("uhid") else []
