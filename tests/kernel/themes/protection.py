"""credProtect: what a site gets from a passkey while nobody is verified."""

from phrases import PIN, USER_PRESENT, USER_VERIFIED, attach, serve
from places import on_both


def level_one_is_found_and_signs_without_the_pin():
    with serve():
        device = attach()
        credential = _passkey(device, level=1)
        assert device.discover([credential])[0].flags == USER_PRESENT
        device.sign(credential)


@on_both
def level_two_is_found_with_the_pin_only_but_signs_for_who_can_name_it():
    with serve():
        device = attach()
        credential = _passkey(device, level=2)
        device.refuses_to_discover("FIDO_ERR_NO_CREDENTIALS", [credential])
        device.sign(credential)
        assert device.discover([credential], "-p -v", PIN)[0].flags == USER_PRESENT | USER_VERIFIED


def level_three_does_not_exist_without_the_pin():
    with serve():
        device = attach()
        credential = _passkey(device, level=3)
        device.refuses_to_discover("FIDO_ERR_NO_CREDENTIALS", [credential])
        device.refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", credential)
        device.sign(credential, "-p -v", PIN)
        device.discover([credential], "-p -v", PIN)


def levels_two_and_three_are_left_out_of_what_is_found_without_the_pin():
    with serve():
        device = attach()
        device.set_pin(PIN)
        passkeys = [device.register(user=f"level {n}", options=f"-r -v -c {n}", pin=PIN) for n in (1, 2, 3)]
        assert [found.user for found in device.discover(passkeys)] == ["level 1"]
        everything = [found.user for found in device.discover(passkeys, "-p -v", PIN)]
        assert everything == ["level 3", "level 2", "level 1"], everything


def _passkey(device, level):
    """Its level is part of what the attestation vouches for, and the tool verifies it."""
    device.set_pin(PIN)
    return device.register(options=f"-r -v -c {level}", pin=PIN)
