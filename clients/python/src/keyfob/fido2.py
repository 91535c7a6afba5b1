"""A running key as a device of python-fido2, whether it is served or on this machine's bus. Needs the package `fido2`, 2.0 or newer."""

from contextlib import contextmanager

from fido2.hid import CtapHidDevice, open_device
from fido2.hid.base import CtapHidConnection, HidDescriptor, parse_report_descriptor

from keyfob import KEY
from keyfob_usbip import IN, OUT, REPORT, SUBMITTED, Imported


@contextmanager
def opened(key, bus_id=KEY):
    """The CtapHidDevice of a `keyfob.Keyfob`, for `Ctap1`, `Ctap2`, `Fido2Client` and the rest; closed in the end."""
    device = open_key(key, bus_id)
    try:
        yield device
    finally:
        device.close()


def open_key(key, bus_id=KEY):
    """The same for whoever closes it himself. LookupError: there is no such key; OSError: another host has it."""
    told = {one["key"]: one for one in key.keys()}
    device = told[bus_id]["device"]
    if device is None:
        raise LookupError(f"{bus_id} is neither served nor attached")
    return import_key(device.removeprefix("usbip:")) if device.startswith("usbip:") else open_device(device)


def import_key(device):
    """The CtapHidDevice of a key that is served at `device`: HOST:PORT, HOST:PORT/BUSID or SOCKET/BUSID."""
    address, slash, bus_id = device.rpartition("/")
    imported = Imported(address, bus_id) if slash else Imported(device)
    return CtapHidDevice(_descriptor(device, imported), _Connection(imported))


def _descriptor(device, imported):
    size_in, size_out = parse_report_descriptor(imported.report_descriptor())
    return HidDescriptor(device, imported.vendor, imported.product, size_in, size_out, "keyfob", None)


class _Connection(CtapHidConnection):
    def __init__(self, imported):
        self._imported = imported

    def read_packet(self):
        awaited = self._imported.submit(1, IN, REPORT)
        while True:
            (command, number, _), report = self._imported.transfer()
            if (command, number) == (SUBMITTED, awaited):
                return report

    def write_packet(self, data):
        self._imported.submit(1, OUT, REPORT, data=data)

    def close(self):
        self._imported.close()
