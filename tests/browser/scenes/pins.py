"""The PIN, typed into the browser's own prompt."""

import bus
from libfido2 import Device
from person import PIN, Person, key_for
from website import SecurityInfo


def a_wrong_pin_is_told(browser):
    with key_for(browser) as key, SecurityInfo() as site:
        device = Device(bus.await_node())
        device.set_pin(PIN)
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        alice.begins_to_add_a_key()
        alice.types_the_pin("not that one")
        browser.await_prompt("Incorrect PIN")
        alice.types_the_pin(PIN)
        alice.touches()
        alice.lets_the_site_see_the_model()
        alice.names_the_key("Blue key")
        assert device.pin_retries() == 8
