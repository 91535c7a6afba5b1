#!/bin/sh
# python-fido2 2.2.1 does not derive keys from the ARKG seed that the draft gives as its example: the seed's two keys have no "alg".
#
# version    fido2 2.2.1 (python-fido2) and cryptography 50.0.2 from PyPI; seen with Python 3.11 on Linux, 30 November 2026
# behaviour  A seed of ARKG-P256 is a COSE_Key with two COSE_Keys in it. CoseKey.parse wants "alg" (3) in every COSE_Key, which
#            RFC 9052 calls optional, and pk_bl and pk_kem parse the inner ones. The example of
#            draft-bradleylundberg-cfrg-arkg-10 (section "COSE key type: ARKG public seed") leaves it out of both.
# why        A security key that writes its seed as the draft shows it registers with previewSign, and the client then cannot
#            derive a single public key. With any "alg" in both keys it works: keyfob writes -9 and -25.
# output     as in the draft: ValueError: COSE alg identifier must be provided.
#            with an alg in both keys: derived, key handle of 81 bytes
#
# Usage: findings/python-fido2-arkg-seed-without-alg.sh   (needs python3 and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >derive.py <<'END'
from fido2.cose import CoseKey

BLINDING = {
    1: 2,
    -1: 1,
    -2: bytes.fromhex("69380fc1c3b09652134feefba61776f97af875ce46ca20252c4165102966ebc5"),
    -3: bytes.fromhex("8b515831462ccb0bd55cba04bfd50da63faf18bd845433622daf97c06a10d0f1"),
}
KEM = {
    1: 2,
    -1: 1,
    -2: bytes.fromhex("5c099bec31faa581d14e208250d3ffda9ec7f543043008bc84967a8d875b5d78"),
    -3: bytes.fromhex("539d57429fcb1c138da29010a155dca14566a8f55ac2f1780810c49d4ed72d58"),
}


def outcome(blinding, kem):
    seed = CoseKey.parse({1: -65537, 3: -65700, -1: blinding, -2: kem, -3: -9})
    try:
        _, arguments = seed.derive_public_key(b"ikm", b"context")
        return f"derived, key handle of {len(arguments[-1])} bytes"
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


print("as in the draft:", outcome(BLINDING, KEM))
print("with an alg in both keys:", outcome({**BLINDING, 3: -9}, {**KEM, 3: -25}))
END

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fido2==2.2.1 cryptography==50.0.2
venv/bin/python derive.py | tee output

cat >expected <<'END'
as in the draft: ValueError: COSE alg identifier must be provided.
with an alg in both keys: derived, key handle of 81 bytes
END
diff expected output
