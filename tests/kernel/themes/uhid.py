"""Keys that are no USB devices: the kernel's uhid."""

import json
import secrets
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import kernel
from keyfob import Keyfob
from libfido2 import Device
from phrases import touched
from places import needs_kernel
from programs import ended, eventually, run
from python_fido2 import platform

pytestmark = needs_kernel

RULE = Path("/run/udev/rules.d/70-keyfob.rules")  # gone with the next start of the machine, at the latest
LONGEST = 1768  # bytes: thirty reports
INIT, PING = 0x86, 0x81
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=plugdev")


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


def the_longest_message_that_it_promises_to_take_gets_through_however_late_it_comes_to_it():
    message = secrets.token_bytes(LONGEST)
    with Keyfob("attach", "--uhid") as key:
        assert json.loads(key.type("info", "--json").must_succeed())["maxMsgSize"] == LONGEST
        with open(kernel.await_node(), "r+b", buffering=0) as node:
            channel = _channel(node)
            key.process.send_signal(signal.SIGSTOP)
            _send(node, channel, PING, message)
            key.process.send_signal(signal.SIGCONT)
            assert _received(node) == message


def who_is_not_root_has_one_where_the_rule_says_so():
    with _rule(), _as_nobody(), Keyfob("attach", "--touch", "auto") as key:
        assert "through uhid, because" in key.said and "may not be written by this user" in key.said
        node = kernel.await_node()
        assert "snap_firefox_firefox" in kernel.udev_properties(node)
        assert "FIDO_2_" in run(*NOBODY, "fido2-token", "-I", node).must_succeed()


@contextmanager
def _rule():
    """What the doctor prints is in force."""
    RULE.parent.mkdir(exist_ok=True)
    RULE.write_text(run(Keyfob.program, "doctor", "--udev-rule", "--uhid").must_succeed(), encoding="utf-8")
    try:
        _reload()
        yield
    finally:
        RULE.unlink()
        _reload()
        run("chown", "root:root", "/dev/uhid").must_succeed()


def _reload():
    run("udevadm", "control", "--reload").must_succeed()
    run("udevadm", "trigger", "--name-match=uhid", "--settle").must_succeed()


@contextmanager
def _as_nobody():
    """Another user has keyfob, whoever owns the folder that it was built in."""
    own, Keyfob.user = Keyfob.program, NOBODY
    with tempfile.TemporaryDirectory(prefix="keyfob-nobody-") as folder:
        Path(folder).chmod(0o755)
        Keyfob.program = shutil.copy(own, folder)
        try:
            yield
        finally:
            Keyfob.program, Keyfob.user = own, ()


def _channel(node):
    nonce = secrets.token_bytes(8)
    _send(node, b"\xff\xff\xff\xff", INIT, nonce)
    answer = _received(node)
    assert answer[:8] == nonce
    return answer[8:12]


def _send(node, channel, command, message):
    """As fast as the kernel takes it, each report behind a zero byte."""
    first, rest = message[:57], message[57:]
    node.write(b"\0" + (channel + bytes([command]) + len(message).to_bytes(2, "big") + first).ljust(64, b"\0"))
    for number, start in enumerate(range(0, len(rest), 59)):
        node.write(b"\0" + (channel + bytes([number]) + rest[start : start + 59]).ljust(64, b"\0"))


def _received(node):
    first = node.read(64)
    length, message = int.from_bytes(first[5:7], "big"), first[7:]
    while len(message) < length:
        message += node.read(64)[5:]
    return message[:length]


def _key(key, number=1):
    """How one of the keys is."""
    return json.loads(key.type("status", "--json").must_succeed())["keys"][number - 1]
