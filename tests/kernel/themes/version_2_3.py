"""What CTAP 2.2 and 2.3 brought, below the level of a page."""

import json
import secrets
from threading import Event

from fido2.ctap import CtapError
from fido2.ctap2 import CredentialManagement, Ctap2

from phrases import PIN, attach, power_cycle, serve, touched
from places import on_both
from programs import in_a_file, start
from python_fido2 import SITE, descriptor, platform, refused, registration

ERR = CtapError.ERR
LONG_TOUCH_FOR_RESET = 0x04  # of authenticatorConfig; python-fido2 2.2 has no name for it


def the_key_tells_what_version_2_3_added():
    with serve(), platform(attach()) as host:
        info = host.ctap.info
        assert {"FIDO_2_1", "FIDO_2_3", "U2F_V2"} <= set(info.versions), info
        assert {"hmac-secret-mc", "thirdPartyPayment", "pinComplexityPolicy"} <= set(info.extensions), info
        assert info.attestation_formats == ["packed", "fido-u2f"], info
        assert info.authenticator_config_commands == [2, 3, 4] and info.max_pin_length == 63, info
        assert info.pin_complexity_policy is False and info.long_touch_for_reset is False, info
        assert len(info.enc_identifier) == len(info.enc_cred_store_state) == 32, info


def the_identifier_looks_new_each_time_but_not_to_the_holder_of_a_persistent_token():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with platform(device) as host:
            token = host.persistent_token(PIN)
            one, other = host.ctap.get_info(), host.ctap.get_info()
            assert one.enc_identifier != other.enc_identifier
            assert one.get_identifier(token) == other.get_identifier(token)
            assert one.get_identifier(bytes(32)) != other.get_identifier(bytes(32))


def the_store_has_a_new_state_after_each_change_and_only_then():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with platform(device) as host:
            token = host.persistent_token(PIN)
            states = [host.ctap.get_info().get_cred_store_state(token) for _ in range(2)]
            host.register(discoverable=True, pin=PIN)
            states.append(host.ctap.get_info().get_cred_store_state(token))
            assert states[0] == states[1] != states[2], states


def a_persistent_token_lists_passkeys_after_a_power_cycle_and_changes_none():
    with serve():
        device = attach()
        device.set_pin(PIN)
        device.register(options="-r", pin=PIN)
        with platform(device) as host:
            token = host.persistent_token(PIN)
        with platform(power_cycle()) as host:
            (passkey,) = _passkeys(host, token)
            assert passkey[CredentialManagement.RESULT.USER]["id"] == b"Alice"
            with refused(ERR.PIN_AUTH_INVALID):
                host.credentials(token).delete_cred(passkey[CredentialManagement.RESULT.CREDENTIAL_ID])


def a_persistent_token_ends_with_the_pin_that_it_was_given_for():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with platform(device) as host:
            token = host.persistent_token(PIN)
            host.credentials(token).get_metadata()
            host.pin.change_pin(PIN, "another")
            with refused(ERR.PIN_AUTH_INVALID):
                host.credentials(token).get_metadata()


def a_passkey_for_payments_by_third_parties_says_so():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with platform(device) as host:
            asked = {"thirdPartyPayment": True}
            paying = host.register(extensions=asked).auth_data.credential_data
            other = host.register().auth_data.credential_data
            assert host.sign(paying, asked).auth_data.extensions == {"thirdPartyPayment": True}
            assert host.sign(other, asked).auth_data.extensions == {"thirdPartyPayment": False}


def a_complex_pin_can_be_demanded_and_a_listed_page_learns_it():
    with serve():
        device = attach()
        with platform(device) as host:
            host.config().set_min_pin_length(rp_ids=[SITE], pin_complexity_policy=True)
            assert host.ctap.get_info().pin_complexity_policy is True
            for simple in ("1111", "1234", "dcba"):
                with refused(ERR.PIN_POLICY_VIOLATION):
                    host.pin.set_pin(simple)
            host.pin.set_pin(PIN)
            made = host.register(extensions={"pinComplexityPolicy": True})
            assert made.auth_data.extensions == {"pinComplexityPolicy": True}


