"""What else can become of a ceremony: excluded, denied, given up; and what extensions bring."""

from contextlib import contextmanager

import bus
from libfido2 import Device
from person import PIN, Person, key_for, touch
from programs import eventually
from website import SecurityInfo, relying_party

ALREADY_REGISTERED = "This key is already registered with your account."
FIRST, SECOND = b"a salt", b"another salt"


def the_same_key_is_refused_kindly(browser):
    with key_for(browser) as key, SecurityInfo() as site:
        Device(bus.await_node()).set_pin(PIN)
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        alice.adds_a_key("Blue key")
        alice.begins_to_add_a_key()
        alice.proves_who_they_are()
        browser.close_error()
        browser.await_text("#ceremony-error", ALREADY_REGISTERED)
        browser.screenshot("the-same-key-again")


def a_denied_touch_is_told(browser):
    with _waiting_for_a_touch(browser) as (key, page):
        key.type("deny").must_succeed()
        browser.close_error()
        assert page.refusal() == "NotAllowedError"


def a_person_gives_up(browser):
    with _waiting_for_a_touch(browser) as (key, page):
        browser.press_in_prompt("Cancel")
        assert page.refusal() == "NotAllowedError"


def nobody_touches_in_time(browser):
    with _waiting_for_a_touch(browser, timeout=1) as (_, page):  # ms; Firefox gives 15 s, Chromium three minutes
        browser.close_error()
        assert page.refusal() == "NotAllowedError"


def a_page_gives_up(browser):
    with _waiting_for_a_touch(browser) as (key, page):
        browser.evaluate("stop.abort()")
        assert page.refusal() == "AbortError"


def a_key_through_uhid_registers_and_signs_in(browser):
    with key_for(browser, "--uhid") as key, relying_party(browser) as page:
        bus.await_node()
        _registers_and_signs_in(key, page)


@contextmanager
def _waiting_for_a_touch(browser, **asked):
    """A key that is asked by a page; in the end it asks no more, and serves the next who asks."""
    with key_for(browser) as key, relying_party(browser) as page:
        bus.await_node()
        page.begin_to_register(**asked)
        key.type("wait").must_succeed()
        yield key, page
        _goes_on(key, page)


def _goes_on(key, page):
    eventually("the key asks no more", lambda: '"prompt":null' in key.type("status", "--json").must_succeed())
    _registers_and_signs_in(key, page)


def _registers_and_signs_in(key, page):
    page.begin_to_register()
    touch(key)
    credential, _, _ = page.registered()
    page.begin_to_sign_in([credential])
    touch(key)
    page.signed_in([credential])


def prf_gives_the_same_secrets(browser):
    with _person_and_page(browser) as (alice, page):
        asked = {"prf": {"eval": {"first": FIRST, "second": SECOND}}}
        credential, _, told = _registered(alice, page, verified=True, extensions=asked)
        assert told["prf"]["enabled"] is True, told
        first, again = (_signed_in(alice, page, credential, asked)["prf"]["results"] for _ in range(2))
        assert first == again and first["first"] != first["second"], (first, again)
        assert told["prf"].get("results", first) == first, told


def cred_protect_is_asked(browser):
    with _person_and_page(browser) as (alice, page):
        asked = {"credentialProtectionPolicy": "userVerificationRequired", "enforceCredentialProtectionPolicy": True}
        _, data, _ = _registered(alice, page, verified=True, extensions=asked)
        assert data.extensions["credProtect"] == 3, data.extensions


def a_page_keeps_a_large_blob_on_the_key(browser):
    with _person_and_page(browser) as (alice, page):
        asked = {"verified": True, "discoverable": True, "extensions": {"largeBlob": {"support": "required"}}}
        credential, _, told = _registered(alice, page, **asked)
        assert told["largeBlob"] == {"supported": True}, told
        told = _signed_in(alice, page, credential, {"largeBlob": {"write": b"a certificate"}})
        assert told["largeBlob"] == {"written": True}, told
        told = _signed_in(alice, page, credential, {"largeBlob": {"read": True}})
        assert told["largeBlob"] == {"blob": "YSBjZXJ0aWZpY2F0ZQ"}, told


@contextmanager
def _person_and_page(browser):
    with key_for(browser) as key, relying_party(browser) as page:
        Device(bus.await_node()).set_pin(PIN)
        yield Person(browser, key, page), page


def _registered(alice, page, **asked):
    page.begin_to_register(**asked)
    alice.proves_who_they_are()
    return page.registered()


def _signed_in(alice, page, credential, extensions):
    page.begin_to_sign_in([credential], verified=True, extensions=extensions)
    alice.proves_who_they_are()
    return page.signed_in([credential])
