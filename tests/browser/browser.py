"""What Chromium and Firefox have in common: a page, and the browser's own prompts above it."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

import programs


def patiently(what, condition):
    """Wait for something that a browser brings about. Asking is work for it too: it is left alone twice as long."""
    deadline = time.monotonic() + programs.PATIENCE
    asked = time.monotonic()
    while not _holds(condition):
        now = time.monotonic()
        assert now < deadline, f"not within {programs.PATIENCE} s: {what}"
        time.sleep(max(0.2, 2 * (now - asked)))
        asked = time.monotonic()


def _holds(condition):
    try:
        return condition()
    except Refused:
        return False  # a page or a prompt is just being replaced by the next one


class Impossible(Exception):
    """What is installed cannot do what the tests are about; the text says what can."""


class Refused(Exception):
    """The browser did not carry out a command of ours."""


class Browser(ABC):
    """A running browser without a window. It is started once, when the first test wants it."""

    newest_profile = "default"  # the kind of key that it knows
    artefacts = Path()  # where screenshots and the browsers' own words go; set once, at the start
    _running = {}
    _impossible = {}  # why a browser cannot be tested

    def __init__(self):
        self.profile = Path(tempfile.mkdtemp(prefix="keyfob-browser-")) / "profile"
        self.profile.mkdir()

    @classmethod
    def running(cls):
        if cls not in Browser._impossible and cls not in Browser._running:
            Browser.end_all()  # two of them are too much for an emulated machine
            cls._start_one()
        if cls in Browser._impossible:
            pytest.skip(Browser._impossible[cls])
        return Browser._running[cls]

    @classmethod
    def _start_one(cls):
        browser = cls()
        try:
            browser.connect()
            Browser._running[cls] = browser
        except Impossible as reason:
            Browser._impossible[cls] = str(reason)
        finally:
            if cls not in Browser._running:
                browser.end()  # half started, it would slow the next one down

    @classmethod
    def end_all(cls):
        while cls._running:
            cls._running.popitem()[1].end()

    @abstractmethod
    def connect(self):
        """Reach what drives the browser, once it is up."""

    # ---- The page ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def go(self, address):
        """Have the page at an address loaded. The one before it may still be there afterwards."""

    @abstractmethod
    def evaluate(self, expression):
        """The value of an expression in the page, as JSON has it."""

    @abstractmethod
    def click(self, element):
        """Click what a CSS selector finds, once it is there."""

    @abstractmethod
    def fill(self, element, text):
        """Type a text into an empty field."""

    @abstractmethod
    def screenshot(self, name):
        """Keep a picture of the page."""

    def open(self, address):
        """Go to an address and wait until the page is there. The one before bears a mark: its address may be the same."""
        self.evaluate("document.documentElement.dataset.isLeft = true")
        self.go(address)
        is_new = "!document.documentElement.dataset.isLeft && document.readyState == 'complete'"
        self.awaited(f"{is_new} && location.href.startsWith({json.dumps(address)})")

    def awaited(self, expression):
        """The value of an expression once it has one that counts as true."""
        values = []

        def there():
            values.append(self.evaluate(expression))
            return values[-1]

        patiently(f"the page has {expression}", there)
        return values[-1]

    def text(self, element):
        """What an element says, once it is there and says something."""
        return self.awaited(f"document.querySelector({element!r})?.innerText")

    def await_element(self, element):
        self.awaited(f"!!document.querySelector({element!r})")

    def await_control(self, element):
        """Wait until there is something to click or to fill in. A button may be of no use until its script has run, and
        Firefox loses clicks at a page that it has not drawn yet."""
        control = f"document.querySelector({f'{element}:not(:disabled)'!r})"
        self.awaited(f"document.readyState == 'complete' && !!{control}")

    def await_text(self, element, words):
        """Wait until an element says these words, maybe among others."""
        self.awaited(f"document.querySelector({element!r})?.innerText.includes({words!r})")

    def keep_screenshot(self, name, png):
        """Number the pictures in their order. How many bytes this one has."""
        browser = type(self).__name__.lower()
        number = len(list(self.artefacts.glob(f"{browser}-*.png"))) + 1
        file = self.artefacts / f"{browser}-{number:02}-{name}.png"
        return file.write_bytes(base64.b64decode(png))

    # ---- The browser's own prompts ------------------------------------------------------------------------------------

    @abstractmethod
    def prompt(self):
        """All that the browser's own prompt says at present; an empty text without one."""

    @abstractmethod
    def type_into_prompt(self, *texts):
        """Type a text into each of the prompt's fields, and confirm."""

    @abstractmethod
    def press_in_prompt(self, label):
        """Press a button of the browser's own prompt."""

    @abstractmethod
    def close_error(self):
        """Close what tells that a ceremony failed, where that keeps the page waiting."""

    def await_prompt(self, words):
        """Wait until the browser itself says these words."""
        self.in_prompt(words, lambda: words in self.prompt())

    def in_prompt(self, what, condition):
        """Wait for something in the browser's own prompt."""
        try:
            patiently(f"the browser's own prompt has “{what}”", condition)
        except AssertionError as late:
            raise AssertionError(f"{late}; it says “{self.prompt()}”") from None

    # ---- The process --------------------------------------------------------------------------------------------------

    def start(self, *command):
        """Start the program, with its words kept beside the screenshots."""
        words = open(self.artefacts / f"{type(self).__name__.lower()}.log", "w", encoding="utf-8")
        environment = dict(os.environ, HOME=str(self.profile.parent), XDG_RUNTIME_DIR=str(self.profile.parent))
        self._process = subprocess.Popen(command, env=environment, stdout=words, stderr=words, start_new_session=True)

    def end(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=programs.PATIENCE)
        shutil.rmtree(self.profile.parent, ignore_errors=True)
