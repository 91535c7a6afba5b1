"""The kernel's virtual USB bus: plugging the key in and out with Debian's usbip, and what sysfs says about it. And uhid.

Nothing here looks beyond that bus and keyfob's own keys on uhid, so a security key of the developer's own is never touched.
"""

import glob
import shutil
import time
from pathlib import Path

from programs import eventually, run

BUS = "/sys/devices/platform/vhci_hcd.0"
UHID = "/sys/devices/virtual/misc/uhid/0003:1209:0005.*"  # bus, vendor, product
LOG_MARK = f"keyfob's tests begin {time.monotonic_ns()}"


SERVE_OPTIONS = []


def prepare():
    """Load what a first plug-in would load by itself, at the cost of the first test's figures."""
    run("modprobe", "-a", "vhci-hcd", "usbhid", "hid-generic", "uhid").must_succeed()
    mark_log()


def served_at(address):
    assert address == "127.0.0.1:3240", f"Debian's usbip looks at port 3240; the key is at {address}"


def attach(key="1-1"):
    """Plug in one of the keys that are served on 127.0.0.1."""
    usbip("attach", "-r", "127.0.0.1", "-b", key).must_succeed()


def detach():
    for port in ports_in_use():
        usbip("detach", "-p", port).must_succeed()
    await_no_node()


def usbip(*arguments):
    """Debian's tool; Ubuntu keeps it with the tools of each kernel."""
    program = shutil.which("usbip") or max(glob.glob("/usr/lib/linux-tools*/usbip"), default="usbip")
    return run(program, *arguments)


def ports_in_use():
    """The controller's ports that hold a device, as `usbip detach` wants them."""
    rows = [line.split() for file in glob.glob(f"{BUS}/status*") for line in Path(file).read_text().splitlines()]
    return [row[1] for row in rows if row[2] == "006"]


def await_node():
    """The path of the one device node, once it is there."""
    eventually("a device node appears", nodes)
    (node,) = nodes()
    return node


def await_no_node():
    eventually("the device node is gone", lambda: not nodes())


def nodes():
    files = glob.glob(f"{BUS}/usb*/*-*/*-*:*/*/hidraw/hidraw*") + glob.glob(f"{UHID}/hidraw/hidraw*")
    return [f"/dev/{Path(file).name}" for file in files]


def attribute(name):
    """What the kernel has read from the key: idVendor, speed, product, devnum ..."""
    (file,) = glob.glob(f"{BUS}/usb*/*-*/{name}")
    return Path(file).read_text().strip()


def udev_properties(node):
    """What udev's rules have made of a device node, once they are through."""
    run("udevadm", "settle").must_succeed()
    return run("udevadm", "info", "-q", "property", node).must_succeed()


def mark_log():
    """Put a line into the kernel's log, for log_since_mark."""
    with open("/dev/kmsg", "w", encoding="utf-8") as log:
        log.write(LOG_MARK)


def log_since_mark():
    return run("dmesg").must_succeed().rpartition(LOG_MARK)[2]
