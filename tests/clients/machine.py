"""The machine that the programs run on: a user, an /etc to write in, and no security key but ours.

All of it is seen by the tests alone: they run in a mount namespace of their own."""

import glob
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import bus
import phrases
from libfido2 import Device
from programs import run

DOWNLOADS = ""  # the folder where `run` keeps what it downloaded; set once, at the start
USER = "ada"
USER_ID = 60777


def make_private():
    _lay_a_layer_over("/etc")
    _add_to("/etc/passwd", f"{USER}:x:{USER_ID}:{USER_ID}::{new_folder()}:/bin/sh")
    _add_to("/etc/group", f"{USER}:x:{USER_ID}:")
    _add_to("/etc/passwd", "sshd:x:60778:65534::/run/sshd:/usr/sbin/nologin")
    _add_to("/etc/shadow", f"{USER}:*:20000::::::")
    _hide_other_keys()


@contextmanager
def plugged_in(*options, touch="ask"):
    """A key that is there, by `keyfob attach` where there is a kernel, and its device."""
    with phrases.plugged_in("--touch", touch, *options) as key:
        yield key, Device(bus.await_node())


def new_folder(owner=USER_ID):
    folder = tempfile.mkdtemp(prefix="keyfob-client-")
    os.chmod(folder, 0o755)
    os.chown(folder, owner, owner)
    return folder


def give_to_user(node):
    """Let the user open a device node, as logind does for who sits at the machine."""
    os.chown(node, USER_ID, USER_ID)


def write(file, text, executable=False):
    """A file with this text; its path."""
    Path(file).write_text(text, encoding="utf-8")
    if executable:
        os.chmod(file, 0o755)
    return file


def _lay_a_layer_over(place):
    layer = tempfile.mkdtemp(prefix="keyfob-layer-")
    run("mount", "-t", "tmpfs", "tmpfs", layer).must_succeed()
    for folder in ("upper", "work"):
        os.mkdir(f"{layer}/{folder}")
    layers = f"lowerdir={place},upperdir={layer}/upper,workdir={layer}/work"
    run("mount", "-t", "overlay", "-o", layers, "overlay", place).must_succeed()


def _add_to(file, line):
    """A line for a name that may be there already; the first one counts."""
    with open(file, "a", encoding="utf-8") as lines:
        lines.write(f"{line}\n")


def _hide_other_keys():
    """Other projects' tests erase whatever key they find."""
    for node in glob.glob("/dev/hidraw*"):
        run("mount", "--bind", "/dev/null", node).must_succeed()
