"""Firefox with a key. It gives no key its first PIN, and keeps no large blobs."""

from firefox import Firefox
from places import on_both
from scenes import accounts, ceremonies, journeys, pins, two_keys


def the_journey_of_a_security_key_in_firefox():
    journeys.of_a_key_with_a_pin(Firefox.running())


def a_wrong_pin_is_told_and_the_right_one_goes_on_in_firefox():
    pins.a_wrong_pin_is_told(Firefox.running())


def two_people_share_a_key_in_firefox():
    accounts.two_people_share_a_key(Firefox.running())


def the_same_key_is_refused_kindly_in_firefox():
    ceremonies.the_same_key_is_refused_kindly(Firefox.running())


def a_denied_touch_is_told_in_firefox():
    ceremonies.a_denied_touch_is_told(Firefox.running())


def a_person_gives_up_in_firefox():
    ceremonies.a_person_gives_up(Firefox.running())


@on_both
def a_page_gives_up_in_firefox():
    ceremonies.a_page_gives_up(Firefox.running())


def nobody_touches_in_time_in_firefox():
    ceremonies.nobody_touches_in_time(Firefox.running())


def prf_gives_the_same_secrets_in_firefox():
    ceremonies.prf_gives_the_same_secrets(Firefox.running())


def cred_protect_is_asked_in_firefox():
    ceremonies.cred_protect_is_asked(Firefox.running())


def of_two_keys_the_touched_one_is_registered_and_signs_in_in_firefox():
    two_keys.the_key_that_has_the_credential_signs_in(Firefox.running())
