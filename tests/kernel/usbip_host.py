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
from pathlib import Path
from threading import Thread

from programs import eventually

REPORT = 64
IN, OUT = 1, 0
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
IMPORT, IMPORTED, VERSION = 0x8003, 0x0003, 0x0111
TAKEN_BACK = -104  # the status of a transfer that was unlinked; 0 where it was over before
BUS_USB = 3

SERVE_OPTIONS = ["--listen", "127.0.0.1:0"]

_folder = None  # of the device nodes
_address = None  # where the key is served
_plugged = []  # the keys that are plugged in
_numbers = itertools.count()  # of device nodes; none is used again


def prepare():
    """Tell the shim, which this program and all that it starts have loaded, where device nodes are."""
    global _folder
    assert "hidraw" in os.environ.get("LD_PRELOAD", ""), "the shim is to be preloaded; `run` does that"
    _folder = Path(tempfile.mkdtemp(prefix="keyfob-nodes-"))
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    os.environ["KEYFOB_NODES"] = str(_folder)


def served_at(address):
    global _address
    _address = address


def attach(key="1-1"):
    """Plug in one of the keys that were served last."""
    _plugged.append(plug(_address, key))


def plug(address, key="1-1"):
    """Plug in a key that is served there, and that comes and goes without a `detach`."""
    return Import(*address.rsplit(":", 1), key, _folder / f"hidraw{next(_numbers)}")


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

    def __init__(self, host, port, key, node):
        super().__init__(daemon=True)
        self.node = node
        self._tcp = socket.create_connection((host, int(port)))
        self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._import(key)
        self._number = 0
        self._incoming = set()  # the numbers of the transfers that bring data
        self._awaited = None  # the number of the one that waits for a report
        self._openers = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(f"{node}.socket")
        self._listener.listen()
        self._make_node(self._report_descriptor())
        self._end, self._ended = socket.socketpair()
        self.start()

    def _make_node(self, report_descriptor):
        """Who looks for nodes finds it complete."""
        folder, new = Path(f"{self.node}.device"), Path(f"{self.node}.new")
        folder.mkdir(exist_ok=True)
        (folder / "report_descriptor").write_bytes(report_descriptor)
        new.write_bytes(self._device + report_descriptor)
        new.rename(self.node)

    def end(self):
        """Unplug it."""
        self._end.close()
        self.join()

    # ---- Plugging in: what the kernel asks a new device ---------------------------------------------------------------

    def _import(self, key):
        self._tcp.sendall(struct.pack(">HHI32s", VERSION, IMPORT, 0, key.encode()))
        _, code, status = struct.unpack(">HHI", self._receive(8))
        assert (code, status) == (IMPORTED, 0), f"the import was refused with {status}"
        told = self._receive(312)
        bus, number, _, vendor, product = struct.unpack_from(">IIIHH", told, 288)
        self._id = bus << 16 | number
        self._device = struct.pack("=IHH", BUS_USB, vendor, product)

    def _report_descriptor(self):
        self._control(bytes.fromhex("0009 0100 0000 0000"), OUT)  # SET_CONFIGURATION 1
        return self._control(struct.pack("<BBHHH", 0x81, 6, 0x2200, 0, 4096), IN)  # GET_DESCRIPTOR, report

    def _control(self, setup, direction):
        self._submit(0, direction, struct.unpack_from("<H", setup, 6)[0], setup)
        (_, _, status), data = self._transfer()
        assert status == 0, f"the control transfer {setup.hex()} failed with {status}"
        return data

    # ---- Running ------------------------------------------------------------------------------------------------------

    def run(self):
        with selectors.DefaultSelector() as waiting:
            for place in (self._tcp, self._listener, self._ended):
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
        if place is self._tcp:
            self._take_transfer()
        elif place is self._listener:
            opener, _ = place.accept()
            self._openers.append(opener)
            waiting.register(opener, selectors.EVENT_READ)
        else:
            self._take_from(waiting, place)
        if self._openers and self._awaited is None:
            self._awaited = self._submit(1, IN, REPORT)
        return True

    def _take_transfer(self):
        (command, number, status), report = self._transfer()
        if number == self._awaited or command == UNLINKED and status == TAKEN_BACK:
            self._awaited = None
        for opener in self._openers if report else ():
            opener.send(report)

    def _take_from(self, waiting, opener):
        try:
            numbered = opener.recv(1 + REPORT)
        except ConnectionResetError:  # closed with reports unread
            numbered = b""
        if numbered:
            self._submit(1, OUT, REPORT, data=numbered[1:])
            return
        waiting.unregister(opener)
        opener.close()
        self._openers.remove(opener)
        if not self._openers and self._awaited is not None:
            self._number += 1
            self._tcp.sendall(self._header(UNLINK, self._number, OUT, 0) + struct.pack(">I24x", self._awaited))

    def _unplug(self):
        for file in (self.node, f"{self.node}.socket"):
            Path(file).unlink(missing_ok=True)
        for place in (*self._openers, self._listener, self._ended, self._tcp):
            place.close()

    # ---- The wire -----------------------------------------------------------------------------------------------------

    def _submit(self, endpoint, direction, length, setup=bytes(8), data=b""):
        self._number += 1
        if direction == IN:
            self._incoming.add(self._number)
        header = self._header(SUBMIT, self._number, direction, endpoint)
        self._tcp.sendall(header + struct.pack(">IIIII8s", 0, length, 0, 0, 0, setup) + data)
        return self._number

    def _header(self, command, number, direction, endpoint):
        return struct.pack(">IIIII", command, number, self._id, direction, endpoint)

    def _transfer(self):
        """Command, number and status of an answer, and the data that it brings."""
        command, number, _, _, _, status, length = struct.unpack_from(">IIIIIiI", self._receive(48))
        is_incoming = command == SUBMITTED and number in self._incoming
        self._incoming.discard(number)
        return (command, number, status), self._receive(length) if is_incoming else b""

    def _receive(self, length):
        data = self._tcp.recv(length, socket.MSG_WAITALL) if length else b""
        if len(data) < length:
            raise ConnectionError("the key is gone")
        return data
