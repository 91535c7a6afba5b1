"""A key with a fingerprint sensor: enrolling, and fingers in the PIN's place."""

import re

from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, FPBioEnrollment
from fido2.ctap2.bio import CaptureError
from fido2.hid import STATUS

from phrases import PIN, USER_PRESENT, USER_VERIFIED, attach, serve, touched
from places import on_both
from python_fido2 import SITE, platform, refused

ERR = CtapError.ERR
GET_ASSERTION, BIO_ENROLL = ClientPin.PERMISSION.GET_ASSERTION, ClientPin.PERMISSION.BIO_ENROLL
SAMPLES = 4  # that the profile takes of each finger


def the_sensor_tells_what_it_is():
    with _serve():
        information = attach().information()
        assert "sensor type: 1 (touch)" in information, information
        assert f"max samples: {SAMPLES}" in information, information


def a_finger_is_enrolled_listed_renamed_and_deleted():
    with _serve():
        device = attach()
        _enrol(device)
        assert "bioEnroll" in device.options() and "uv" in device.options()
        (template,) = _templates(device)
        device.token("-S", "-e", "-i", template, "-n", "left thumb", pin=PIN).must_succeed()
        listed = device.token("-L", "-e", pin=PIN).must_succeed()
        assert "left thumb" in listed, listed
        device.token("-D", "-e", "-i", template, pin=PIN).must_succeed()
        device.token("-L", "-e", pin=PIN).must_fail_with("FIDO_ERR_INVALID_OPTION")  # BE-26
        assert "nobioEnroll" in device.options()


def an_enrolled_finger_verifies_where_the_pin_would():
    with _serve():
        device = attach()
        _enrol(device)
        credential = device.register(options="-v")
        assert credential.flags & USER_VERIFIED
        assert device.sign(credential, "-p -t uv=true").flags == USER_PRESENT | USER_VERIFIED


def a_finger_that_is_not_enrolled_is_refused_until_the_pin_is_given():
    with _serve(touch="ask") as key:
        device = attach()
        device.set_pin(PIN)
        _enrol_with(key, device, "--finger 1")
        with platform(device) as host:
            for left in (4, 3, 2, 1, 0):
                with refused(ERR.UV_INVALID if left else ERR.UV_BLOCKED):
                    _verify_with(key, host, "--finger 2")
                assert host.pin.get_uv_retries() == left
            with refused(ERR.UV_BLOCKED):
                _verify_with(key, host, "--finger 1")
            host.token(PIN, GET_ASSERTION, SITE)
            _verify_with(key, host, "--finger 1")


@on_both
def libfido2_is_told_that_a_finger_was_the_wrong_one():
    with _serve(touch="ask") as key:
        device = attach()
        device.set_pin(PIN)
        _enrol_with(key, device, "--finger 1")
        touched(key, device.begin_to_register("-v"), "--finger 1").must_succeed()
        touched(key, device.begin_to_register("-v"), "--finger 2").must_fail_with("FIDO_ERR_UV_INVALID")


def a_sample_that_cannot_be_read_is_explained_and_taken_again():
    with _serve(touch="ask") as key:
        device = attach()
        device.set_pin(PIN)
        with platform(device) as host:
            sensor = FPBioEnrollment(host.ctap, host.pin.protocol, host.token(PIN, BIO_ENROLL))
            enrolment = sensor.enroll()
            assert enrolment.capture(on_keepalive=_placing(key, "--finger 1")) is None
            try:
                enrolment.capture(on_keepalive=_placing(key, "--bad-sample too-high"))
            except CaptureError as why:
                assert why.code == FPBioEnrollment.FEEDBACK.FP_TOO_HIGH
            else:
                raise AssertionError("the sample was not refused")
            assert enrolment.remaining == SAMPLES - 1
            while not enrolment.capture(on_keepalive=_placing(key, "--finger 1")):
                pass
            assert list(sensor.enumerate_enrollments()) == [enrolment.template_id]


def a_second_finger_verifies_as_well_as_the_first():
    with _serve(touch="ask") as key:
        device = attach()
        device.set_pin(PIN)
        _enrol_with(key, device, "--finger 1")
        _enrol_with(key, device, "--finger 2")
        assert len(_templates(device)) == 2
        for finger in (1, 2):
            touched(key, device.begin_to_register("-v"), f"--finger {finger}").must_succeed()


def _serve(touch="auto"):
    return serve("--profile", "bio", touch=touch)


def _enrol(device):
    device.set_pin(PIN)
    device.token("-S", "-e", pin=PIN).must_succeed()


def _enrol_with(key, device, finger):
    """Learn a finger that a person places on the sensor."""
    touched(key, device.begin_to_enrol(PIN), *[finger] * SAMPLES).must_succeed()


def _verify_with(key, host, finger):
    """A token for the finger that a person places."""
    return host.pin.get_uv_token(GET_ASSERTION, SITE, on_keepalive=_placing(key, finger))


def _placing(key, finger):
    """A person who answers when the key says that it waits for somebody."""

    def place(status):
        if status == STATUS.UPNEEDED:
            key.type("touch", *finger.split()).must_succeed()

    return place


def _templates(device):
    listed = device.token("-L", "-e", pin=PIN).must_succeed()
    return re.findall(r"^\d+: (\S+)", listed, re.M)
