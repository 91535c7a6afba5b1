#!/usr/bin/python3
"""Debian's USB/IP tool and FIDO clients against keyfob, on the kernel that is running.

tests/kernel/tests.py KEYFOB [WORD...]    needs root; `run` chooses a kernel and calls this
"""

import re
import signal
import sys
import time
from pathlib import Path

import kernel
from clients import Device
from keyfob import Keyfob
from programs import eventually, in_a_file, run
from report import measured, run_tests, seconds

PIN = "correct horse"
USER_PRESENT, USER_VERIFIED = 0x01, 0x04
LOG_MARK = f"keyfob's tests begin {time.monotonic_ns()}"

# ---- Plugging in ---------------------------------------------------------------------------------------------------


def the_key_attaches_at_the_first_try():
    with _serve() as key:
        assert "1-1" in kernel.usbip("list", "-r", "127.0.0.1").must_succeed()
        kernel.attach()
        attached = time.monotonic()
        kernel.await_node()
        measured("attached to device node", time.monotonic() - attached, "s", at_most=seconds(1))
        measured("keyfob serve to listening", key.seconds_to_start, "s", at_most=seconds(0.2))
        assert len(kernel.ports_in_use()) == 1


def the_kernel_reads_a_full_speed_key_with_names():
    with _serve():
        _attach()
        assert kernel.attribute("speed") == "12"
        assert kernel.attribute("bConfigurationValue") == "1"
        assert kernel.attribute("product") and kernel.attribute("manufacturer")


def udev_takes_it_for_a_security_token():
    with _serve():
        assert "ID_SECURITY_TOKEN=1" in kernel.udev_properties(_attach().node)


def an_attached_key_is_refused_to_a_second_host():
    with _serve():
        device = _attach()
        kernel.usbip("attach", "-r", "127.0.0.1", "-b", "1-1").must_fail_with("")
        device.information()


def a_hundred_attachments_leave_nothing_behind():
    with _serve() as key:
        _attach_and_detach(10)
        memory, files = key.resident_memory(), key.open_files()
        _attach_and_detach(90)
        measured("growth over 90 attachments", key.resident_memory() - memory, "KiB", at_most=256)
        assert key.open_files() == files


def a_server_killed_while_a_request_waits_takes_its_device_node_along():
    with _serve(touch="ask") as key:
        client = _registration_that_waits(key, _attach())
        key.end(signal.SIGKILL)
        client.communicate(timeout=30)
        assert client.returncode != 0
    with _serve():
        _attach().register()


def keyfob_attach_needs_neither_a_port_nor_the_usbip_tool():
    with Keyfob("attach", "--touch", "auto"):
        Device(kernel.await_node()).register()


# ---- Information and the PIN ---------------------------------------------------------------------------------------


def fido2_token_lists_the_key_and_reads_its_information():
    with _serve():
        device = _attach()
        assert device.node in run("fido2-token", "-L").must_succeed()
        information = device.information()
        assert "FIDO_2_" in information and "es256" in information, information


def keyfob_reads_the_same_key_through_the_kernel():
    with _serve() as key:
        assert "FIDO_2_" in key.type("info", "--device", _attach().node).must_succeed()


def a_pin_is_set_and_changed_on_a_terminal():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        device.change_pin(PIN, "another")
        device.refuses_to_register("FIDO_ERR_PIN_INVALID", "-v", pin=PIN)
        device.register(options="-v", pin="another")


def three_wrong_pins_block_the_key_until_it_is_plugged_in_again():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        device.refuses_to_register("FIDO_ERR_PIN_AUTH_BLOCKED", "-v", pin=PIN)
        device = _power_cycle()
        assert device.pin_retries() == 5
        device.register(options="-v", pin=PIN)
        assert device.pin_retries() == 8


