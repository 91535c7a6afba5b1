"""Two people who share a key."""

import bus
from libfido2 import Device
from person import PIN, Person, key_for
from website import SecurityInfo


def two_people_share_a_key(browser):
    with key_for(browser) as key, SecurityInfo() as site:
        Device(bus.await_node()).set_pin(PIN)
        alice, bob = (Person(browser, key, site, name=name) for name in ("alice", "bob"))
        for person in (alice, bob):
            person.signs_in_with_the_password()
            person.adds_a_key(f"The key of {person.name}")
            person.signs_out()
        for person in (alice, bob):
            person.begins_to_sign_in_with_the_key_alone()
            person.proves_who_they_are()
            browser.press_in_prompt(person.name)
            person.is_signed_in()
            person.signs_out()
