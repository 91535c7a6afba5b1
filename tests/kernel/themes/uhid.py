"""Keys that are no USB devices: the kernel's uhid."""

import json
import signal

import kernel
from keyfob import Keyfob
from libfido2 import Device
from phrases import touched
from places import needs_kernel
from programs import ended, eventually, run
from python_fido2 import platform

pytestmark = needs_kernel


def libfido2_and_python_fido2_find_it_register_and_sign():
    with Keyfob("attach", "--uhid", "--touch", "auto") as key:
        device = Device(kernel.await_node())
        assert "ID_SECURITY_TOKEN=1" in kernel.udev_properties(device.node)
        assert device.node in run("fido2-token", "-L").must_succeed()
        assert "FIDO_2_" in device.information()
        device.sign(device.register())
        with platform(device) as client:
            client.sign(client.register().auth_data.credential_data)
        assert _key(key)["way"] == "uhid" and kernel.ports_in_use() == []


def two_of_them_are_replugged_and_touched_one_by_one():
    with Keyfob("attach", "--uhid", "--keys", "2") as key:
        eventually("two device nodes appear", lambda: len(kernel.nodes()) == 2)
        before = _key(key)["device"]
        key.type("replug", "--key", "1-2").must_succeed()
        assert len(kernel.nodes()) == 2 and _key(key)["device"] == before
        client = Device(_key(key, number=2)["device"]).begin_to_register()
        touched(key, client, "--key 1-2").must_succeed()


def it_goes_with_its_process_while_a_request_waits():
    with Keyfob("attach", "--uhid") as key:
        client = Device(kernel.await_node()).begin_to_register()
        key.type("wait").must_succeed()
        key.end(signal.SIGKILL)
        ended(client).must_fail_with("")


def _key(key, number=1):
    """How one of the keys is."""
    return json.loads(key.type("status", "--json").must_succeed())["keys"][number - 1]
