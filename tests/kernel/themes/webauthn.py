"""WebAuthn from end to end, and the extensions that a page can ask for."""

import base64
import json

import webauthn
from fido2.attestation import AttestationVerifier

from phrases import PIN, attach, serve, set_pin
from places import on_both
from programs import run
from python_fido2 import Browser, opened
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

FIRST, SECOND = b"a salt", b"another salt"


def a_page_registers_a_user_and_signs_them_in():
    with serve(), opened(attach()) as hid:
        page = Browser(hid)
        alice = page.register()
        assert not alice.data.is_user_verified()
        page.sign_in(alice)


@on_both
def a_page_signs_a_verified_user_in_without_a_name():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with opened(device) as hid:
            page = Browser(hid, PIN)
            alice = page.register(discoverable=True)
            assert page.sign_in(alice, named=False).data.is_user_verified()


def a_page_falls_back_to_u2f_where_the_key_knows_nothing_else():
    with serve("--profile", "u2f-only"), opened(attach()) as hid:
        page = Browser(hid)
        page.sign_in(page.register())


def the_attestation_leads_to_the_root_in_the_metadata_statement():
    with serve(keep=True) as key, opened(attach()) as hid:
        statement = json.loads(key.type("metadata", "--state", key.state).must_succeed())
        (root,) = statement["attestationRootCertificates"]
        Browser(hid, verify_attestation=_Trusting(root)).register()


def prf_gives_the_page_the_same_secrets_at_registration_and_at_each_sign_in():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with opened(device) as hid:
            page, asked = Browser(hid, PIN), {"prf": {"eval": {"first": FIRST, "second": SECOND}}}
            alice = page.register(extensions=asked)
            at_registration = alice.results.prf
            assert at_registration.enabled and _secrets(at_registration)[0] != _secrets(at_registration)[1]
            for _ in range(2):
                again = page.sign_in(alice, extensions=asked).results.prf
                assert _secrets(again) == _secrets(at_registration)


def prf_gives_a_user_who_was_not_verified_another_secret():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with opened(device) as hid:
            asked = {"prf": {"eval": {"first": FIRST}}}
            alice = Browser(hid, PIN).register(extensions=asked)
            unverified = Browser(hid).sign_in(alice, extensions=asked)
            assert unverified.results.prf.results.first != alice.results.prf.results.first


def a_page_keeps_a_large_blob_on_the_key():
    with serve():
        device = attach()
        device.set_pin(PIN)
        with opened(device) as hid:
            page = Browser(hid, PIN)
            alice = page.register(discoverable=True, extensions={"largeBlob": {"support": "required"}})
            assert alice.results.large_blob.supported
            blob = b"a certificate " * 50
            assert page.sign_in(alice, extensions={"largeBlob": {"write": blob}}).results.large_blob.written
            assert page.sign_in(alice, extensions={"largeBlob": {"read": True}}).results.large_blob.blob == blob


def a_page_keeps_a_small_blob_with_the_passkey():
    with serve(), opened(attach()) as hid:
        page = Browser(hid)
        alice = page.register(discoverable=True, extensions={"credBlob": b"thirty-two bytes fit, and more"})
        assert alice.data.extensions["credBlob"] is True
        read = page.sign_in(alice, extensions={"getCredBlob": True})
        assert read.data.extensions["credBlob"] == b"thirty-two bytes fit, and more"


def a_page_that_is_listed_learns_the_minimum_pin_length():
    with serve():
        device, asked = attach(), {"minPinLength": True}
        device.token("-S", "-l", "6").must_succeed()
        with opened(device) as hid:
            assert not Browser(hid).register(extensions=asked).data.extensions
        device.token("-S", "-m", "example.org,example.com").must_succeed()
        with opened(device) as hid:
            assert Browser(hid).register(extensions=asked).data.extensions == {"minPinLength": 6}


class _Trusting(AttestationVerifier):
    """A relying party that trusts this root and no other."""

    def __init__(self, root):
        super().__init__()
        self._root = base64.b64decode(root)

    def ca_lookup(self, attestation_result, auth_data):
        return self._root


def _secrets(prf):
    return prf.results.first, prf.results.second


def a_relying_partys_library_takes_what_the_command_makes_without_a_browser():
    with serve() as key:
        set_pin(key, "auto")
        options = webauthn.generate_registration_options(rp_id="example.com", rp_name="Example", user_name="ada")
        made = _ceremony(key, "create", options)
        judged = webauthn.verify_registration_response(
            credential=made,
            expected_challenge=options.challenge,
            expected_origin="https://login.example.com",
            expected_rp_id="example.com",
            require_user_verification=True,
        )
        options = webauthn.generate_authentication_options(
            rp_id="example.com", allow_credentials=[PublicKeyCredentialDescriptor(id=judged.credential_id)]
        )
        webauthn.verify_authentication_response(
            credential=_ceremony(key, "get", options),
            expected_challenge=options.challenge,
            expected_origin="https://login.example.com",
            expected_rp_id="example.com",
            credential_public_key=judged.credential_public_key,
            credential_current_sign_count=judged.sign_count,
            require_user_verification=True,
        )


def _ceremony(key, name, options):
    """What a page sends back for a site's options: by `keyfob webauthn`."""
    words = ["webauthn", name, "--origin", "https://login.example.com", "--pin", PIN]
    options = webauthn.options_to_json(options)
    return run(key.program, *words, typed=options, environment=key.environment).must_succeed()
