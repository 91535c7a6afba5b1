"""A key for a test: the fixture `keyfob_key`."""

import shlex

import pytest

from keyfob import start


def pytest_addoption(parser):
    group = parser.getgroup("keyfob")
    group.addoption("--keyfob-program", default="keyfob", metavar="FILE", help="the program keyfob")
    group.addoption("--keyfob-command", default="attach", metavar="WORDS", help="what it does for a test, such as attach")


@pytest.fixture
def keyfob_key(request):
    """A key with nothing on it, that asks before it does anything; it goes with the test."""
    words = shlex.split(request.config.getoption("keyfob_command"))
    with start(*words, program=request.config.getoption("keyfob_program")) as key:
        yield key
