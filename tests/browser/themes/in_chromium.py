"""Chromium with a key, from the whole journey to what few pages ask for."""

from chromium import Chromium
from places import needs_kernel, on_both
from scenes import accounts, by_selenium, ceremonies, faults, journeys, pins, two_keys


def the_journey_of_a_security_key_in_chromium():
    journeys.of_a_new_key(Chromium.running())


def the_journey_of_a_card_on_a_reader_in_chromium():
    journeys.of_a_new_card(Chromium.running())


def a_wrong_pin_is_told_and_the_right_one_goes_on_in_chromium():
    pins.a_wrong_pin_is_told(Chromium.running())


def two_people_share_a_key_in_chromium():
    accounts.two_people_share_a_key(Chromium.running())


def the_same_key_is_refused_kindly_in_chromium():
    ceremonies.the_same_key_is_refused_kindly(Chromium.running())


def a_denied_touch_is_told_in_chromium():
    ceremonies.a_denied_touch_is_told(Chromium.running())


def a_person_gives_up_in_chromium():
    ceremonies.a_person_gives_up(Chromium.running())


@on_both
def a_page_gives_up_in_chromium():
    ceremonies.a_page_gives_up(Chromium.running())


@needs_kernel
def a_key_through_uhid_registers_and_signs_in_in_chromium():
    ceremonies.a_key_through_uhid_registers_and_signs_in(Chromium.running())


@needs_kernel
def selenium_has_a_page_use_a_key_that_the_kernel_has_in_chromium():
    by_selenium.a_page_uses_a_key_that_the_kernel_has(Chromium.running())


def nobody_touches_in_time_in_chromium():
    ceremonies.nobody_touches_in_time(Chromium.running())


def prf_gives_the_same_secrets_in_chromium():
    ceremonies.prf_gives_the_same_secrets(Chromium.running())


def cred_protect_is_asked_in_chromium():
    ceremonies.cred_protect_is_asked(Chromium.running())


def a_page_keeps_a_large_blob_on_the_key_in_chromium():
    ceremonies.a_page_keeps_a_large_blob_on_the_key(Chromium.running())


def of_two_keys_the_touched_one_is_registered_and_signs_in_in_chromium():
    two_keys.the_key_that_has_the_credential_signs_in(Chromium.running())


def faults_that_real_keys_had_are_taken_as_the_document_tells_in_chromium():
    faults.recipes_are_taken_as_the_document_tells(Chromium.running())
