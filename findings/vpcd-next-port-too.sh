#!/bin/sh
# vsmartcard's virtual reader needs the port after the one in its configuration, too: where that is taken, there is no reader at all.
#
# version    vsmartcard-vpcd 3.3+dfsg-2 with pcscd and libpcsclite1 1.9.9-2, of Debian 12; seen on x86-64, 30 November 2026
# behaviour  An entry of reader.conf(5) with CHANNELID 0x7D31 makes two readers, "00 00" on port 0x7D31 and "00 01" on 0x7D32.
#            While another program has 0x7D32, pcscd has neither of them; it does not try again when that program ends.
# why        Two entries with ports in a row, or a port among those that the system gives to connections (from 32768 on, as
#            vpcd's own 35963 is), lose all readers by chance. The package's reader.conf names one port.
# output     the next port is free: 2 readers
#            the next port is taken: 0 readers
#            two seconds after it became free: 0 readers
#
# Usage: findings/vpcd-next-port-too.sh   (needs Debian 12, python3, unshare and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq download pcscd=1.9.9-2 libpcsclite1=1.9.9-2 vsmartcard-vpcd=3.3+dfsg-2 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
driver=$(find "$work/root" -name 'libifdvpcd.so' | head -n 1)
cat >reader.conf <<END
FRIENDLYNAME "Reader"
DEVICENAME   /dev/null:0x7D31
LIBPATH      $driver
CHANNELID    0x7D31
END
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcsclite.so.1' | head -n 1)")
export LD_LIBRARY_PATH

# pcscd has its socket in a fixed place, so it gets a view of its own of that one.
cat >daemon <<END
mount --bind /run /run && mkdir -p /run/pcscd 2>/dev/null
mount --bind '$work/run' /run/pcscd && exec '$work/root/usr/sbin/pcscd' --foreground --config '$work/reader.conf'
END
cat >readers.py <<'END'
import ctypes
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

os.environ["PCSCLITE_CSOCK_NAME"] = os.path.abspath("run/pcscd.comm")
pcsc = ctypes.CDLL("libpcsclite.so.1")
NO_READERS = 0x8010002E


@contextmanager
def daemon():
    shutil.rmtree("run", ignore_errors=True)
    os.mkdir("run")
    with open("daemon.log", "wb") as log:
        started = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "daemon"], stdout=log, stderr=log)
    yield
    started.terminate()
    started.wait()


def readers():
    """How many there are, two seconds from now: time enough to find all."""
    context, length, names = ctypes.c_ulong(), ctypes.c_ulong(1024), ctypes.create_string_buffer(1024)
    deadline = time.monotonic() + 20
    while pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context)):
        assert time.monotonic() < deadline, "no pcscd within 20 s"
        time.sleep(0.1)
    time.sleep(2)
    code = pcsc.SCardListReaders(context, None, names, ctypes.byref(length)) & 0xFFFFFFFF
    assert code in (0, NO_READERS), f"{code:08X}"
    pcsc.SCardReleaseContext(context)
    return len([name for name in names.raw[: length.value].split(b"\0") if name]) if code == 0 else 0


with daemon():
    print("the next port is free:", readers(), "readers")
with socket.create_server(("", 0x7D32)) as other:
    with daemon():
        print("the next port is taken:", readers(), "readers")
        other.close()
        print("two seconds after it became free:", readers(), "readers")
END
python3 readers.py | tee output

cat >expected <<'END'
the next port is free: 2 readers
the next port is taken: 0 readers
two seconds after it became free: 0 readers
END
diff expected output
