"""The bus that a key is plugged into: the kernel's, or one without a kernel. It is chosen once, at the start."""

import os
from importlib.metadata import version

import kernel
import libfido2
import usbip_host

_chosen = kernel


def choose(name, is_used=True):
    """Take "kernel" or "usbip". Whoever only wants to know which tests there are does not use it."""
    global _chosen
    _chosen = {"kernel": kernel, "usbip": usbip_host}[name]
    if is_used:
        _chosen.prepare()


def is_kernel():
    return _chosen is kernel


def versions():
    return f"Linux {os.uname().release}, libfido2 {libfido2.version()}, python-fido2 {version('fido2')}"


def serve_options():
    """What `keyfob serve` is told, so that the host finds the key."""
    return _chosen.SERVE_OPTIONS


def served_at(address):
    """A key listens there: the one that `attach` means."""
    _chosen.served_at(address)


def attach(key="1-1"):
    """Plug in one of the keys that are served there."""
    _chosen.attach(key)


def detach():
    _chosen.detach()


def await_node():
    """The path of the one device node, once it is there."""
    return _chosen.await_node()


def nodes():
    """The paths of the device nodes that are there."""
    return _chosen.nodes()


def await_no_node():
    _chosen.await_no_node()
