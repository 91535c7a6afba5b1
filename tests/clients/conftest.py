"""Real programs with a keyfob key: a machine of their own, and what `run` has downloaded for them."""

import bus
import machine
from programs import run

VERSIONS = [
    ["ssh", "-V"],
    ["dpkg-query", "-W", "libpam-u2f", "pamu2fcfg", "pamtester", "vlock"],
]
VERSIONS_FOR_DISKS = [["systemd-cryptenroll", "--version"], ["cryptsetup", "--version"]]


def pytest_addoption(parser):
    parser.addoption("--private", action="store_true", help="this process has a mount namespace of its own")
    parser.addoption("--downloads", required=True, metavar="FOLDER", help="OpenSSH's server, python-fido2's tests")


def pytest_configure(config):
    machine.DOWNLOADS = config.getoption("downloads")
    if config.getoption("private"):
        machine.make_private()


def pytest_report_header(config):
    lines = []
    for command in _programs(config):
        told = run(*command)
        # systemd lists all that it was built with
        lines += [line for line in (told.output or told.errors).splitlines() if not line.startswith(("+", " "))]
    return lines


def _programs(config):
    if not config.getoption("private"):
        return []
    return VERSIONS + VERSIONS_FOR_DISKS if bus.is_kernel() else VERSIONS
