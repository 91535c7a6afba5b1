"""What a key tells about itself to everybody who asks."""

import json

import bus
from keyfob import Keyfob
from phrases import attach, serve
from places import needs_kernel
from programs import in_a_file, run

pytestmark = needs_kernel

# What some model says. keyfob does all of it but for the last extension and the second transport.
INFO = {
    "versions": ["U2F_V2", "FIDO_2_0"],
    "extensions": ["hmac-secret", "txAuthSimple"],
    "options": {"rk": True, "up": True, "plat": False, "clientPin": False},
    "maxMsgSize": 1200,
    "pinUvAuthProtocols": [1],
    "maxCredentialCountInList": 8,
    "maxCredentialIdLength": 128,
    "transports": ["usb", "lightning"],
    "algorithms": [{"alg": -7, "type": "public-key"}],
}
STATEMENT = {
    "description": "A model",
    "protocolFamily": "fido2",
    "authenticatorVersion": 3,
    "schema": 3,
    "attestationTypes": ["basic_full"],
    "authenticatorGetInfo": {"aaguid": "00112233445566778899aabbccddeeff", **INFO},
}
ENTRY = {"aaguid": "00112233-4455-6677-8899-aabbccddeeff", "metadataStatement": STATEMENT, "statusReports": []}
METADATA = {"no": 1, "nextUpdate": "2099-12-31", "entries": [ENTRY]}


def fido2_token_lists_the_key_and_reads_its_information():
    with serve():
        device = attach()
        assert device.node in run("fido2-token", "-L").must_succeed()
        information = device.information()
        assert "FIDO_2_" in information and "es256" in information, information


def a_key_like_a_model_says_through_the_kernel_what_the_model_says():
    metadata = in_a_file(json.dumps(METADATA))
    with Keyfob("attach", "--like", "a model", "--metadata", metadata) as key:
        told = json.loads(key.type("info", "--json", "--device", bus.await_node()).must_succeed())
    assert told == {**INFO, "aaguid": told["aaguid"]}, told
    assert told["aaguid"] != STATEMENT["authenticatorGetInfo"]["aaguid"], "it claims to be that model"
