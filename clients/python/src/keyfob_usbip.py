"""A host of USB/IP without a kernel: imports a HID device that is served, and sends transfers to it."""

import socket
import struct

REPORT = 64
IN, OUT = 1, 0
_SUBMIT, _UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
_IMPORT, _IMPORTED, _VERSION = 0x8003, 0x0003, 0x0111
TAKEN_BACK = -104  # the status of a transfer that was unlinked; 0 where it was over before


class Imported:
    """An imported device: what is submitted to it is answered in `transfer`, in the order in which the device has it done."""

    def __init__(self, address, bus_id="1-1"):
        """Import it from `address`, HOST:PORT or the path of a Unix socket."""
        self._stream = _connected(address)
        self._number = 0
        self._incoming = set()  # the numbers of the transfers that bring data
        self._import(bus_id)

    def fileno(self):
        """Readable when a transfer is over, or the device is gone."""
        return self._stream.fileno()

    def close(self):
        """Give the device back."""
        self._stream.close()

    def report_descriptor(self):
        """Configure the device, as a kernel does with a new one, and ask what its reports are."""
        self._control(bytes.fromhex("0009 0100 0000 0000"), OUT)  # SET_CONFIGURATION 1
        return self._control(struct.pack("<BBHHH", 0x81, 6, 0x2200, 0, 4096), IN)  # GET_DESCRIPTOR, report

    def submit(self, endpoint, direction, length, setup=bytes(8), data=b""):
        """Ask for a transfer; its number is the answer's too."""
        self._number += 1
        if direction == IN:
            self._incoming.add(self._number)
        header = self._header(_SUBMIT, self._number, direction, endpoint)
        self._stream.sendall(header + struct.pack(">IIIII8s", 0, length, 0, 0, 0, setup) + data)
        return self._number

    def unlink(self, number):
        """Take a transfer back that is not over."""
        self._number += 1
        self._stream.sendall(self._header(_UNLINK, self._number, OUT, 0) + struct.pack(">I24x", number))

    def transfer(self):
        """Command, number and status of an answer, and the data that it brings. ConnectionError: the device is gone."""
        command, number, _, _, _, status, length = struct.unpack_from(">IIIIIiI", self._receive(48))
        is_incoming = command == SUBMITTED and number in self._incoming
        self._incoming.discard(number)
        return (command, number, status), self._receive(length) if is_incoming else b""

    def _import(self, bus_id):
        self._stream.sendall(struct.pack(">HHI32s", _VERSION, _IMPORT, 0, bus_id.encode()))
        _, code, status = struct.unpack(">HHI", self._receive(8))
        if (code, status) != (_IMPORTED, 0):
            raise ConnectionRefusedError(f"the import of {bus_id} was refused with {status}: it is not there, or a host has it")
        bus, number, _, self.vendor, self.product = struct.unpack_from(">IIIHH", self._receive(312), 288)
        self._id = bus << 16 | number

    def _control(self, setup, direction):
        self.submit(0, direction, struct.unpack_from("<H", setup, 6)[0], setup)
        (_, _, status), data = self.transfer()
        if status != 0:
            raise ConnectionError(f"the control transfer {setup.hex()} failed with {status}")
        return data

    def _header(self, command, number, direction, endpoint):
        return struct.pack(">IIIII", command, number, self._id, direction, endpoint)

    def _receive(self, length):
        data = self._stream.recv(length, socket.MSG_WAITALL) if length else b""
        if len(data) < length:
            raise ConnectionError("the device is gone")
        return data


def _connected(address):
    if "/" in address:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(address)
        return stream
    host, _, port = address.rpartition(":")
    stream = socket.create_connection((host.strip("[]"), int(port)))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
