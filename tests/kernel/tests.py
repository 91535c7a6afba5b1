#!/usr/bin/python3
"""Foreign clients against keyfob, on the kernel that is running: Debian's USB/IP tool and libfido2, and python-fido2.

tests/kernel/tests.py KEYFOB [WORD...]    needs root; `run` chooses a kernel and a Python that has python-fido2
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version

import kernel
import libfido2
from keyfob import Keyfob
from report import run_tests

THEMES = [
    "plugging",
    "information",
    "pin",
    "credentials",
    "protection",
    "hmac_secret",
    "management",
    "settings",
    "fingerprints",
    "u2f",
    "webauthn",
    "version_2_3",
    "touch",
    "reset",
    "conformance",
    "cost",
    "log",  # last: what the kernel thought of all this
]


def print_versions():
    release = os.uname().release
    print(f"Linux {release}, libfido2 {libfido2.version()}, python-fido2 {version('fido2')}", flush=True)


if __name__ == "__main__":
    Keyfob.program, *words = sys.argv[1:]
    kernel.load_modules()
    kernel.mark_log()
    print_versions()
    sys.exit(run_tests([import_module(f"themes.{theme}") for theme in THEMES], words) != 0)
