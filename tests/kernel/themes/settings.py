"""authenticatorConfig: the settings of a key."""

from phrases import PIN, USER_VERIFIED, attach, serve
from places import on_both


@on_both
def user_verification_can_be_demanded_always():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.token("-S", "-u", pin=PIN).must_succeed()
        assert "alwaysUv" in device.options()
        assert device.register(pin=PIN).flags & USER_VERIFIED
        device.refuses_to_register("FIDO_ERR_PIN_INVALID", pin="wrong guess")
        device.token("-D", "-u", pin=PIN).must_succeed()
        assert "noalwaysUv" in device.options()
        assert device.register().flags & USER_VERIFIED == 0


def a_pin_that_has_become_too_short_must_be_changed():
    with serve():
        device = attach()
        device.set_pin("1234")
        device.token("-S", "-l", "6", pin="1234").must_succeed()
        assert "pin change required: true" in device.information()
        device.change_pin("1234", "123456")
        assert "pin change required: false" in device.information()


def a_pin_shorter_than_the_minimum_is_refused():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.token("-S", "-l", "6", pin=PIN).must_succeed()
        assert "minpinlen: 6" in device.information()
        device.refuses_to_change_pin("FIDO_ERR_PIN_POLICY_VIOLATION", PIN, "12345")
        device.change_pin(PIN, "123456")


def the_minimum_can_only_rise():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.token("-S", "-l", "6", pin=PIN).must_succeed()
        device.token("-S", "-l", "5", pin=PIN).must_fail_with("FIDO_ERR_PIN_POLICY_VIOLATION")
        assert "minpinlen: 6" in device.information()


def a_pin_whose_change_is_demanded_opens_nothing_until_it_is_changed():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.token("-S", "-f", pin=PIN).must_succeed()
        assert "pin change required: true" in device.information()
        device.refuses_to_register("FIDO_ERR_PIN_POLICY_VIOLATION", "-v", pin=PIN)
        device.refuses_to_change_pin("FIDO_ERR_PIN_POLICY_VIOLATION", PIN, PIN)
        device.change_pin(PIN, "another")
        assert device.register(options="-v", pin="another").flags & USER_VERIFIED


def a_key_without_a_pin_is_configured_without_one():
    with serve():
        device = attach()
        device.token("-S", "-l", "6").must_succeed()
        assert "minpinlen: 6" in device.information()


def enterprise_attestation_is_off_until_it_is_enabled():
    with serve("--profile", "everything"):
        device = attach()
        assert "noep" in device.options()
        device.set_pin(PIN)
        device.token("-S", "-a", pin=PIN).must_succeed()
        assert "ep" in device.options()