def a_reset_can_be_made_to_need_a_long_touch():
    with serve(touch="ask") as key:
        with platform(attach()) as host:
            host.ctap.config(LONG_TOUCH_FOR_RESET)
            assert host.ctap.get_info().long_touch_for_reset is True
        device = power_cycle()
        client = start("fido2-token", "-R", device.node)
        assert json.loads(key.type("wait").must_succeed())["gesture"] == "long_touch"
        touched(key, client, "").must_succeed()
        with platform(device) as host:
            assert host.ctap.info.long_touch_for_reset is False


def who_prefers_no_attestation_gets_none():
    with serve(), platform(attach()) as host:
        for preferred, given in ((["none"], "none"), (["packed", "none"], "packed"), (["tpm"], "packed")):
            request = dict(enumerate(registration(secrets.token_bytes(32)), start=1))
            made = host.ctap.send_cbor(Ctap2.CMD.MAKE_CREDENTIAL, {**request, 0x0B: preferred})
            assert made[1] == given, made[1]


def every_algorithm_of_the_key_registers_and_signs():
    with serve("--profile", "everything"), platform(attach()) as host:
        algorithms = [entry["alg"] for entry in host.ctap.info.algorithms]
        assert algorithms == [-7, -8, -35, -36, -47, -48, -49, -257, -37], algorithms
        for algorithm in algorithms:
            credential = host.register(algorithm).auth_data.credential_data
            assert credential.public_key.ALGORITHM == algorithm
            host.sign(credential)


def enterprise_attestation_is_another_one_and_only_for_who_enabled_it():
    with serve("--profile", "everything"), platform(attach()) as host:
        with refused(ERR.INVALID_PARAMETER):
            host.register(enterprise_attestation=2)
        host.config().enable_enterprise_attestation()
        ordinary, enterprise = host.register(), host.register(enterprise_attestation=2)
        assert enterprise.ep_att and not ordinary.ep_att
        assert enterprise.att_stmt["x5c"] != ordinary.att_stmt["x5c"]


def the_extension_large_blob_keeps_a_blob_in_the_passkey_itself():
    profile = in_a_file('extensions = ["credProtect", "hmac-secret", "largeBlob"]', "[options]", "largeBlobs = false")
    with serve("--profile", profile), platform(attach()) as host:
        made = host.register(discoverable=True, extensions={"largeBlob": {"support": "required"}})
        assert made.unsigned_extension_outputs == {"largeBlob": {"supported": True}}
        blob = {"blob": b"compressed by the platform", "originalSize": 50}
        written = _large_blob(host, made, {"write": blob["blob"], "originalSize": blob["originalSize"]})
        assert written == {"written": True}
        assert _large_blob(host, made, {"read": True}) == blob


@on_both
def a_request_that_the_platform_takes_back_leaves_the_key_free_at_once():
    with serve(touch="ask") as key, platform(attach()) as host:
        taken_back = Event()
        with refused(ERR.KEEPALIVE_CANCEL):
            members = {"event": taken_back, "on_keepalive": lambda _: taken_back.set()}
            host.ctap.make_credential(*registration(secrets.token_bytes(32)), **members)
        assert '"prompt":null' in key.type("status", "--json").must_succeed()


def _passkeys(host, token):
    store = host.credentials(token)
    (site,) = store.enumerate_rps()
    return store.enumerate_creds(site[CredentialManagement.RESULT.RP_ID_HASH])


def _large_blob(host, made, wish):
    """getAssertion with the extension; its output is member 8, which python-fido2 2.2 does not know."""
    named = [descriptor(made.auth_data.credential_data)]
    request = {1: SITE, 2: secrets.token_bytes(32), 3: named, 4: {"largeBlob": wish}}
    return host.ctap.send_cbor(Ctap2.CMD.GET_ASSERTION, request)[8]["largeBlob"]
