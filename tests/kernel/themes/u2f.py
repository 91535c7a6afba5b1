"""U2F, the protocol from before FIDO2, which every key still speaks."""

from phrases import PIN, USER_PRESENT, attach, serve, touched
from places import on_both


def a_u2f_registration_and_its_signatures_verify():
    for profile in ("default", "u2f-only"):
        with serve("--profile", profile):
            device = attach()
            credential = device.register(options="-u")
            assert credential.format == "fido-u2f", credential
            assertions = [device.sign(credential, "-u -p") for _ in range(2)]
            assert [assertion.flags for assertion in assertions] == [USER_PRESENT] * 2
            assert assertions[0].counter < assertions[1].counter


def a_client_turns_to_u2f_by_itself_where_the_key_knows_nothing_else():
    with serve("--profile", "u2f-only"):
        device = attach()
        credential = device.register()
        assert credential.format == "fido-u2f", credential
        device.sign(credential)


def what_u2f_registered_signs_in_ctap2_too():
    with serve():
        device = attach()
        device.sign(device.register(options="-u"))


@on_both
def a_u2f_client_waits_for_its_touch():
    with serve(touch="ask") as key:
        client = attach().begin_to_register("-u")
        touched(key, client, "").must_succeed()


def a_u2f_credential_of_another_key_is_refused():
    with serve():
        foreign = attach().register(options="-u")
    with serve():
        attach().refuses_to_sign("FIDO_ERR_NO_CREDENTIALS", foreign, "-u -p")


def u2f_is_shut_where_the_user_must_always_be_verified():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.token("-S", "-u", pin=PIN).must_succeed()
        assert "U2F_V2" not in device.information()
        device.refuses_to_register("FIDO_ERR_RX", "-u")  # what libfido2 makes of any status word but success
        device.register(pin=PIN)
