"""Plugging in and out, and what the kernel and udev make of the key."""

import json
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

import bus
import kernel
import library
from keyfob import Keyfob
from libfido2 import Device
from phrases import attach, registration_that_waits, serve
from places import is_emulated, needs_kernel, needs_real_kernel, on_both
from programs import ended, eventually, run, start
from report import measured, note, seconds


@needs_kernel
def the_key_attaches_at_the_first_try():
    with serve() as key:
        assert "1-1" in kernel.usbip("list", "-r", "127.0.0.1").must_succeed()
        kernel.attach()
        attached = time.monotonic()
        kernel.await_node()
        measured("attached to device node", time.monotonic() - attached, "s", at_most=seconds(1))
        measured("keyfob serve to listening", key.seconds_to_start, "s", at_most=seconds(0.2))
        assert len(kernel.ports_in_use()) == 1


@needs_kernel
def the_kernel_reads_a_full_speed_key_with_names():
    with serve():
        attach()
        assert kernel.attribute("speed") == "12"
        assert kernel.attribute("bConfigurationValue") == "1"
        assert kernel.attribute("product") and kernel.attribute("manufacturer")


@needs_kernel
def udev_takes_it_for_a_security_token():
    with serve():
        assert "ID_SECURITY_TOKEN=1" in kernel.udev_properties(attach().node)


@needs_kernel
def an_attached_key_is_refused_to_a_second_host():
    with serve():
        device = attach()
        kernel.usbip("attach", "-r", "127.0.0.1", "-b", "1-1").must_fail_with("")
        device.information()


@on_both
def a_hundred_attachments_leave_nothing_behind():
    with serve() as key:
        first, further = (5, 5) if is_emulated() else (10, 90)  # natively it is the whole hundred everywhere
        _attach_and_detach(first)
        _attach_twice()  # so that the program's pages for a host that comes too early are there, too
        memory, files = key.resident_memory(), key.open_files()
        _attach_and_detach(further)
        measured(f"growth over {further} attachments", key.resident_memory() - memory, "KiB", at_most=256)
        eventually("no more files are open than before", lambda: key.open_files() <= files)


@needs_kernel
def a_server_killed_while_a_request_waits_takes_its_device_node_along():
    with serve(touch="ask") as key:
        client = registration_that_waits(key, attach())
        key.end(signal.SIGKILL)
        ended(client).must_fail_with("")
    with serve():
        attach().register()


@needs_kernel
def keyfob_attach_needs_neither_a_port_nor_the_usbip_tool():
    with Keyfob("attach", "--touch", "auto"):
        Device(kernel.await_node()).register()


@needs_real_kernel
def a_container_beside_a_browser_plugs_in_the_key_of_its_pod_and_takes_it_along():
    script = Path(__file__).parents[3] / "packaging/containers/attach"
    with serve("--keys", "2") as farm:
        container = start(str(script), "127.0.0.1", "1")
        try:
            Device(kernel.await_node()).register()
            _, second = json.loads(farm.type("status", "--json").must_succeed())["keys"]
            assert second["key"] == "1-2" and second["attached"]
            eventually("it says so", Path("/run/key-is-there").exists)
        finally:
            container.terminate()
        ended(container).must_succeed()
        kernel.await_no_node()


@needs_kernel
def the_action_for_browsers_starts_a_key_for_a_job():
    script = Path(__file__).parents[3] / ".github/actions/setup/run"
    with tempfile.TemporaryDirectory(prefix="keyfob-job-") as place:
        inputs = {"KEYFOB": Keyfob.program, "SETUP_ATTACH": "--touch auto", "SETUP_PLACE": place, "HOME": place, "XDG_RUNTIME_DIR": place}
        said = run(str(script), "start", environment=os.environ | inputs).must_succeed()
        told = dict(line.split("=", 1) for line in said.splitlines())
        try:
            Device(kernel.await_node()).register()
            assert Path(told["token-file"]).is_file() and told["address"].startswith("127.0.0.1:")
        finally:
            os.kill(int(told["pid"]), signal.SIGTERM)
        kernel.await_no_node()


@needs_kernel
def a_rust_program_plugs_keys_in_by_each_driver():
    note("tests of virtual-key", library.passes().rpartition("test result: ")[2].strip())
    kernel.await_no_node()


@needs_kernel
def the_demonstration_goes_through_the_kernel():
    said = run(Keyfob.program, "demo", "--fast", "--kernel").must_succeed()
    assert "/dev/hidraw" in said
    kernel.await_no_node()


def _attach_twice():
    """The second time in vain."""
    attach()
    with pytest.raises((AssertionError, ConnectionRefusedError)):
        bus.attach()
    bus.detach()


def _attach_and_detach(times):
    for _ in range(times):
        attach()
        bus.detach()
