#!/usr/bin/python3
"""Chromium and Firefox with a keyfob key, on the kernel that is running.

tests/browser/tests.py KEYFOB SITE ARTEFACTS [WORD...]    needs root; `run` chooses a kernel and a Python
"""

import os
import resource
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "kernel"))

import programs  # noqa: E402  the modules of tests/kernel, which the line above lets us reach
import kernel  # noqa: E402
import report  # noqa: E402
from keyfob import Keyfob  # noqa: E402

from browser import Browser  # noqa: E402
from website import SecurityInfo  # noqa: E402

THEMES = ["in_chromium", "in_firefox"]


def print_versions():
    versions = [programs.run(program, "--version").output.strip() for program in ("chromium", "firefox-esr")]
    print(f"Linux {os.uname().release}, {', '.join(versions)}", flush=True)


if __name__ == "__main__":
    Keyfob.program, SecurityInfo.program, artefacts, *words = sys.argv[1:]
    Browser.artefacts = Path(artefacts)
    programs.PATIENCE = 300  # an emulated processor takes minutes to start a browser
    report.TIME_LIMIT = 900
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))  # Chromium gives up with fewer files
    kernel.load_modules()
    print_versions()
    failed = report.run_tests([import_module(f"themes.{theme}") for theme in THEMES], words)
    Browser.end_all()
    sys.exit(failed != 0)