def eight_wrong_pins_block_the_key_for_good():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        _guess_wrongly(_power_cycle(), "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        _guess_wrongly(_power_cycle(), "PIN_INVALID", "PIN_BLOCKED")
        _power_cycle().refuses_to_register("FIDO_ERR_PIN_BLOCKED", "-v", pin=PIN)


def replug_is_a_power_cycle_from_the_keys_side():
    with Keyfob("attach", "--touch", "auto") as key:
        device = Device(kernel.await_node())
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        first = kernel.attribute("devnum")
        key.type("replug").must_succeed()
        eventually("the key is a new device", lambda: kernel.nodes() and kernel.attribute("devnum") != first)
        Device(kernel.await_node()).register(options="-v", pin=PIN)


# ---- Credentials and assertions ------------------------------------------------------------------------------------


def every_kind_of_credential_registers_and_signs_without_a_pin():
    with _serve():
        device = _attach()
        for kind in ("", "-r"):
            credential = device.register(options=kind)
            assert credential.flags & (USER_PRESENT | USER_VERIFIED) == USER_PRESENT
            for assertion in _sign_in_every_way(device, credential):
                assert assertion.flags == USER_PRESENT


def every_kind_of_credential_registers_and_signs_with_a_pin():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        for kind in ("-v", "-v -r"):
            credential = device.register(options=kind, pin=PIN)
            assert credential.flags & USER_VERIFIED
            for assertion in _sign_in_every_way(device, credential):
                assert assertion.flags == USER_PRESENT
            for assertion in _sign_in_every_way(device, credential, options="-p -v", pin=PIN):
                assert assertion.flags == USER_PRESENT | USER_VERIFIED


def a_key_with_a_pin_still_registers_a_second_factor_without_it():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        assert device.register().flags & USER_VERIFIED == 0


def a_silent_assertion_says_that_nobody_was_present():
    with _serve():
        device = _attach()
        assert device.sign(device.register(), "-t up=false").flags == 0


def eddsa_credentials_register_and_sign():
    with _serve():
        device = _attach()
        device.sign(device.register(algorithm="eddsa"))


def all_accounts_of_a_site_are_offered_the_newest_first():
    with _serve():
        device = _attach()
        credentials = [device.register(user=user, options="-r") for user in ("Alice", "Bob", "Carol")]
        offered = [assertion.user for assertion in device.discover(credentials)]
        assert offered == ["Carol", "Bob", "Alice"], offered


def the_signature_counter_rises():
    with _serve():
        device = _attach()
        credential = device.register()
        counters = [device.sign(credential).counter for _ in range(3)]
        assert counters[0] < counters[1] < counters[2], counters


def a_credential_gives_each_salt_its_own_secret_every_time():
    with _serve():
        device = _attach()
        credential = device.register(options="-h")
        one, other = bytes(32), bytes(31) + b"!"
        assert device.secret(credential, one) == device.secret(credential, one)
        assert device.secret(credential, one) != device.secret(credential, other)


# ---- Settings ------------------------------------------------------------------------------------------------------


def credentials_are_listed_and_deleted():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        credential = device.register(options="-r", pin=PIN)
        assert "example.com" in device.token("-L", "-r", pin=PIN).must_succeed()
        assert credential.identifier in device.token("-L", "-k", "example.com", pin=PIN).must_succeed()
        device.token("-D", "-i", credential.identifier, pin=PIN).must_succeed()
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", credential)


def user_verification_can_be_demanded_always():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        device.token("-S", "-u", pin=PIN).must_succeed()
        assert device.register(pin=PIN).flags & USER_VERIFIED
        device.token("-D", "-u", pin=PIN).must_succeed()
        assert device.register().flags & USER_VERIFIED == 0


def a_pin_that_has_become_too_short_must_be_changed():
    with _serve():
        device = _attach()
        device.set_pin("1234")
        device.token("-S", "-l", "6", pin="1234").must_succeed()
        assert "pin change required: true" in device.information()
        device.change_pin("1234", "123456")
        assert "pin change required: false" in device.information()


def a_large_blob_is_written_read_and_deleted():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        key = device.register(options="-r -b", pin=PIN).large_blob_key
        written, read = in_a_file("a certificate"), in_a_file()
        device.token("-S", "-b", "-k", key, written, pin=PIN).must_succeed()
        device.token("-G", "-b", "-k", key, read, pin=PIN).must_succeed()
        assert Path(read).read_text(encoding="utf-8") == "a certificate\n"
        device.token("-D", "-b", "-k", key, pin=PIN).must_succeed()
        device.token("-G", "-b", "-k", key, read, pin=PIN).must_fail_with("FIDO_ERR_NOTFOUND")


# ---- The touch -----------------------------------------------------------------------------------------------------


def a_touch_lets_a_waiting_request_through():
    with _serve(touch="ask") as key:
        client = _registration_that_waits(key, _attach())
        key.type("touch").must_succeed()
        output, _ = client.communicate(timeout=30)
        assert client.returncode == 0, output


def a_refused_touch_is_told_to_the_client():
    with _serve(touch="ask") as key:
        client = _registration_that_waits(key, _attach())
        key.type("deny").must_succeed()
        output, _ = client.communicate(timeout=30)
        assert client.returncode != 0 and "FIDO_ERR_OPERATION_DENIED" in output, output


def an_interrupted_client_leaves_the_key_free_for_the_next():
    with _serve(touch="ask") as key:
        device = _attach()
        first = _registration_that_waits(key, device)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)
        interrupted = time.monotonic()
        eventually("the key asks no more", lambda: '"prompt":null' in key.type("status", "--json").must_succeed())
        # One second where the kernel takes its interrupt request back. Where it happened to have none out, the key
        # cannot know, and waits out the 30 s of the request.
        measured("client interrupted to key free", time.monotonic() - interrupted, "s", at_most=31)
        second = _registration_that_waits(key, device)
        key.type("touch").must_succeed()
        output, _ = second.communicate(timeout=30)
        assert second.returncode == 0, output


