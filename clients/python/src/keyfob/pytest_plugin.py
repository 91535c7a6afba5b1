"""A key for a test: the fixtures `keyfob_key` and `keyfob_webdriver`."""

import shlex

import pytest

from keyfob import start, webdriver


def pytest_addoption(parser):
    group = parser.getgroup("keyfob")
    group.addoption("--keyfob-program", default="keyfob", metavar="FILE", help="the program keyfob")
    group.addoption("--keyfob-command", default="attach", metavar="WORDS", help="what it does for a test, such as attach")
    group.addoption("--keyfob-driver", default="chromedriver", metavar="WORDS", help="before what `keyfob webdriver` stands, and its options")


@pytest.fixture
def keyfob_key(request):
    """A key with nothing on it, that asks before it does anything; it goes with the test."""
    words = shlex.split(request.config.getoption("keyfob_command"))
    with start(*words, program=request.config.getoption("keyfob_program")) as key:
        yield key


@pytest.fixture(scope="session")
def keyfob_webdriver(request):
    """The address of a `keyfob webdriver`: virtual authenticators of its sessions are real keys."""
    config = request.config
    words = shlex.split(config.getoption("keyfob_driver"))
    with webdriver(*words, program=config.getoption("keyfob_program")) as address:
        yield f"http://{address}"
