"""The conformance suite through the kernel's hidraw: the same cases that run in simulated time."""

import re

import kernel
from keyfob import Keyfob
from places import is_emulated, needs_kernel, needs_real_kernel
from programs import start
from report import note

# All of them take an emulated machine about half an hour: most chapters plug the key in hundreds of times.
PATIENCE = 220  # seconds


@needs_kernel
def the_default_key_passes_the_conformance_suite():
    _passes("default", "hd-init", "hd-busy", "hd-cancel", "selection")


@needs_real_kernel
def the_key_with_a_sensor_passes_the_conformance_suite():
    _passes("bio")


@needs_real_kernel
def the_key_with_everything_passes_the_conformance_suite():
    _passes("everything")


@needs_real_kernel
def the_key_of_2021_passes_the_conformance_suite():
    _passes("fido2.1")


@needs_real_kernel
def the_key_of_2019_passes_the_conformance_suite():
    _passes("fido2.0")


@needs_kernel
def the_key_with_u2f_alone_passes_the_conformance_suite():
    _passes("u2f-only", "uf-version", "uf-wrong")


def _passes(profile, *chapters):
    """All cases or, where the processor is emulated, those of these chapters or with these words in their ids."""
    words = [word for chapter in chapters for word in ("--filter", chapter)] if is_emulated() else []
    with Keyfob("attach", "--profile", profile) as key:
        node = kernel.await_node()
        command = [key.program, "conform", "--device", node, "--yes-erase-this-key", *words]
        client = start(*command, environment=key.environment)
        output, _ = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, output
        passed = int(re.search(r"(\d+) passed, 0 failed", output)[1])
        note(f"cases of {profile} through hidraw", f"{passed} passed")
        assert passed > 10, output
