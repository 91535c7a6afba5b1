"""What other projects test real keys with, run as it is: the script of libfido2's tools, and python-fido2's tests."""

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest

import bus
import machine
from machine import plugged_in
from phrases import PIN, serve
from programs import in_a_file, on_a_terminal
from report import note

pytestmark = pytest.mark.timeout(1200)  # another project's whole suite is one test here

SCRIPT = Path(__file__).parent / "libfido2-script/test.sh"


# ---- libfido2 -------------------------------------------------------------------------------------------------------


def the_script_that_tests_keys_with_libfido2_s_tools_passes(tmp_path):
    # With UV set it does all that it does without, and tries the fingerprint sensor in each combination too.
    with plugged_in("--profile", "bio", touch="auto") as (_, device):
        device.set_pin(PIN)
        device.token("-S", "-e", pin=PIN).must_succeed()
        command = ["env", "UV=1", "sh", "-ex", str(SCRIPT), str(tmp_path), device.node]
        # It stops at the first step that goes wrong; the trace of what it did is in its output.
        trace = on_a_terminal(*command, answers=[PIN] * 1000).must_succeed()
        steps = Counter(line.split()[1] for line in trace.splitlines() if line.startswith("+ "))
        told = [f"{steps[step]} {step}" for step in ("make_cred", "verify_cred", "get_assert", "verify_assert")]
        note("libfido2's script", ", ".join(told))


# ---- python-fido2 ---------------------------------------------------------------------------------------------------


def the_tests_of_python_fido2_pass(tmp_path):
    profile = in_a_file('extends = "everything"', f"extensions = {EXTENSIONS}")
    with serve("--profile", profile, touch="ask") as key, _hand_of(key) as hand:
        bus.attach()
        left_out = ["--ignore", "tests/device/test_bioenroll.py"]
        skipped = _run_pytest(tmp_path, hand, *left_out, "tests/device")
    assert skipped <= NOT_APPLICABLE.keys(), skipped


def the_tests_of_python_fido2_for_fingers_pass(tmp_path):
    # They print that a finger is wanted and do not tell the hand, so that the key must take fingers as they come.
    with serve("--profile", "everything", touch="auto"), _hand_of(None) as hand:
        bus.attach()
        skipped = _run_pytest(tmp_path, hand, "tests/device/test_bioenroll.py")
    assert not skipped, skipped


# Those of the profile, and the draft that two of the files are about.
EXTENSIONS = [
    "credBlob",
    "credProtect",
    "hmac-secret",
    "hmac-secret-mc",
    "pinComplexityPolicy",
    "previewSign",
    "thirdPartyPayment",
]

# Files, tests and reasons of theirs that do not apply to this key, and why.
NOT_APPLICABLE = {
    "test_ep_vendor": "needs a site for which the key's vendor has enabled enterprise attestation",
    "Algorithm MLDSA87 not supported": "the only one of theirs that the key does not have",
    "Algorithm does not use additional arguments": "what is wrong in these is tried with the algorithms of previewSign that take them",
}


def _run_pytest(folder, hand, *arguments):
    """Run python-fido2's tests against the one key there is; the names of files or tests that were skipped."""
    report = f"{folder}/report.xml"
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "nodes", "--junitxml", report]
    ran = subprocess.run(
        [*command, "--controller", hand, *arguments],
        cwd=f"{machine.DOWNLOADS}/python-fido2-{version('fido2')}",
        env=dict(os.environ, PYTHONPATH=str(SCRIPT.parent.parent)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    note("python-fido2's tests", ran.stdout.splitlines()[-1].strip("= "))
    return {_applies_not(case) for case in xml.parse(report).iter("testcase") if case.find("skipped") is not None}


def _applies_not(case):
    """What to look a skipped test up by in the list: its reason, the file or the test's own name."""
    names = case.find("skipped").get("message"), case.get("classname").rpartition(".")[2], case.get("name").partition("[")[0]
    return next((name for name in names if name in NOT_APPLICABLE), ".".join(names))


@contextmanager
def _hand_of(key):
    """The hand that python-fido2's tests call over HTTP, to touch the key and to plug it in and out; its address.

    Without a key to touch, it only plugs."""

    class Hand(BaseHTTPRequestHandler):
        def do_GET(self):
            # First the answer, for which the tests wait 5 s; what comes of it they see at the device.
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if self.path.endswith("/touch/on") and key:
                key.type("touch").must_succeed()
            elif self.path.endswith("/power/off"):
                bus.detach()
            elif self.path.endswith("/power/on"):
                bus.attach()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hand)
    Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
