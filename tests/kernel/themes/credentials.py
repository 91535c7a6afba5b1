"""Registering and signing in, with and without a PIN."""

from phrases import PIN, USER_PRESENT, USER_VERIFIED, attach, serve
from places import on_both


@on_both
def every_kind_of_credential_registers_and_signs_without_a_pin():
    with serve():
        device = attach()
        for kind in ("", "-r"):
            credential = device.register(options=kind)
            assert credential.flags & (USER_PRESENT | USER_VERIFIED) == USER_PRESENT
            for assertion in _sign_in_every_way(device, credential):
                assert assertion.flags == USER_PRESENT


def every_kind_of_credential_registers_and_signs_with_a_pin():
    with serve():
        device = attach()
        device.set_pin(PIN)
        for kind in ("-v", "-v -r"):
            credential = device.register(options=kind, pin=PIN)
            assert credential.flags & USER_VERIFIED
            for assertion in _sign_in_every_way(device, credential):
                assert assertion.flags == USER_PRESENT
            for assertion in _sign_in_every_way(device, credential, options="-p -v", pin=PIN):
                assert assertion.flags == USER_PRESENT | USER_VERIFIED


def a_key_with_a_pin_still_registers_a_second_factor_without_it():
    with serve():
        device = attach()
        device.set_pin(PIN)
        assert device.register().flags & USER_VERIFIED == 0


def a_silent_assertion_says_that_nobody_was_present():
    with serve():
        device = attach()
        assert device.sign(device.register(), "-t up=false").flags == 0


def eddsa_credentials_register_and_sign():
    with serve():
        device = attach()
        device.sign(device.register(algorithm="eddsa"))


def all_accounts_of_a_site_are_offered_the_newest_first():
    with serve():
        device = attach()
        credentials = [device.register(user=user, options="-r") for user in ("Alice", "Bob", "Carol")]
        offered = [assertion.user for assertion in device.discover(credentials)]
        assert offered == ["Carol", "Bob", "Alice"], offered


def the_signature_counter_rises():
    with serve():
        device = attach()
        credential = device.register()
        counters = [device.sign(credential).counter for _ in range(3)]
        assert counters[0] < counters[1] < counters[2], counters


def _sign_in_every_way(device, credential, options="-p", pin=""):
    assertions = [device.sign(credential, options, pin)]
    if credential.discoverable:
        assertions += device.discover([credential], options, pin)
    return assertions
