"""Chromium and Firefox with a keyfob key, the Security info page, and how patient one has to be with them."""

import resource
from pathlib import Path

import programs
from browser import Browser
from drivers import Driven, places_for
from places import is_emulated
from website import SecurityInfo


def pytest_addoption(parser):
    parser.addoption("--site", required=True, metavar="FILE", help="the program security-info")
    parser.addoption("--geckodriver", metavar="FILE", help="Firefox's driver, if there is one")
    parser.addoption("--artefacts", required=True, metavar="FOLDER", help="where screenshots go")


def pytest_configure(config):
    SecurityInfo.program = config.getoption("site")
    Browser.artefacts = Path(config.getoption("artefacts"))
    Driven.geckodriver = config.getoption("geckodriver")
    # Seconds: an emulated processor takes minutes to start a browser, and a busy machine may take long.
    programs.PATIENCE = 300 if is_emulated() else 120
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))  # Chromium gives up with fewer files


def pytest_generate_tests(metafunc):
    """Where the virtual authenticators are. All tests at one place share a browser."""
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", places_for(metafunc.function.__name__), scope="module")


def pytest_report_header():
    return [programs.run(program, "--version").output.strip() for program in ("chromium", "firefox-esr")]


def pytest_unconfigure():
    Browser.end_all()
