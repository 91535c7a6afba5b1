"""A key that does wrong on purpose: what becomes of a registration is what docs/faults.md tells."""

import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from fido2.ctap import CtapError

from fault_table import told
from phrases import attach, serve
from programs import outcome, start
from python_fido2 import platform, refused

REGISTERING = Path(__file__).parents[1] / "registering.py"


@pytest.mark.parametrize("fault", told("libfido2"))
def libfido2_takes_it_as_the_document_tells(fault):
    with serve() as key:
        device = attach()
        key.type("fault", "add", *fault.split()).must_succeed()
        assert device.outcome_of_registering() == told("libfido2")[fault]


@pytest.mark.parametrize("fault", told("python-fido2"))
def python_fido2_takes_it_as_the_document_tells(fault):
    with serve() as key:
        device = attach()
        key.type("fault", "add", *fault.split()).must_succeed()
        said = outcome(start(sys.executable, str(REGISTERING), device.node))
        assert said == told("python-fido2")[fault]


def a_request_that_is_taken_back_in_vain_waits_for_the_person():
    with serve(touch="ask") as key, platform(attach()) as host:
        key.type("fault", "add", "deaf-to-cancel").must_succeed()
        taken_back = Event()
        taken_back.set()  # at the first KEEPALIVE

        def select():
            with refused(CtapError.ERR.OPERATION_DENIED):
                host.ctap.selection(event=taken_back)

        asking = Thread(target=select)
        asking.start()
        key.type("wait").must_succeed()
        key.type("deny").must_succeed()
        asking.join()


def a_key_with_faults_says_so():
    with serve() as key:
        assert '"faults":[]' in key.type("status", "--json").must_succeed()
        key.type("fault", "add", "busy", "--requests", "2").must_succeed()
        assert "1-1 has faults on purpose: busy, the next 2 requests" in key.type("status").must_succeed()
        key.type("fault", "clear").must_succeed()
        assert "on purpose" not in key.type("status").must_succeed()
