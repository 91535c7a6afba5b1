"""Playwright, WebdriverIO and Selenium with what examples/browser-tests has for each, unchanged: every one of them starts keyfob itself.

Where there is no kernel for them the keys are plugged in by `plugged`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bus
import programs
from browser import Browser
from drivers import driver_at
from keyfob import Keyfob
from report import seconds

TESTS = Path(__file__).resolve().parents[2]
EXAMPLES = TESTS.parent / "examples/browser-tests"
PLUGGED = TESTS / "browser/plugged"
CLIENT = TESTS.parent / "clients/python/src"

pytestmark = pytest.mark.skipif("KEYFOB_NO_TOOLS" in os.environ, reason=os.environ.get("KEYFOB_NO_TOOLS", ""))


# What tests of virtual authenticators do not find in a place.
_ERRORS = {"an authenticator that was removed is gone", "a U2F key takes no passkey"}
MISSING = {"geckodriver": _ERRORS}


def _runs(*command, **environment):
    """All tests of a tool pass."""
    ended = _ended(*command, **environment)
    assert ended.returncode == 0, ended.stdout


def _failures(*command, **environment):
    """The names of the tests of a tool that do not pass."""
    said = _ended(*command, NO_COLOR=1, **environment).stdout
    marked = re.findall(r"([✔✓✖]) (.+?)(?: \([\d.]+ ?ms\))?$", said, re.MULTILINE)
    assert len({name for _, name in marked}) >= 9, said
    return {name for mark, name in marked if mark == "✖"} - {"failing tests:"}, said


def _ended(*command, **environment):
    places = {"KEYFOB": Keyfob.program if bus.is_kernel() else PLUGGED, "KEYFOB_PROGRAM": Keyfob.program, "ARTEFACTS": Browser.artefacts}
    return subprocess.run(
        [str(word) for word in command],
        cwd=EXAMPLES,
        env=os.environ | {name: str(value) for name, value in (places | environment).items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds(120),
    )


def playwright_has_a_key_for_each_test_and_passkeys_go_to_it_and_back():
    _runs("npx", "playwright", "test", "--config", "playwright/playwright.config.mjs")


def webdriverio_has_keys_by_a_service():
    _runs("npx", "wdio", "run", "webdriverio/wdio.conf.mjs")


def selenium_in_javascript_has_keys_by_a_proxy():
    _runs("node", "--test", "selenium/passkeys.test.mjs")


def selenium_in_python_has_keys_by_a_fixture():
    plugin = ["-c", "/dev/null", "-p", "no:cacheprovider", "-p", "keyfob.pytest_plugin"]
    options = ["--rootdir", ".", "--keyfob-program", PLUGGED, "selenium/test_passkeys.py"]
    _runs(sys.executable, "-B", "-m", "pytest", *plugin, *options, PYTHONPATH=CLIENT)


# The same tests, against a driver and against keyfob before it.
BOTH = {
    "selenium": ["node", "--test", "--test-reporter=spec", "selenium/virtual-authenticators.test.mjs"],
    "webdriverio": ["npx", "wdio", "run", "webdriverio/either.conf.mjs"],
}


@pytest.mark.parametrize("tool", BOTH)
def tests_of_virtual_authenticators_find_the_same_in_both_places(tool, place):
    with driver_at(place) as (address, capabilities):
        failed, said = _failures(*BOTH[tool], DRIVER=address, CAPABILITIES=json.dumps(capabilities), PATIENCE=programs.PATIENCE)
    assert failed == MISSING.get(place, set()), said
