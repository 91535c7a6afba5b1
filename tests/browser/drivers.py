"""A browser under its driver, as a test suite in Python has it: Selenium, and its virtual authenticators.

The same suite finds them in two places: in the driver, where they are a part of the browser, and behind `keyfob webdriver`,
where they are keys on the bus: the kernel's, or one that this process is the host of.
"""

import re
import signal
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.remote.client_config import ClientConfig

import bus
import programs
import usbip_host
from browser import Refused
from card_reader import free_ports
from chromium import FLAGS
from firefox import PREFERENCES
from keyfob import Keyfob
from places import on_both
from programs import start

PLACES = ["chromedriver", "keyfob"]
# The same with Firefox, where somebody brings the driver: Debian has none.
PLACES_WITH_FIREFOX = ["geckodriver", "keyfob-gecko"]
# Where keyfob looks for a reader to lay cards on.
READER = free_ports()
# Where in Chromium a line of its log comes from, if it is about keys.
_OF_KEYS = "fido", "ctap", "hid", "device_event"
_PADDING = "it takes no id with padding, which Selenium sends"
_ERRORS = "its error is unknown, and not an invalid argument"
# Runs in a guest as well, where somebody brings the driver; with Chromium scenes/by_selenium.py does.
ON_BOTH = "keyfob-gecko", "a_page_makes_a_passkey_and_signs_in_without_a_name"
# What the tests do not find there, and why.
MISSING = {
    "geckodriver": {
        "a_credential_that_was_added_signs_in": _PADDING,
        "a_passkey_that_was_added_signs_in_without_a_name": _PADDING,
        "what_is_told_can_be_added_again": _PADDING,
        "one_credential_is_removed_and_the_other_stays": _PADDING,
        "of_two_keys_the_one_that_has_the_credential_signs_in": _PADDING,
        "what_there_is_not_is_an_invalid_argument": _ERRORS,
        "an_authenticator_that_was_removed_is_gone": _ERRORS,
        "a_key_without_verification_is_no_use_where_it_is_required": "it registers unverified",
    },
    "keyfob-gecko": {
        "a_key_without_verification_is_no_use_where_it_is_required": "Firefox takes presence for it while a key has no PIN",
        "of_two_keys_the_one_that_has_the_credential_signs_in": "Firefox has a key chosen before it says what for",
    },
}


def places_for(test):
    """Where a test of this name runs, as pytest's parameters."""
    return [_marked(place, test) for place in [*PLACES, *(PLACES_WITH_FIREFOX if Driven.geckodriver else [])]]


def _marked(place, test):
    reason = MISSING.get(place, {}).get(test)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(place, marks=[*marks, on_both] if (place, test) == ON_BOTH else marks)


OURS = {
    "--remote-debugging-port=0",
    "--enable-ui-devtools=0",
    "--enable-features=ui-debug-tools-enable-synthetic-events",
    "--enable-logging=stderr",  # which the driver throws away
}


class Driven:
    """A browser that Selenium drives. It is started once for each place, when the first test wants it."""

    geckodriver = None  # the path of the program, if there is one; set once, at the start
    _running = {}

    @classmethod
    def at(cls, place):
        if place not in cls._running:
            cls.end_all()
            cls._running[place] = cls(place)
        return cls._running[place]

    @classmethod
    def end_all(cls):
        while cls._running:
            cls._running.popitem()[1].end()

    def __init__(self, place):
        self._profile = tempfile.TemporaryDirectory(prefix="keyfob-driven-")
        self._begin(place, (_firefox if "gecko" in place else _chromium)(self._profile.name, place))

    def _begin(self, place, options):
        self._process, address = _started(place)
        way = ClientConfig(remote_server_addr=f"http://{address}", timeout=programs.PATIENCE)
        self.selenium = webdriver.Remote(way.remote_server_addr, options=options, client_config=way)
        self.selenium.caps["browserName"] = "any"  # Selenium does not send the commands to Firefox
        self.selenium.set_script_timeout(programs.PATIENCE)

    def end(self):
        self.selenium.quit()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=programs.PATIENCE)
        self._profile.cleanup()

    def words(self):
        """What Chromium said of keys, the last of it."""
        words = Path(self._profile.name, "words")
        said = words.read_text(errors="replace").splitlines() if words.exists() else []
        return "\n".join([line for line in said if any(word in line for word in _OF_KEYS)][-40:])

    # What website.RelyingParty asks of a browser.

    def open(self, address):
        self.selenium.get(address)

    def evaluate(self, expression):
        try:
            return self.selenium.execute_script(f"return ({expression})")
        except WebDriverException as reason:
            raise Refused(str(reason)) from None

    def awaited(self, expression):
        """The value of an expression once it has one that counts as true."""
        return self.selenium.execute_async_script(
            f"const done = arguments[0];"
            f"const look = () => {{ const value = ({expression}); value ? done(value) : setTimeout(look, 20); }};"
            f"look();"
        )

    @contextmanager
    def authenticator(self, **members):
        """A virtual authenticator with these options, removed in the end."""
        self.selenium.add_virtual_authenticator(_options(**members))
        with _plugging:
            pass  # a key that was imported is not yet one that programs find
        try:
            yield self.selenium
        finally:
            if self.selenium.virtual_authenticator_id:
                self.selenium.remove_virtual_authenticator()

    @contextmanager
    def further_authenticator(self, **members):
        """A second one, which Selenium's commands are for until it is removed: it knows one at a time."""
        first = self.selenium.virtual_authenticator_id
        try:
            with self.authenticator(**members):
                yield
        finally:
            self.selenium._authenticator_id = first


