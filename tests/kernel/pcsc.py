"""Smart card readers as programs have them: pcscd, with libccid or other drivers, and a client of PC/SC.

pcscd is one of its own, with lists of readers of its own: what this machine has is left alone.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from programs import eventually, run

LIST = "/etc/libccid_Info.plist"
HOME = "/run/pcscd"  # of pcscd's socket
_FOLDER = tempfile.TemporaryDirectory(prefix="keyfob-pcscd-")  # in its place
_SOCKET = f"{_FOLDER.name}/pcscd.comm"
os.environ["PCSCLITE_CSOCK_NAME"] = _SOCKET  # each program asks once, also those that run already


@contextmanager
def pcscd(key):
    """A pcscd whose driver knows keyfob's readers, as the doctor of this key's program says that it should."""
    with daemon("", (_taught(key), LIST)):
        yield


def _taught(key):
    """A copy of the driver's list that was edited as the doctor says."""
    copy = shutil.copy(LIST, _FOLDER.name)
    found = json.loads(key.type("doctor", "--json").must_succeed())
    (advice,) = [finding["next"] for finding in found if finding["topic"] == "libccid"]
    edit, _, restart = advice.removeprefix("sudo ").partition(" && ")
    assert restart == "sudo systemctl try-restart pcscd"
    run("sh", "-c", edit.replace(LIST, copy)).must_succeed()
    return copy


@contextmanager
def daemon(readers, *mounts):
    """A pcscd that has the readers of this configuration beside those on a bus, and finds files of ours in the place of others."""
    config, log = f"{_FOLDER.name}/readers", f"{_FOLDER.name}/log"
    Path(config).write_text(readers, encoding="utf-8")
    Path(_SOCKET).unlink(missing_ok=True)  # of one that was killed
    started = _started(config, log, *mounts, (_FOLDER.name, HOME))
    try:
        eventually("pcscd listens", _listens)
        yield
    except BaseException:
        print(Path(log).read_text(encoding="utf-8", errors="replace"))
        raise
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait()


def _listens():
    """It is not enough that the socket is there: that comes first."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(_SOCKET) == 0


def _started(config, log, *mounts):
    os.makedirs(HOME, exist_ok=True)
    no_questions = "--disable-polkit" if "--disable-polkit" in run("pcscd", "--help").output else ""
    mounting = " && ".join(f"mount --bind '{ours}' '{theirs}'" for ours, theirs in mounts)
    start = f"{mounting} && exec pcscd --foreground --config '{config}' {no_questions}"
    become_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    with open(log, "wb") as file:
        return subprocess.Popen(["unshare", *become_root, "--mount", "sh", "-c", start], stdout=file, stderr=file)


class Reader:
    """The one reader of keyfob's, once pcscd has it."""

    def __init__(self):
        sys.path.append("/usr/lib/python3/dist-packages")  # Debian's pyscard: there is none to download
        from smartcard import scard

        self._scard = scard
        self._context = self._call("SCardEstablishContext", scard.SCARD_SCOPE_USER)
        eventually("pcscd has a reader", self._names)
        (self.name,) = self._names()

    def await_card(self, present=True):
        """When a card was there, or was gone, by this program's clock."""
        scard = self._scard
        wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
        known = scard.SCARD_STATE_UNAWARE
        while not known & wanted:
            (state,) = self._call("SCardGetStatusChange", self._context, 30_000, [(self.name, known)])
            known = state[1]
        return time.monotonic()

    def opened(self):
        """The card, as python-fido2 sees it."""
        from fido2.pcsc import CtapPcscDevice

        (device,) = CtapPcscDevice.list_devices(self.name)
        return device

    def _names(self):
        status, names = self._scard.SCardListReaders(self._context, [])
        return names if status == self._scard.SCARD_S_SUCCESS else []

    def _call(self, function, *arguments):
        status, *results = getattr(self._scard, function)(*arguments)
        assert status == self._scard.SCARD_S_SUCCESS, self._scard.SCardGetErrorMessage(status)
        return results[0] if len(results) == 1 else results
