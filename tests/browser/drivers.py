"""Chromium under chromedriver, as a test suite in Python has it: Selenium, and its virtual authenticators.

The same suite finds them in two places: in chromedriver, where they are a part of the tab, and behind `keyfob webdriver`,
where they are keys on the bus: the kernel's, or one that this process is the host of.
"""

import signal
import tempfile
import threading
from contextlib import contextmanager, suppress

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.remote.client_config import ClientConfig

import bus
import programs
import usbip_host
from browser import Refused
from chromium import FLAGS
from keyfob import Keyfob
from programs import start

PLACES = ["chromedriver", "keyfob"]
OURS = {"--remote-debugging-port=0", "--enable-ui-devtools=0", "--enable-features=ui-debug-tools-enable-synthetic-events"}


class Driven:
    """A browser that Selenium drives. It is started once for each place, when the first test wants it."""

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
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (*FLAGS, f"--user-data-dir={self._profile.name}"):
            if flag not in OURS:
                options.add_argument(flag)
        self._begin(place, options)

    def _begin(self, place, options):
        self._process, address = (_chromedriver if place == "chromedriver" else _proxy)()
        way = ClientConfig(remote_server_addr=f"http://{address}", timeout=programs.PATIENCE)
        self.selenium = webdriver.Remote(way.remote_server_addr, options=options, client_config=way)
        self.selenium.set_script_timeout(programs.PATIENCE)

    def end(self):
        self.selenium.quit()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=programs.PATIENCE)
        self._profile.cleanup()

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


def _chromedriver():
    process = start("chromedriver", "--port=0")
    for line in process.stdout:
        if "successfully on port" in line:
            _drain(process)
            return process, "127.0.0.1:" + line.split()[-1].rstrip(".")
    raise AssertionError("chromedriver ended")


def _proxy():
    """keyfob before a chromedriver; each key that it offers where there is no kernel for it is plugged in, as one would."""
    served = [] if bus.is_kernel() else ["--serve"]
    process = start(Keyfob.program, "webdriver", "--driver", "chromedriver", "--listen", "127.0.0.1:0", *served)
    for line in process.stdout:
        if "in front of chromedriver" in line:
            _drain(process, _plug)
            return process, line.removeprefix("listening on ").split(",")[0]
    raise AssertionError("keyfob ended")


def _plug(line):
    if line.startswith("listening on "):
        address, bus_id = line.removeprefix("listening on ").split(", bus id ")
        with suppress(ConnectionError):  # a short test has removed it again
            usbip_host.plug(address, bus_id.strip())


def _drain(process, hear=lambda line: None):
    """Nobody may wait for a reader."""

    def read():
        for line in process.stdout:
            hear(line)

    threading.Thread(target=read, daemon=True).start()
