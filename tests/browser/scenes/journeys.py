"""The whole life of a key, and of a card, at a site: added, named, used, deleted, refused."""

import bus
from card_reader import card_reader
from keyfob import Keyfob
from libfido2 import Device
from person import PIN, CardHolder, Person, key_for
from website import SecurityInfo

NOT_REGISTERED = "This key is not registered with that account."


def of_a_new_key(browser):
    """The key gets its PIN from the browser."""
    with key_for(browser) as key, SecurityInfo() as site:
        bus.await_node()
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        browser.screenshot("no-keys-yet")
        alice.begins_to_add_a_key()
        alice.chooses_a_pin()
        _goes_on(alice)


def of_a_key_with_a_pin(browser):
    with key_for(browser) as key, SecurityInfo() as site:
        Device(bus.await_node()).set_pin(PIN)
        alice = Person(browser, key, site)
        alice.signs_in_with_the_password()
        browser.screenshot("no-keys-yet")
        alice.begins_to_add_a_key()
        alice.proves_who_they_are()
        alice.lets_the_site_see_the_model()
        _goes_on(alice)


def of_a_new_card(browser):
    """No browser on Linux knows readers: the bridge shows it the card as a USB key."""
    with card_reader() as reader, reader.card("--profile", browser.newest_profile) as card:
        reader.await_card()
        with Keyfob("bridge"), SecurityInfo() as site:
            bus.attach()
            bus.await_node()
            alice = CardHolder(browser, card, site)
            alice.signs_in_with_the_password()
            alice.begins_to_add_a_key()
            browser.screenshot("a-card-is-added")
            alice.chooses_a_pin()
            _goes_on(alice)


def _goes_on(alice):
    browser = alice.browser
    browser.await_element("#key-name")
    browser.screenshot("naming-the-key")
    alice.names_the_key("Blue key")
    assert "keyfob virtual security key" in browser.text("[data-test=key-kind]")
    assert browser.text("[data-test=key-last-used]") == "Never"
    browser.screenshot("the-key-is-listed")
    alice.signs_out()

    alice.begins_to_sign_in_with_name_and_key()
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
