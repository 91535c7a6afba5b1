"""The client and the plugin with a key that is served: what can be told without a host."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keyfob import NoPrompt, Refused


def test_the_fixture_is_a_key_that_asks_nothing(keyfob_key):
    (key,) = keyfob_key.keys()
    assert key["key"] == "1-1" and key["prompt"] is None
    with pytest.raises(NoPrompt):
        keyfob_key.wait_for_prompt(seconds=0)


def test_a_credential_goes_in_and_out(keyfob_key):
    private = generate_private_key(SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    credential = {
        "credentialId": _base64url(b"an id"),
        "isResidentCredential": True,
        "rpId": "example.org",
        "userHandle": _base64url(b"ada"),
        "privateKey": _base64url(private),
        "signCount": 7,
    }
    assert keyfob_key.add_credential(credential) is None
    (told,) = keyfob_key.credentials()
    assert credential.items() <= told.items()
    keyfob_key.change_credential(told["credentialId"], backupState=True)
    keyfob_key.remove_credential(told["credentialId"])
    assert keyfob_key.credentials() == []


def test_what_is_refused_says_why_and_what_next(keyfob_key):
    with pytest.raises(Refused) as refused:
        keyfob_key.remove_credential("bm93aGVyZQ")
    assert refused.value.error == "invalid argument" and refused.value.next
    keyfob_key.set_policy(touch="deny")
    with pytest.raises(Refused):
        keyfob_key.enroll_finger(1)  # this kind of key has no sensor


def _base64url(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
