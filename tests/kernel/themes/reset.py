"""Reset."""

import time

from phrases import PIN, attach, power_cycle, serve
from places import on_both


@on_both
def a_reset_right_after_plugging_in_forgets_the_pin_and_every_credential():
    with serve():
        device = attach()
        device.set_pin(PIN)
        credential = device.register(options="-v", pin=PIN)
        device = power_cycle()
        device.token("-R").must_succeed()
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", credential)
        device.set_pin("another")


def a_reset_is_refused_ten_seconds_after_plugging_in():
    with serve():
        device = attach()
        time.sleep(10)
        device.token("-R").must_fail_with("FIDO_ERR_NOT_ALLOWED")
