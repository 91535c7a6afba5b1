"""Two keys at once: the one that is touched is the one that counts."""

from contextlib import contextmanager

import bus
from person import key_for, touch
from programs import eventually
from website import relying_party

FIRST, SECOND = ("--key", "1-1"), ("--key", "1-2")


def the_key_that_has_the_credential_signs_in(browser):
    with _two_keys(browser) as (key, page):
        credential = _register_the_second(browser, key, page)
        page.begin_to_sign_in([credential])
        _touch_the_second(browser, key)
        page.signed_in([credential])


@contextmanager
def _two_keys(browser):
    with key_for(browser, keys=2) as key, relying_party(browser) as page:
        eventually("both keys are there", lambda: len(bus.nodes()) == 2)
        yield key, page


def _register_the_second(browser, key, page):
    page.begin_to_register()
    key.type("wait", *FIRST).must_succeed()
    _touch_the_second(browser, key)
    credential, _, _ = page.registered()
    eventually("the other key asks no more", lambda: not _asks(key, FIRST))
    return credential


def _touch_the_second(browser, key):
    if browser.has_one_of_several_keys_chosen_first:
        touch(key, *SECOND)
    touch(key, *SECOND)


def _asks(key, which):
    return key.type("wait", "--timeout", "0", *which).status == 0
