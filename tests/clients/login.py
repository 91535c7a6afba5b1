"""Signing in to the machine itself through PAM: pam_u2f and a screen locker. docs/login.md has the same set-up."""

from machine import give_to_user, plugged_in
from pam import begin_to_sign_in, enrolled, lock_the_screen, service
from phrases import PIN, touched
from places import needs_kernel, on_both
from programs import ended


@on_both
def a_touch_signs_in():
    with plugged_in() as (key, _):
        service("login", enrolled(key))
        touched(key, begin_to_sign_in("login"), "").must_succeed()


def a_login_that_is_denied_is_refused():
    with plugged_in() as (key, _):
        service("login", enrolled(key))
        client = begin_to_sign_in("login")
        key.type("wait").must_succeed()
        key.type("deny").must_succeed()
        ended(client).must_fail_with("Authentication failure")


def a_login_without_the_key_is_refused():
    with plugged_in() as (key, _):
        file = enrolled(key)
    service("login", file)
    ended(begin_to_sign_in("login")).must_fail_with("Authentication failure")


def another_key_is_refused():
    with plugged_in() as (key, _):
        file = enrolled(key)
    with plugged_in():
        service("login", file)
        ended(begin_to_sign_in("login")).must_fail_with("Authentication failure")


def a_user_without_a_key_is_refused():
    with plugged_in() as (key, _):
        service("login", enrolled(key, user="somebody"))
        ended(begin_to_sign_in("login")).must_fail_with("Authentication failure")


def the_right_pin_and_a_touch_sign_in_and_a_wrong_pin_costs_an_attempt():
    with plugged_in() as (key, device):
        device.set_pin(PIN)
        service("login", enrolled(key, "--pin-verification"), "pinverification=1")
        touched(key, begin_to_sign_in("login", PIN), "").must_succeed()
        ended(begin_to_sign_in("login", "not that one")).must_fail_with("Authentication failure")
        assert device.pin_retries() == 7
        touched(key, begin_to_sign_in("login", PIN), "").must_succeed()
        assert device.pin_retries() == 8


def a_finger_signs_in():
    with plugged_in("--profile", "bio") as (key, device):
        device.set_pin(PIN)
        touched(key, device.begin_to_enrol(PIN), *[""] * 4).must_succeed()
        service("login", enrolled(key, "--user-verification"), "userverification=1")
        touched(key, begin_to_sign_in("login"), "").must_succeed()


def a_resident_credential_signs_in():
    with plugged_in() as (key, device):
        device.set_pin(PIN)
        service("login", enrolled(key, "--resident"))
        touched(key, begin_to_sign_in("login"), "").must_succeed()


def a_touch_does_not_stand_in_for_what_else_the_service_demands():
    with plugged_in() as (key, _):
        service("login", enrolled(key), further="auth required pam_deny.so")
        touched(key, begin_to_sign_in("login"), "").must_fail_with("Authentication failure")


# vlock runs as root whoever starts it, and so takes no preloaded shim.
@needs_kernel
def a_touch_unlocks_the_screen():
    with plugged_in() as (key, device):
        service("vlock", enrolled(key))
        give_to_user(device.node)
        touched(key, lock_the_screen(), "").must_succeed()


@needs_kernel
def a_screen_stays_locked_when_the_touch_is_denied():
    with plugged_in() as (key, device):
        service("vlock", enrolled(key))
        give_to_user(device.node)
        locker = lock_the_screen()
        key.type("wait").must_succeed()
        key.type("deny").must_succeed()
        # It asks again: press Enter, touch.
        touched(key, locker, "").must_succeed()
