"""Smart card readers as programs have them: pcscd with libccid, and a client of PC/SC.

pcscd is one of its own, with a list of readers of its own: what this machine has is left alone.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

from programs import eventually, run

LIST = "/etc/libccid_Info.plist"
HOME = "/run/pcscd"  # of pcscd's socket
_FOLDER = tempfile.TemporaryDirectory(prefix="keyfob-pcscd-")  # in its place
os.environ["PCSCLITE_CSOCK_NAME"] = f"{_FOLDER.name}/pcscd.comm"  # each program asks once, also those that run already


@contextmanager
def pcscd(key):
    """A pcscd whose driver knows keyfob's readers, as the doctor of this key's program says that it should."""
    folder = _FOLDER.name
    started = _started(_taught(key, folder), folder)
    eventually("pcscd listens", lambda: os.path.exists(f"{folder}/pcscd.comm"))
    try:
        yield
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait()


def _taught(key, folder):
    """A copy of the driver's list that was edited as the doctor says."""
    copy = shutil.copy(LIST, folder)
    found = json.loads(key.type("doctor", "--json").must_succeed())
    (advice,) = [finding["next"] for finding in found if finding["topic"] == "libccid"]
    edit, _, restart = advice.removeprefix("sudo ").partition(" && ")
    assert restart == "sudo systemctl try-restart pcscd"
    run("sh", "-c", edit.replace(LIST, copy)).must_succeed()
    return copy


def _started(list_of_readers, folder):
    """It has a list and a place of its own, and none of the readers that are on no bus."""
    os.makedirs(HOME, exist_ok=True)
    no_questions = "--disable-polkit" if "--disable-polkit" in run("pcscd", "--help").output else ""
    mounts = f"mount --bind {list_of_readers} {LIST} && mount --bind {folder} {HOME}"
    with open(f"{folder}/log", "wb") as log, open(f"{folder}/no-readers", "wb") as none:
        start = f"{mounts} && exec pcscd --foreground --config {none.name} {no_questions}"
        return subprocess.Popen(["unshare", "--mount", "sh", "-c", start], stdout=log, stderr=log)


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
