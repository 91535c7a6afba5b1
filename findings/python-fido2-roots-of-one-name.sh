#!/bin/sh
# python-fido2's metadata verifier tries only the first attestation root of a name.
#
# version    fido2 2.2.1 (python-fido2) from PyPI, with cryptography 50.0.2; seen with Python 3.11 on Linux, 29 November 2026
# behaviour  MdsAttestationVerifier takes the root whose subject is the issuer of the last certificate, and no other. Where a
#            metadata statement has two roots of one name, a credential below the second is untrusted, and becomes trusted
#            when the two change places. OpenSSL, given both, accepts the certificate in either order.
# why        A name does not make a root: an authority that changes its key may keep its name (RFC 5280, section 4.1.2.6
#            and 4.2.1.1: that is what the key identifiers are for), and FIDO's metadata statement lists roots without an order.
# output     roots in the order other, ours: refused, UntrustedAttestation
#            roots in the order ours, other: accepted
#            openssl verify, either order: accepted
#
# Usage: findings/python-fido2-roots-of-one-name.sh   (needs python3, openssl and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fido2==2.2.1 cryptography==50.0.2

cat > roots.py <<'END'
import datetime
import hashlib
import subprocess
from base64 import b64encode
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fido2.attestation import UntrustedAttestation
from fido2.cose import ES256
from fido2.mds3 import MdsAttestationVerifier, MetadataBlobPayload
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

AAGUID = Aaguid(bytes(range(1, 17)))
ROOT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Attestation Root")])
# WebAuthn section 8.2.1: country, organization, this unit, a name.
LEAF = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Example Key"),
    ]
)
ID_FIDO_GEN_CE_AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def certificate(subject, key, issuer, issuer_key, is_root):
    start = datetime.datetime(2026, 1, 1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_root:
        model = x509.UnrecognizedExtension(ID_FIDO_GEN_CE_AAGUID, b"\x04\x10" + bytes(AAGUID))
        builder = builder.add_extension(model, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def registration(leaf, leaf_key, client_data_hash):
    credential = AttestedCredentialData.create(AAGUID, b"an id of a key..", ES256.from_cryptography_key(new_key().public_key()))
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT
    auth_data = AuthenticatorData.create(hashlib.sha256(b"example.org").digest(), flags, 1, credential)
    signature = leaf_key.sign(auth_data + client_data_hash, ec.ECDSA(hashes.SHA256()))
    return AttestationObject.create("packed", auth_data, {"alg": -7, "sig": signature, "x5c": [der(leaf)]})


def verifier(roots):
    statement = {
        "description": "Example Key",
        "authenticatorVersion": 1,
        "schema": 3,
        "upv": [{"major": 1, "minor": 1}],
        "attestationTypes": ["basic_full"],
        "userVerificationDetails": [],
        "keyProtection": ["hardware"],
        "matcherProtection": ["on_chip"],
        "attachmentHint": ["external"],
        "tcDisplay": [],
        "attestationRootCertificates": [b64encode(der(root)).decode() for root in roots],
        "aaguid": str(AAGUID),
        "protocolFamily": "fido2",
        "authenticationAlgorithms": ["secp256r1_ecdsa_sha256_raw"],
        "publicKeyAlgAndEncodings": ["cose"],
    }
    entry = {
        "aaguid": str(AAGUID),
        "metadataStatement": statement,
        "statusReports": [],
        "timeOfLastStatusChange": "2026-01-01",
    }
    blob = {"legalHeader": "", "no": 1, "nextUpdate": "2027-01-01", "entries": [entry]}
    return MdsAttestationVerifier(MetadataBlobPayload.from_dict(blob))


def judgement(roots, registered, client_data_hash):
    try:
        verifier(roots).verify_attestation(registered, client_data_hash)
        return "accepted"
    except UntrustedAttestation:
        return "refused, UntrustedAttestation"


def openssl(roots, leaf):
    pem = serialization.Encoding.PEM
    Path("roots.pem").write_bytes(b"".join(root.public_bytes(pem) for root in roots))
    Path("leaf.pem").write_bytes(leaf.public_bytes(pem))
    subprocess.run(["openssl", "verify", "-CAfile", "roots.pem", "leaf.pem"], check=True, stdout=subprocess.DEVNULL)


our_key, other_key, leaf_key = new_key(), new_key(), new_key()
ours = certificate(ROOT, our_key, ROOT, our_key, True)
other = certificate(ROOT, other_key, ROOT, other_key, True)
leaf = certificate(LEAF, leaf_key, ROOT, our_key, False)
client_data_hash = hashlib.sha256(b"{}").digest()
registered = registration(leaf, leaf_key, client_data_hash)

second = judgement([other, ours], registered, client_data_hash)
first = judgement([ours, other], registered, client_data_hash)
print(f"roots in the order other, ours: {second}")
print(f"roots in the order ours, other: {first}")
openssl([other, ours], leaf)
openssl([ours, other], leaf)
print("openssl verify, either order: accepted")
assert (first, second) == ("accepted", "refused, UntrustedAttestation"), "the behaviour has changed"
END
venv/bin/python roots.py
