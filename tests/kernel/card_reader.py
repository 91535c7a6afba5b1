"""A virtual NFC reader: vsmartcard's vpcd, as it is installed."""

import random
import socket
from contextlib import contextmanager
from pathlib import Path

from keyfob import Keyfob
from pcsc import daemon
from programs import eventually, run

NAME = "Reader for tests"


@contextmanager
def card_reader(port=None):
    """A reader with a pcscd and ports of its own, or at these: the first of `free_ports`. Programs that this one starts find it."""
    reader = CardReader(port or free_ports())
    with daemon(reader.configuration()):
        eventually("the reader is there", reader.is_there)
        yield reader


class CardReader:
    """What can be laid on it, and whether it is there."""

    def __init__(self, port):
        self.port = port

    def configuration(self):
        """Of pcscd, as its manual reader.conf(5) has it."""
        driver = next(Path("/usr/lib").glob("pcsc/drivers/serial/libifdvpcd.so"))
        port = f"{self.port:#06x}"
        return f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:{port}\nLIBPATH {driver}\nCHANNELID {port}\n'

    def card(self, *options, touch="ask", port=None):
        """A running key that lies on this reader, or will: it reaches the reader at its port, or at one that leads there."""
        return Keyfob("card", "--vpcd", f"127.0.0.1:{port or self.port}", "--touch", touch, *options)

    def await_card(self, there=True):
        """pcscd looks for cards each 0.4 s."""
        eventually("the reader has noticed", lambda: self.has_card() == there)

    def is_there(self):
        return bool(self._lines())

    def has_card(self):
        """Column two of `0    Yes    Reader for tests 00 00`."""
        return any(line.split()[1] == "Yes" for line in self._lines())

    def _lines(self):
        """It makes two readers; the second one stays empty."""
        return [line for line in run("opensc-tool", "--list-readers").output.splitlines() if NAME in line]


def free_ports():
    """The first of two ports in a row, one for each of the driver's readers. Nobody's connections begin there."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="utf-8") as file:
        first_of_connections = int(file.read().split()[0])
    while True:
        port = random.randrange(first_of_connections // 2, first_of_connections - 1)
        if _is_free(port) and _is_free(port + 1):
            return port


def _is_free(port):
    with socket.socket() as listener:
        try:
            listener.bind(("", port))
        except OSError:
            return False
    return True
