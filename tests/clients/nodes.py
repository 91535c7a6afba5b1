"""A plugin for python-fido2's own tests: they find the keys of a bus without a kernel, too."""

import glob
import os
from types import SimpleNamespace

from fido2.hid import linux

if folder := os.environ.get("KEYFOB_NODES"):
    linux.glob = SimpleNamespace(glob=lambda _: glob.glob(f"{folder}/hidraw*[0-9]"))