# ---- Reset ---------------------------------------------------------------------------------------------------------


def a_reset_right_after_plugging_in_forgets_the_pin_and_every_credential():
    with _serve():
        device = _attach()
        device.set_pin(PIN)
        credential = device.register(options="-v", pin=PIN)
        device = _power_cycle()
        device.token("-R").must_succeed()
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", credential)
        device.set_pin("another")


def a_reset_is_refused_ten_seconds_after_plugging_in():
    with _serve():
        device = _attach()
        time.sleep(10)
        device.token("-R").must_fail_with("FIDO_ERR_NOT_ALLOWED")


# ---- Cost ----------------------------------------------------------------------------------------------------------


def an_attached_open_and_idle_key_uses_no_processor_time():
    with _serve() as key, open(_attach().node, "rb"):
        before = key.processor_seconds()
        time.sleep(10)
        measured("processor time in 10 s of idling", key.processor_seconds() - before, "s", at_most=0)


def a_key_in_use_stays_small():
    with _serve() as key:
        device = _attach()
        device.sign(device.register())
        measured("resident memory after a ceremony", key.resident_memory() / 1024, "MiB", at_most=12)


# ---- Last: what the kernel thought of all this -----------------------------------------------------------------------


def the_kernel_log_holds_no_complaint():
    # A URB that was unlinked ends with -ECONNRESET, and Linux logs that even so.
    complaints = (
        r"cannot find a urb|recv xbuf|unknown pdu|urb->status (?!-104)|not running at top speed|config 0 descriptor\?\?"
        r"|BUG:|WARNING:|Oops|general protection"
    )
    found = [line for line in kernel.log_since(LOG_MARK).splitlines() if re.search(complaints, line)]
    assert not found, "\n".join(found)


# ---- Phrases of the sentences above ----------------------------------------------------------------------------------


def _serve(touch="auto"):
    return Keyfob("serve", "--touch", touch)


def _attach():
    kernel.attach()
    return Device(kernel.await_node())


def _power_cycle():
    kernel.detach()
    return _attach()


def _attach_and_detach(times):
    for _ in range(times):
        _attach()
        kernel.detach()


def _guess_wrongly(device, *errors):
    for error in errors:
        device.refuses_to_register(f"FIDO_ERR_{error}", "-v", pin="wrong guess")


def _sign_in_every_way(device, credential, options="-p", pin=""):
    assertions = [device.sign(credential, options, pin)]
    if credential.discoverable:
        assertions += device.discover([credential], options, pin)
    return assertions


def _registration_that_waits(key, device):
    """A registration under way, at the moment when the key asks for a touch."""
    client = device.begin_to_register()
    key.type("wait").must_succeed()
    return client


if __name__ == "__main__":
    Keyfob.program, *words = sys.argv[1:]
    kernel.load_modules()
    kernel.mark_log(LOG_MARK)
    sys.exit(run_tests(sys.modules[__name__], words) != 0)
