"""A host of USB/IP without a kernel: it imports the key itself, and `hidraw.c` lets programs open it as a device node.

What usbhid and hidraw do for a key is done here: one transfer waits for a report as long as anybody has the node open,
and each of those who have gets every report. Other than in the kernel, many tests may have a key each at the same time.
`libudev.c` lets programs find the nodes, and tells them of new ones.
"""

import atexit
import itertools
import os
import selectors
import shutil
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread

from keyfob_usbip import IN, OUT, REPORT, TAKEN_BACK, UNLINKED, Imported
from programs import eventually

BUS_USB = 3

SERVE_OPTIONS = ["--listen", "127.0.0.1:0"]

_folder = None  # of the device nodes
_address = None  # where the key is served
_plugged = []  # the keys that are plugged in


def prepare():
    """Tell the shim, which this program and all that it starts have loaded, where device nodes are."""
    assert "hidraw" in os.environ.get("LD_PRELOAD", ""), "the shim is to be preloaded; `run` does that"
    use(Path(tempfile.mkdtemp(prefix="keyfob-nodes-")))
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    os.environ["KEYFOB_NODES"] = str(_folder)


def use(folder):
    """Device nodes are in this folder, maybe with those of another process."""
    global _folder
    _folder = folder


def served_at(address):
    global _address
    _address = address


def attach(key="1-1"):
    """Plug in one of the keys that were served last."""
    _plugged.append(plug(_address, key))


def plug(address, key="1-1", is_like_the_last=False):
    """Plug in a key that is served there, and that comes and goes without a `detach`. One like the last has its node before its server
    hears that it is imported: so whoever waits for that, and then starts a program, finds it, as with a kernel's.
    """
    return Import(address, key, _new_node(), is_like_the_last)


def _new_node():
    """A name that no node had before: what sysfs would have of it stays, and other processes see it."""
    for number in itertools.count():
        with suppress(FileExistsError):
            (_folder / f"hidraw{number}.device").mkdir()
            return _folder / f"hidraw{number}"


def detach():
    while _plugged:
        _plugged.pop().end()


def await_node():
    (node,) = nodes()
    return node


def nodes():
    return [str(plugged.node) for plugged in _plugged]


def await_no_node():
    """The key's process has ended."""
    eventually("the device node is gone", lambda: not any(plugged.is_alive() for plugged in _plugged))
    _plugged.clear()


class Import(Thread):
    """An imported key; a thread that passes on reports until one of both sides is gone."""

    _last = None  # what the last one says that it is

    def __init__(self, address, key, node, is_like_the_last):
        super().__init__(daemon=True)
        self.node = node
        self._awaited = None  # the number of the transfer that waits for a report
        self._openers = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(f"{node}.socket")
        self._listener.listen()
        guess = Import._last if is_like_the_last else None
        if guess:
            self._make_node(*guess)
        try:
            self._key = Imported(address, key)
            said = self._key.vendor, self._key.product, self._key.report_descriptor()
        except ConnectionError:
            self._remove_node()
            raise
        if said != guess:
            self._make_node(*said)
        Import._last = said
        self._end, self._ended = socket.socketpair()
        self.start()

    def _make_node(self, vendor, product, report_descriptor):
        """Who looks for nodes finds it complete."""
        Path(f"{self.node}.device", "report_descriptor").write_bytes(report_descriptor)
        new = Path(f"{self.node}.new")
        new.write_bytes(struct.pack("=IHH", BUS_USB, vendor, product) + report_descriptor)
        new.rename(self.node)

    def _remove_node(self):
        for file in (self.node, f"{self.node}.socket"):
            Path(file).unlink(missing_ok=True)

    def end(self):
        """Unplug it."""
        self._end.close()
        self.join()

    def run(self):
        with selectors.DefaultSelector() as waiting:
            for place in (self._key, self._listener, self._ended):
                waiting.register(place, selectors.EVENT_READ)
            try:
                while all([self._serve(waiting, ready.fileobj) for ready, _ in waiting.select()]):
                    pass
            except ConnectionError:
                pass  # the key's process has ended
            self._unplug()

    def _serve(self, waiting, place):
        """Whether to go on after this."""
        if place is self._ended:
            return False
        if place is self._key:
            self._take_transfer()
        elif place is self._listener:
            opener, _ = place.accept()
            self._openers.append(opener)
            waiting.register(opener, selectors.EVENT_READ)
        else:
            self._take_from(waiting, place)
        if self._openers and self._awaited is None:
            self._awaited = self._key.submit(1, IN, REPORT)
        return True

    def _take_transfer(self):
        (command, number, status), report = self._key.transfer()
        if number == self._awaited or command == UNLINKED and status == TAKEN_BACK:
            self._awaited = None
        for opener in self._openers if report else ():
            with suppress(BrokenPipeError):  # it has just gone, which is heard of next
                opener.send(report)

    def _take_from(self, waiting, opener):
        try:
            numbered = opener.recv(1 + REPORT)
        except ConnectionResetError:  # closed with reports unread
            numbered = b""
        if numbered:
            self._key.submit(1, OUT, REPORT, data=numbered[1:])
            return
        waiting.unregister(opener)
        opener.close()
        self._openers.remove(opener)
        if not self._openers and self._awaited is not None:
            self._key.unlink(self._awaited)

    def _unplug(self):
        self._remove_node()
        for place in (*self._openers, self._listener, self._ended, self._key):
            place.close()
