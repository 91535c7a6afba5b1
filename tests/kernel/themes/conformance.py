"""The conformance suite through the kernel's hidraw: the same cases that run in simulated time."""

import os
import re

import kernel
from keyfob import Keyfob
from programs import start

# An emulated machine plugs a key in within seconds, and most chapters do that hundreds of times.
CHAPTERS = ["ctaphid_channels", "selection"] if "KEYFOB_EMULATED" in os.environ else []
PATIENCE = 220  # seconds


def the_key_passes_the_conformance_suite_through_the_kernel():
    with Keyfob("attach") as key:
        words = [word for chapter in CHAPTERS for word in ("--filter", chapter)]
        node = kernel.await_node()
        command = [key.program, "conform", "--device", node, "--yes-erase-this-key", *words]
        client = start(*command, environment=key.environment)
        output, _ = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, output
        passed = int(re.search(r"(\d+) passed, 0 failed", output)[1])
        print(f"     {passed} cases passed through hidraw", flush=True)
        assert passed > 30, output
