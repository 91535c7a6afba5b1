"""Chromium with a key, from the whole journey to what few pages ask for."""

from chromium import Chromium
from scenes import journeys, pins


def the_journey_of_a_security_key_in_chromium():
    journeys.of_a_new_key(Chromium.running())


def a_wrong_pin_is_told_and_the_right_one_goes_on_in_chromium():
    pins.a_wrong_pin_is_told(Chromium.running())
