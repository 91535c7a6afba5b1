"""The client and the plugin with a key that is served: what can be told without a host."""

import base64
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fido2.client import DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap2 import Ctap2
from fido2.server import Fido2Server
from prometheus_client.parser import text_string_to_metric_families

from keyfob import Keyfob, NoPrompt, NotStarted, Refused, start, webdriver
from keyfob.fido2 import opened


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
    keyfob_key.change_credential(told["credentialId"], backupEligibility=True, backupState=True)
    keyfob_key.remove_credential(told["credentialId"])
    assert keyfob_key.credentials() == []


def test_what_is_refused_says_why_and_what_next(keyfob_key):
    with pytest.raises(Refused) as refused:
        keyfob_key.remove_credential("bm93aGVyZQ")
    assert refused.value.error == "invalid argument" and refused.value.next
    keyfob_key.set_policy(touch="deny")
    with pytest.raises(Refused):
        keyfob_key.enroll_finger(1)  # this kind of key has no sensor


def test_a_start_that_fails_says_so_in_the_words_of_keyfob(keyfob_key, request):
    program = request.config.getoption("keyfob_program")
    taken = next(line for line in keyfob_key.said if line.startswith("listening on ")).split()[2].rstrip(",")
    for failing, words in [
        (start("serve", "--listen", taken, program=program), f"{taken} is taken by "),
        (start("serve", "--listen", "127.0.0.1:0", program="./no-such-program"), "cannot start ./no-such-program"),
        (start("serve", "--profile", "no-such-profile", program=program), "no-such-profile"),
        (webdriver("./no-such-driver", "--serve", program=program), "cannot start ./no-such-driver"),
    ]:
        with pytest.raises(NotStarted) as refused, failing:
            pass
        assert words in refused.value.message and refused.value.next, refused.value
        assert "keyfob: " not in str(refused.value)


def test_faults_are_added_listed_and_cleared(keyfob_key):
    (number,) = keyfob_key.add_fault(kind="status", status="CTAP2_ERR_PIN_BLOCKED", command="getInfo")
    assert [fault["id"] for fault in keyfob_key.faults()] == [number]
    with pytest.raises(Refused):
        keyfob_key.clear_faults(0)  # no fault has this number: none is taken for all
    keyfob_key.clear_faults(number)
    keyfob_key.add_fault(recipe="busy-at-once")
    keyfob_key.clear_faults()
    assert keyfob_key.faults() == []


def test_python_fido2_has_it_as_a_device(keyfob_key):
    with opened(keyfob_key) as device:
        assert "FIDO_2_1" in Ctap2(device).info.versions


def test_prometheus_reads_what_was_counted(keyfob_key):
    with opened(keyfob_key) as device:
        Ctap2(device)
    keyfob_key.health()
    families = {family.name: family for family in text_string_to_metric_families(keyfob_key.metrics())}
    requests = {sample.labels["command"]: sample.value for sample in families["keyfob_requests"].samples}
    assert requests["authenticatorGetInfo"] >= 1
    assert families["keyfob_keys"].samples[0].value == 1
    assert families["keyfob_request_duration_seconds"].type == "histogram"
    assert all(family.documentation and family.type != "unknown" for family in families.values())


def test_a_site_registers_it_and_signs_in(keyfob_key):
    server = Fido2Server({"id": "example.org", "name": "A site"})
    keyfob_key.set_policy(touch="auto")
    with opened(keyfob_key) as device:
        browser = Fido2Client(device, DefaultClientDataCollector("https://example.org"), UserInteraction())
        options, state = server.register_begin({"id": b"ada", "name": "ada"}, user_verification="discouraged")
        made = server.register_complete(state, browser.make_credential(options.public_key))
        options, state = server.authenticate_begin([made.credential_data], "discouraged")
        assertion = browser.get_assertion(options.public_key).get_response(0)
        server.authenticate_complete(state, [made.credential_data], assertion)


def test_each_operation_of_the_description_is_a_method():
    description = Path(__file__).parents[3] / "docs" / "openapi.json"
    paths = json.loads(description.read_text(encoding="utf-8"))["paths"]
    named = {one["operationId"] for path in paths.values() for one in path.values() if "operationId" in one}
    names = {"list_keys": "keys", "wait_for_prompt_of_key": "wait_for_prompt"}
    snake = {re.sub("([A-Z])", r"_\1", name).lower() for name in named}
    assert [name for name in snake if not hasattr(Keyfob, names.get(name, name))] == []


def _base64url(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
