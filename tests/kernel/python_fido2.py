"""python-fido2: a platform, a browser and a relying party of today, for what libfido2 1.12 does not know yet.

While it has the key open nobody else may use it: it takes an answer to another client for a broken one to itself.
"""

import secrets
from contextlib import contextmanager
from dataclasses import dataclass

from fido2.attestation import Attestation
from fido2.client import ClientError, DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.cose import CoseKey
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, CredentialManagement, Ctap2
from fido2.hid import open_device
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, AuthenticatorData

SITE = "example.com"


@contextmanager
def opened(device):
    """The key, as python-fido2 sees it."""
    hid = open_device(device.node)
    try:
        yield hid
    finally:
        hid.close()


@contextmanager
def platform(device):
    """An operating system that talks to the key."""
    with opened(device) as hid:
        yield Platform(hid)


@contextmanager
def refused(error):
    """What happens here must fail with this error, one of CtapError.ERR."""
    try:
        yield
    except (CtapError, ClientError) as refusal:
        cause = refusal.cause if isinstance(refusal, ClientError) else refusal
        assert getattr(cause, "code", None) == error, repr(refusal)
    else:
        raise AssertionError(f"not refused; awaited: {error!r}")


class Platform:
    """The commands of CTAP 2.3. python-fido2 checks that every answer is canonical CBOR."""

    def __init__(self, hid):
        self.hid = hid
        self.ctap = Ctap2(hid)
        self.pin = ClientPin(self.ctap)

    def token(self, pin, permission, site=None):
        return self.pin.get_pin_token(pin, permission, site)

    def persistent_token(self, pin):
        return self.token(pin, ClientPin.PERMISSION.PERSISTENT_CREDENTIAL_MGMT)

    def credentials(self, token):
        """The key's passkeys, for the holder of a token."""
        return CredentialManagement(self.ctap, self.pin.protocol, token)

    def config(self, pin=None):
        """The key's settings. A key without a PIN asks for none."""
        token = self.token(pin, ClientPin.PERMISSION.AUTHENTICATOR_CFG) if pin else None
        return Config(self.ctap, self.pin.protocol, token)

    def register(self, algorithm=-7, discoverable=False, pin=None, **members):
        """Make a credential, and have its attestation verified."""
        challenge = secrets.token_bytes(32)
        options = {"rk": True} if discoverable else None
        if pin:
            token = self.token(pin, ClientPin.PERMISSION.MAKE_CREDENTIAL, SITE)
            members["pin_uv_param"] = self.pin.protocol.authenticate(token, challenge)
            members["pin_uv_protocol"] = self.pin.protocol.VERSION
        made = self.ctap.make_credential(*registration(challenge, algorithm), options=options, **members)
        Attestation.for_type(made.fmt)().verify(made.att_stmt, made.auth_data, challenge)
        return made

    def sign(self, credential, extensions=None):
        """Sign in with a credential that is named, and have the assertion verified."""
        challenge = secrets.token_bytes(32)
        assertion = self.ctap.get_assertion(SITE, challenge, [descriptor(credential)], extensions)
        assertion.verify(challenge, CoseKey.parse(credential.public_key))
        return assertion


class Browser:
    """WebAuthn from end to end: a page, the user's browser, and the relying party, who verifies everything."""

    def __init__(self, hid, pin=None, verify_attestation=None):
        collector = DefaultClientDataCollector(f"https://{SITE}")
        self._client = Fido2Client(hid, collector, _User(pin))
        site = {"id": SITE, "name": SITE}
        self._server = Fido2Server(site, "direct", verify_attestation=verify_attestation or _verify_attestation)
        self._verification = "required" if pin else "discouraged"

    def register(self, discoverable=False, extensions=None):
        options, state = self._server.register_begin(
            {"id": b"Alice", "name": "Alice"},
            resident_key_requirement="required" if discoverable else "discouraged",
            user_verification=self._verification,
            extensions=extensions,
        )
        response = self._client.make_credential(options.public_key)
        data = self._server.register_complete(state, response)
        return Ceremony(data.credential_data, data, response.client_extension_results)

    def sign_in(self, registration, named=True, extensions=None):
        credentials = [registration.credential]
        options, state = self._server.authenticate_begin(
            credentials if named else None, self._verification, extensions=extensions
        )
        response = self._client.get_assertion(options.public_key).get_response(0)
        self._server.authenticate_complete(state, credentials, response)
        data = response.response.authenticator_data
        return Ceremony(registration.credential, data, response.client_extension_results)


@dataclass
class Ceremony:
    """A registration or a sign-in that the relying party has verified."""

    credential: AttestedCredentialData
    data: AuthenticatorData
    results: object  # what the browser hands to the page: the outputs of extensions, by their names


class _User(UserInteraction):
    def __init__(self, pin):
        self._pin = pin

    def request_pin(self, permissions, rp_id):
        return self._pin


def registration(challenge, algorithm=-7):
    """The members of makeCredential that are always there, in their order."""
    site, user = {"id": SITE, "name": SITE}, {"id": b"Alice", "name": "Alice"}
    return challenge, site, user, [{"type": "public-key", "alg": algorithm}]


def descriptor(credential):
    return {"type": "public-key", "id": credential.credential_id}


def _verify_attestation(attestation, client_data_hash):
    """The signature only: who made the key's certificate, nobody asks here."""
    Attestation.for_type(attestation.fmt)().verify(attestation.att_stmt, attestation.auth_data, client_data_hash)
