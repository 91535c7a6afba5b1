"""An encrypted disk that the security key unlocks, by its hmac-secret. docs/disk-encryption.md has the commands."""

import os
import tempfile

from machine import plugged_in
from phrases import touched
from places import needs_kernel
from programs import ended, run, start

pytestmark = needs_kernel  # the device mapper

PASSPHRASE = "the passphrase from before"
NAME = "keyfob-test"
WRITTEN = b"what was on the disk"


def a_touch_opens_the_disk():
    with plugged_in() as (key, device), Disk() as disk:
        disk.write()
        touched(key, disk.begin_to_enrol(device), "", "").must_succeed()
        touched(key, disk.begin_to_open(), "").must_succeed()
        assert disk.read() == WRITTEN


def a_disk_stays_shut_when_the_touch_is_denied():
    with plugged_in() as (key, device), Disk() as disk:
        touched(key, disk.begin_to_enrol(device), "", "").must_succeed()
        opening = disk.begin_to_open_by_hand()
        key.type("wait").must_succeed()
        key.type("deny").must_succeed()
        assert ended(opening).status != 0
        assert not disk.is_open()


def cryptsetup_by_hand_asks_for_a_touch_too():
    with plugged_in() as (key, device), Disk() as disk:
        touched(key, disk.begin_to_enrol(device), "", "").must_succeed()
        touched(key, disk.begin_to_open_by_hand(), "").must_succeed()
        assert disk.is_open()


def another_key_does_not_open_the_disk():
    with Disk() as disk:
        with plugged_in() as (key, device):
            touched(key, disk.begin_to_enrol(device), "", "").must_succeed()
        with plugged_in(touch="auto"):  # as often as it is asked, which depends on systemd's version
            assert ended(disk.begin_to_open()).status != 0
            assert not disk.is_open()


class Disk:
    """A LUKS2 volume in a file. Its passphrase is made cheap to check: nobody here guesses it."""

    def __init__(self):
        run("modprobe", "-a", "loop", "dm-crypt").must_succeed()
        with tempfile.NamedTemporaryFile(prefix="keyfob-disk-", delete=False) as file:
            file.truncate(20 << 20)
        self.file = file.name
        cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
        made = run("cryptsetup", "luksFormat", "--type", "luks2", "--batch-mode", *cheap, self.file, typed=PASSPHRASE)
        made.must_succeed()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        os.remove(self.file)

    def begin_to_enrol(self, device):
        """Give the disk a second key: that on the device, without its PIN."""
        command = ["systemd-cryptenroll", f"--fido2-device={device.node}", "--fido2-with-client-pin=no", self.file]
        return start(*command, environment=dict(ENVIRONMENT, PASSWORD=PASSPHRASE))

    def begin_to_open(self):
        """What systemd does at boot for a line of crypttab with the option fido2-device=auto."""
        options = "fido2-device=auto,headless,token-timeout=5s"
        command = ["/lib/systemd/systemd-cryptsetup", "attach", NAME, self.file, "-", options]
        return start(*command, environment=ENVIRONMENT)

    def begin_to_open_by_hand(self):
        return start("cryptsetup", "open", "--token-only", self.file, NAME, environment=ENVIRONMENT)

    def write(self):
        """Put something on the disk, with the passphrase. Where a key is enrolled, cryptsetup asks for that first."""
        run("cryptsetup", "open", self.file, NAME, typed=PASSPHRASE, environment=ENVIRONMENT).must_succeed()
        with open(f"/dev/mapper/{NAME}", "r+b") as disk:
            disk.write(WRITTEN)
        self.close()

    def read(self):
        with open(f"/dev/mapper/{NAME}", "rb") as disk:
            return disk.read(len(WRITTEN))

    def is_open(self):
        return os.path.exists(f"/dev/mapper/{NAME}")

    def close(self):
        if self.is_open():
            run("cryptsetup", "close", NAME, environment=ENVIRONMENT).must_succeed()


# Device nodes come from the device mapper itself: the guest's udev may not have its rules.
ENVIRONMENT = dict(os.environ, DM_DISABLE_UDEV="1")
