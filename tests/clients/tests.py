#!/usr/bin/python3
"""Real programs with a keyfob key, on the kernel that is running.

tests/clients/tests.py KEYFOB CACHE [WORD...]    needs root and a mount namespace of its own; `run` sees to both
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "kernel"))

import kernel  # noqa: E402  the modules of tests/kernel, which the line above lets us reach
import libfido2  # noqa: E402
import report  # noqa: E402
from keyfob import Keyfob  # noqa: E402
from programs import run  # noqa: E402

import machine  # noqa: E402

THEMES = ["ssh", "login", "disk", "at_once", "foreign_tests"]
VERSIONS = [
    ["ssh", "-V"],
    ["dpkg-query", "-W", "libpam-u2f", "pamu2fcfg", "pamtester", "vlock"],
    ["systemd-cryptenroll", "--version"],
    ["cryptsetup", "--version"],
]


def print_versions():
    print(f"Linux {os.uname().release}, libfido2 {libfido2.version()}, python-fido2 {version('fido2')}")
    for command in VERSIONS:
        told = run(*command)
        for line in (told.output or told.errors).splitlines():
            if not line.startswith(("+", " ")):  # systemd lists all that it was built with
                print("    ", line.replace("\t", " "))
    sys.stdout.flush()


if __name__ == "__main__":
    Keyfob.program, machine.CACHE, *words = sys.argv[1:]
    report.TIME_LIMIT = 1200  # another project's suite is one test here
    kernel.load_modules()
    machine.make_private()
    print_versions()
    sys.exit(report.run_tests([import_module(theme) for theme in THEMES], words) != 0)
