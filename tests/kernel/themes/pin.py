"""The PIN: set, changed, guessed, counted."""

import kernel
from keyfob import Keyfob
from libfido2 import Device
from phrases import PIN, attach, power_cycle, serve
from places import needs_kernel, on_both


@on_both
def a_pin_is_set_and_changed_on_a_terminal():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.change_pin(PIN, "another")
        device.refuses_to_register("FIDO_ERR_PIN_INVALID", "-v", pin=PIN)
        device.register(options="-v", pin="another")


def three_wrong_pins_block_the_key_until_it_is_plugged_in_again():
    with serve():
        device = attach()
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        device.refuses_to_register("FIDO_ERR_PIN_AUTH_BLOCKED", "-v", pin=PIN)
        device = power_cycle()
        assert device.pin_retries() == 5
        device.register(options="-v", pin=PIN)
        assert device.pin_retries() == 8


def eight_wrong_pins_block_the_key_for_good():
    with serve():
        device = attach()
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        _guess_wrongly(power_cycle(), "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        _guess_wrongly(power_cycle(), "PIN_INVALID", "PIN_BLOCKED")
        power_cycle().refuses_to_register("FIDO_ERR_PIN_BLOCKED", "-v", pin=PIN)


@needs_kernel
def replug_is_a_power_cycle_from_the_keys_side():
    with Keyfob("attach", "--touch", "auto") as key:
        node = kernel.await_node()
        device = Device(node)
        device.set_pin(PIN)
        _guess_wrongly(device, "PIN_INVALID", "PIN_INVALID", "PIN_AUTH_BLOCKED")
        first = kernel.attribute("devnum")
        key.type("replug").must_succeed()
        assert kernel.attribute("devnum") != first, "once replug has ended, the key is there again"
        assert kernel.nodes() == [node], "with the same device file"
        Device(node).register(options="-v", pin=PIN)


def _guess_wrongly(device, *errors):
    for error in errors:
        device.refuses_to_register(f"FIDO_ERR_{error}", "-v", pin="wrong guess")