@contextmanager
def driver_at(place):
    """Where the driver of this place listens, and what a session there asks for: for whoever has a client of their own."""
    with tempfile.TemporaryDirectory(prefix="keyfob-driven-") as profile:
        process, address = _started(place)
        try:
            yield f"http://{address}", (_firefox if "gecko" in place else _chromium)(profile, place).to_capabilities()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=programs.PATIENCE)


class AlsoDriven(Driven):
    """A Chromium that runs already, which Selenium drives as well, behind keyfob: an emulated one takes long to start."""

    def __init__(self, chromium):
        self._profile = tempfile.TemporaryDirectory(prefix="keyfob-driven-")
        options = webdriver.ChromeOptions()
        options.debugger_address = chromium.address_of_devtools()
        self._begin("keyfob", options)


@contextmanager
def also_driven(chromium):
    """Selenium's session with it, ended in the end."""
    driven = AlsoDriven(chromium)
    try:
        yield driven
    finally:
        driven.end()


def _options(protocol="ctap2_1", transport="usb", **members):
    return VirtualAuthenticatorOptions(protocol=protocol, transport=transport, **members)


def _chromium(profile, _):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--enable-logging", f"--log-file={profile}/words"):
        if flag not in OURS:
            options.add_argument(flag)
    return options


def _firefox(_, place):
    """Its own authenticators and keys exclude each other."""
    options = webdriver.FirefoxOptions()
    options.binary_location = "/usr/bin/firefox-esr"
    options.add_argument("-headless")
    has_its_own = place == "geckodriver"
    kinds = {"security.webauth.webauthn_enable_softtoken": has_its_own, "security.webauth.webauthn_enable_usbtoken": not has_its_own}
    for name, value in {**PREFERENCES, **kinds}.items():
        if not name.startswith("marionette."):
            options.set_preference(name, value)
    return options


def _started(place):
    driver = Driven.geckodriver if "gecko" in place else "chromedriver"
    return (_proxy if place.startswith("keyfob") else _alone)(driver)


def _alone(driver):
    process = start(driver, "--port=0")
    for line in process.stdout:
        if "successfully on port" in line or "Listening on" in line:
            _drain(process)
            return process, "127.0.0.1:" + re.search(r"(\d+)\.?$", line.strip())[1]
    raise AssertionError(f"{driver} ended")


def _proxy(driver):
    """keyfob before a driver; each key that it offers where there is no kernel for it is plugged in, as one would."""
    served = [] if bus.is_kernel() else ["--serve"]
    reader = ["--vpcd", f"127.0.0.1:{READER}"]
    process = start(Keyfob.program, "webdriver", "--driver", driver, "--listen", "127.0.0.1:0", *reader, *served)
    for line in process.stdout:
        if f"in front of {driver}" in line:
            _drain(process, _plug)
            return process, line.removeprefix("listening on ").split(",")[0]
    raise AssertionError("keyfob ended")


def _plug(line):
    if line.startswith("listening on "):
        address, bus_id = line.removeprefix("listening on ").split(", bus id ")
        with _plugging, suppress(ConnectionError):  # a short test has removed it again
            usbip_host.plug(address, bus_id.strip(), is_like_the_last=True)


_plugging = threading.Lock()


def _drain(process, hear=lambda line: None):
    """Nobody may wait for a reader. What is said belongs to the test that runs just then, and is told if that fails."""

    def read():
        for line in process.stdout:
            print(line, end="")
            hear(line)

    threading.Thread(target=read, daemon=True).start()
