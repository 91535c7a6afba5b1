"""The whole life of a key at a site: added, named, used, deleted, refused."""

import kernel
from chromium import Chromium
from firefox import Firefox
from keyfob import Keyfob
from libfido2 import Device
from person import PIN, Person
from website import SecurityInfo

NOT_REGISTERED = "This key is not registered with that account."


def the_journey_of_a_security_key_in_chromium():
    browser = Chromium.running()
    with Keyfob("attach") as key, SecurityInfo() as site:
        kernel.await_node()
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        browser.screenshot("no-keys-yet")
        alice.begins_to_add_a_key()
        alice.chooses_a_pin()  # the key is new, so Chromium has it given a PIN
        browser.screenshot("naming-the-key")
        alice.names_the_key("Blue key")
        _goes_on(alice)


def the_journey_of_a_security_key_in_firefox():
    browser = Firefox.running()
    with Keyfob("attach") as key, SecurityInfo() as site:
        Device(kernel.await_node()).set_pin(PIN)  # Firefox gives no key its first PIN
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        browser.screenshot("no-keys-yet")
        alice.begins_to_add_a_key()
        alice.proves_who_they_are()
        alice.lets_the_site_see_the_model()
        browser.screenshot("naming-the-key")
        alice.names_the_key("Blue key")
        _goes_on(alice)


def _goes_on(alice):
    browser = alice.browser
    assert "keyfob virtual security key" in browser.text("[data-test=key-kind]")
    assert browser.text("[data-test=key-last-used]") == "Never"
    browser.screenshot("the-key-is-listed")
    alice.signs_out()

    alice.begins_to_sign_in_with_name_and_key()
    browser.screenshot("the-key-is-asked")
    alice.proves_who_they_are()
    alice.is_signed_in()
    assert browser.text("[data-test=key-last-used]") != "Never"
    browser.screenshot("signed-in-with-name-and-key")
    alice.signs_out()

    alice.begins_to_sign_in_with_the_key_alone()
    alice.proves_who_they_are()
    alice.is_signed_in()
    browser.screenshot("signed-in-with-the-key-alone")

    alice.deletes_the_key()
    browser.screenshot("the-key-is-deleted")
    alice.signs_out()
    alice.begins_to_sign_in_with_the_key_alone()
    alice.proves_who_they_are()
    browser.await_text("#alert", NOT_REGISTERED)
    browser.screenshot("the-key-is-refused")
