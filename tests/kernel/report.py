"""What pytest has to know: tests are functions whose names are sentences; where they run; figures that they promise.

    pytest -p report --keyfob FILE [--bus usbip] [--all] [-k WORD] FILE...
"""

import inspect
import os
import sys

import pytest

import bus
import library
from keyfob import Keyfob
from places import MARKS, is_emulated, runs_here

_running = []


def pytest_addoption(parser):
    parser.addoption("--keyfob", required=True, metavar="FILE", help="the program under test")
    parser.addoption("--library", metavar="FILE", help="virtual-key's tests on a kernel, compiled")
    parser.addoption("--all", action="store_true", help="those, too, that take minutes, or judge the key alone where the kernel is emulated")
    parser.addoption("--bus", choices=["kernel", "usbip"], default="kernel", help="what the key is plugged into")


@pytest.hookimpl(tryfirst=True)  # files that configure more find the bus chosen
def pytest_configure(config):
    for mark, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{mark}: {meaning}")
    Keyfob.program = config.getoption("keyfob")
    library.TESTS = config.getoption("library")
    bus.choose(config.getoption("bus"), is_used=not config.getoption("collectonly"))


def pytest_report_header(config):
    return bus.versions()


def pytest_pycollect_makeitem(collector, obj):
    """Functions that a file has only imported are no tests of its own."""
    return [] if inspect.isfunction(obj) and obj.__module__ != collector.obj.__name__ else None


def pytest_collection_modifyitems(config, items):
    where = bus.is_kernel(), config.getoption("all")
    elsewhere = [item for item in items if not runs_here({mark.name for mark in item.iter_markers()}, *where)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def pytest_runtest_setup(item):
    _running[:] = [item]


def pytest_runtest_logreport(report):
    """A guest may die, or be ended, before pytest tells what failed: there it is told at once, and with what programs said."""
    if report.failed and is_emulated():
        said = [f"-- {title}\n{text}" for title, text in report.sections]
        print("", report.longreprtext, *said, sep="\n", flush=True)


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    for name, value in (figure for report in reports if report.when == "call" for figure in report.user_properties):
        terminalreporter.write_line(f"     {name}: {value}")


def pytest_sessionfinish(session, exitstatus):
    """Whoever misspelt a word would else be told of nothing but a number of tests."""
    words = session.config.getoption("keyword")
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not hasattr(session.config, "workerinput"):
        print(f"\nno test was chosen: none that runs here has {words or 'such a name'} in its name or its file's", file=sys.stderr)


def note(what, value):
    """Keep something for the report."""
    _running[0].user_properties.append((what, value))


def measured(what, value, unit, at_most):
    """Keep a figure for the report; it is also a promise."""
    note(what, f"{value:.4g} {unit} (at most {at_most} {unit})")
    assert value <= at_most


def seconds(real):
    """So many seconds of a real machine; more where `vm` has no processor to give but emulates one."""
    return real * int(os.environ.get("KEYFOB_EMULATED", "1"))
