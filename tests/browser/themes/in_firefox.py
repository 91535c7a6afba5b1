"""Firefox with a key. It gives no key its first PIN, and keeps no large blobs."""

from firefox import Firefox
from scenes import journeys, pins


def the_journey_of_a_security_key_in_firefox():
    journeys.of_a_key_with_a_pin(Firefox.running())


def a_wrong_pin_is_told_and_the_right_one_goes_on_in_firefox():
    pins.a_wrong_pin_is_told(Firefox.running())
