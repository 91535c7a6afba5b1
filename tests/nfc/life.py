"""A platform with one version of python-fido2, and a card on a reader: registers, signs in, and looks after the card.

    life.py [extended | unpolled]

It is run by the Python that has this version. `extended` sends extended APDUs, `unpolled` has the card answer within its
APDU; only python-fido2 2 can do so. Says in JSON what it has seen.
"""

import hashlib
import json
import secrets
import sys
import time

from fido2.ctap1 import Ctap1
from fido2.ctap2 import ClientPin, CredentialManagement, Ctap2, LargeBlobs
from fido2.pcsc import CtapPcscDevice

PIN = "correct horse"
SITE = "example.com"
USER = {"id": b"Alice", "name": "Alice"}
mode = sys.argv[1] if len(sys.argv) > 1 else ""
apdus = 0


class Counted(CtapPcscDevice):
    def apdu_exchange(self, *arguments, **more):
        global apdus
        apdus += 1
        return super().apdu_exchange(*arguments, **more)


def tapped():
    """The card, as if it had just been tapped: it is given power anew, and that is a touch."""
    [device] = Counted.list_devices()
    if mode == "extended":
        device.use_ext_apdu = True
    if mode == "unpolled":
        device.use_nfcctap_getresponse = False
    return device


def with_pin(device, permission):
    ctap = Ctap2(device)
    pin = ClientPin(ctap)
    site = SITE if permission & (ClientPin.PERMISSION.MAKE_CREDENTIAL | ClientPin.PERMISSION.GET_ASSERTION) else None
    token = pin.get_pin_token(PIN, permission, site)
    return ctap, pin.protocol, token


def sets_the_pin():
    device = tapped()
    ClientPin(Ctap2(device)).set_pin(PIN)
    device.close()


def registers():
    device = tapped()
    ctap, protocol, token = with_pin(device, ClientPin.PERMISSION.MAKE_CREDENTIAL)
    challenge = secrets.token_bytes(32)
    parameters = [{"type": "public-key", "alg": -7}]
    made = ctap.make_credential(
        challenge,
        {"id": SITE, "name": SITE},
        USER,
        parameters,
        extensions={"largeBlobKey": True},
        options={"rk": True},
        pin_uv_param=protocol.authenticate(token, challenge),
        pin_uv_protocol=protocol.VERSION,
    )
    device.close()
    return made.auth_data.credential_data


def signs_in(credential):
    device = tapped()
    ctap, protocol, token = with_pin(device, ClientPin.PERMISSION.GET_ASSERTION)
    challenge = secrets.token_bytes(32)
    parameter = protocol.authenticate(token, challenge)
    answer = ctap.get_assertion(
        SITE,
        challenge,
        extensions={"largeBlobKey": True},
        pin_uv_param=parameter,
        pin_uv_protocol=protocol.VERSION,
    )
    answer.verify(challenge, credential.public_key)
    flags = int(answer.auth_data.flags)
    device.close()
    return flags, answer.large_blob_key


def lists():
    device = tapped()
    management = CredentialManagement(*with_pin(device, ClientPin.PERMISSION.CREDENTIAL_MGMT))
    known = [
        credential[CredentialManagement.RESULT.USER]["name"]
        for site in management.enumerate_rps()
        for credential in management.enumerate_creds(site[CredentialManagement.RESULT.RP_ID_HASH])
    ]
    device.close()
    return known


def keeps_a_blob(key):
    """Long messages, in both directions."""
    device = tapped()
    blobs = LargeBlobs(*with_pin(device, ClientPin.PERMISSION.LARGE_BLOB_WRITE))
    blob = secrets.token_bytes(1500)
    blobs.put_blob(key, blob)
    same = blobs.get_blob(key) == blob
    device.close()
    return same


def registers_by_u2f():
    device = tapped()
    challenge, site = secrets.token_bytes(32), hashlib.sha256(SITE.encode()).digest()
    made = Ctap1(device).register(challenge, site)
    made.verify(site, challenge)
    device.close()
    device = tapped()
    answer = Ctap1(device).authenticate(challenge, site, made.key_handle)
    answer.verify(site, challenge, made.public_key)
    device.close()
    return answer.user_presence


def registers_quickly():
    """A credential, and what the quickest of five registrations took, from connecting to letting go: milliseconds and APDUs."""
    global apdus
    took = []
    for _ in range(5):
        apdus, started = 0, time.monotonic()
        credential = registers()
        took.append((round((time.monotonic() - started) * 1000, 1), apdus))
    return credential, min(took)


sets_the_pin()
credential, (milliseconds, of_a_registration) = registers_quickly()
flags, blob_key = signs_in(credential)
seen = {
    "registration": {"milliseconds": milliseconds, "apdus": of_a_registration},
    "flags": flags,
    "listed": lists(),
    "blob": keeps_a_blob(blob_key),
    "u2f": registers_by_u2f(),
}
json.dump(seen, sys.stdout)
