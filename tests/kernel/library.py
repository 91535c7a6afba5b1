"""The tests of the library virtual-key that want a kernel: a program, which `run` is told."""

from programs import run

TESTS = None


def passes():
    """All of them passed, and none had nothing to do."""
    assert TESTS, "which file? `run` takes it behind --library"
    said = run(TESTS, "--nocapture")
    said.must_succeed()
    assert "skipped:" not in said.errors + said.output, said.errors
    assert "test result: ok" in said.output, said.output
    return said.output
