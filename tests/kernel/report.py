"""Running tests whose names are sentences, and telling what came of them."""

import inspect
import os
import signal
import time
import traceback

TIME_LIMIT = 240  # seconds for one test: a client that waits for ever fails that test and no other

_figures = []


class Impossible(Exception):
    """What is installed cannot do what the test is about; the text says what can. Such a test is left out."""


def measured(what, value, unit, at_most):
    """Keep a figure for the report; it is also a promise."""
    _figures.append(f"{what}: {value:.4g} {unit} (at most {at_most} {unit})")
    assert value <= at_most, _figures[-1]


def seconds(real):
    """So many seconds of a real machine; more where `vm` has no processor to give but emulates one."""
    return real * int(os.environ.get("KEYFOB_EMULATED", "1"))


def run_tests(modules, words):
    """Run the modules' public functions in their order, and return how many failed.

    Words choose those that have one of them in their name or their module's."""
    signal.signal(signal.SIGALRM, _give_up)
    tests = [test for module in modules for test in _own_functions(module)]
    tests = [test for test in tests if not words or any(word in _full_name(test) for word in words)]
    results = [_result(test) for test in tests]
    for figure in _figures:
        print(f"     {figure}")
    passed, failed, out = (results.count(result) for result in ("ok", "FAIL", "OUT"))
    print(f"{passed} tests passed, {failed} failed" + (f", {out} left out" if out else ""), flush=True)
    return failed if passed else 1


def _own_functions(module):
    functions = [f for _, f in inspect.getmembers(module, inspect.isfunction)]
    own = [f for f in functions if f.__module__ == module.__name__ and not f.__name__.startswith("_")]
    return sorted(own, key=lambda function: function.__code__.co_firstlineno)


def _full_name(test):
    return f"{test.__module__}.{test.__name__}"


def _result(test):
    started = time.monotonic()
    result, problem = "ok", None
    signal.alarm(TIME_LIMIT)
    try:
        test()
    except Impossible as reason:
        result, problem = "OUT", f"     {reason}"
    except Exception:  # a test may fail in any way; the others still run
        result, problem = "FAIL", traceback.format_exc(limit=-3)
    signal.alarm(0)
    sentence = test.__name__.replace("_", " ")
    print(f"{result:4} {sentence} ({time.monotonic() - started:.1f} s)", flush=True)
    if problem:
        print(problem, flush=True)
    return result


def _give_up(*_):
    raise TimeoutError(f"not over after {TIME_LIMIT} s")
