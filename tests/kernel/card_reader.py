"""A virtual NFC reader: pcscd and vsmartcard's vpcd, as they are installed, beside whatever daemon of theirs already runs."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import programs
from keyfob import Keyfob
from programs import eventually, run

NAME = "Reader for tests"


class CardReader:
    """A reader with a daemon, a socket and a port of its own. Programs that this one starts find it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="keyfob-reader-"))
        self.socket = self.folder / "run" / "pcscd.comm"
        self.port = _free_port()

    def __enter__(self):
        self.socket.parent.mkdir()
        (self.folder / "reader.conf").write_text(
            f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:{self.port:#06x}\n'
            f"LIBPATH {_driver()}\nCHANNELID {self.port:#06x}\n",
            encoding="utf-8",
        )
        os.environ["PCSCLITE_CSOCK_NAME"] = str(self.socket)
        self._start_daemon()
        eventually("pcscd listens", self._is_up)
        return self

    def _start_daemon(self):
        """pcscd has its socket in one place, so it gets a view of its own of that one; and there, whoever asks is allowed."""
        pcscd = shutil.which("pcscd", path="/usr/sbin:/usr/bin")
        options = "--disable-polkit" if "--disable-polkit" in run(pcscd, "--help").output else ""
        script = (
            f"mkdir -p /run/pcscd && mount --bind '{self.socket.parent}' /run/pcscd && "
            f"exec '{pcscd}' --foreground {options} --config '{self.folder}/reader.conf'"
        )
        with open(self.folder / "pcscd.log", "w", encoding="utf-8") as log:
            self._daemon = subprocess.Popen(
                ["unshare", "--map-root-user", "--mount", "sh", "-c", script], stdout=log, stderr=log, start_new_session=True
            )

    def _is_up(self):
        said = (self.folder / "pcscd.log").read_text(encoding="utf-8")
        assert self._daemon.poll() is None, f"pcscd ended:\n{said}"
        return self.socket.exists() and NAME in run("opensc-tool", "--list-readers").output

    def __exit__(self, *_):
        del os.environ["PCSCLITE_CSOCK_NAME"]
        self._daemon.send_signal(signal.SIGTERM)
        self._daemon.wait(programs.PATIENCE)
        shutil.rmtree(self.folder)

    def card(self, *options, touch="ask"):
        """A running key that lies on this reader."""
        return Keyfob("card", "--vpcd", f"127.0.0.1:{self.port}", "--touch", touch, *options)

    def await_card(self, there=True):
        """The daemon looks for cards each 0.4 s."""
        eventually("the reader has noticed", lambda: self.has_card() == there)

    def has_card(self):
        """Column two of `0    Yes    Reader for tests 00 00`."""
        lines = run("opensc-tool", "--list-readers").output.splitlines()
        return any(line.split()[1] == "Yes" for line in lines if NAME in line)


def _driver():
    """Where the package has put it: x86-64 and others differ."""
    return next(Path("/usr/lib").glob("pcsc/drivers/serial/libifdvpcd.so"))


def _free_port():
    """Where two ports in a row are free, for vpcd makes two readers."""
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        return first.getsockname()[1]
