#!/bin/sh
# A card that is taken away in the middle of a command counts as success: PC/SC returns SCARD_S_SUCCESS, and an answer of 0 bytes.
#
# version    pcscd and libpcsclite1 1.9.9-2, vsmartcard-vpcd 3.3+dfsg-2, of Debian 12; seen on x86-64, 30 November 2026
# behaviour  A card on vsmartcard's virtual reader leaves while SCardTransmit waits for its answer. SCardTransmit returns 0,
#            SCARD_S_SUCCESS, and a length of 0. Only the next SCardTransmit fails, with SCARD_E_NOT_TRANSACTED.
# why        A response APDU has at least the two bytes of its status word (ISO 7816-3, section 12.1.1). A program that looks
#            at the return value alone, and then at "the last two bytes", reads what is not there.
# output     SELECT, answered: 00000000, 2 bytes
#            the card leaves meanwhile: 00000000, 0 bytes
#            and the next time: 80100016, 0 bytes
#
# Usage: findings/pcscd-card-taken-away-is-success.sh   (needs Debian 12, python3, unshare and the network; fails if the
#        behaviour changes)
set -eu
work=$(mktemp -d)
trap 'kill $daemon 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
apt-get -qq download pcscd=1.9.9-2 libpcsclite1=1.9.9-2 vsmartcard-vpcd=3.3+dfsg-2 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

# A daemon, a reader and a port of our own. pcscd has its socket in a fixed place, so it gets a view of its own of that one.
mkdir run
driver=$(find "$work/root" -name 'libifdvpcd.so' | head -n 1)
cat >reader.conf <<END
FRIENDLYNAME "Reader"
DEVICENAME   /dev/null:0x7D21
LIBPATH      $driver
CHANNELID    0x7D21
END
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcsclite.so.1' | head -n 1)")
export LD_LIBRARY_PATH
unshare --map-root-user --mount sh -c "
    mount --bind /run /run && mkdir -p /run/pcscd 2>/dev/null
    mount --bind '$work/run' /run/pcscd && exec '$work/root/usr/sbin/pcscd' --foreground --config '$work/reader.conf'
" >daemon.log 2>&1 &
daemon=$!

cat >leave.py <<'END'
import ctypes
import os
import socket
import struct
import threading
import time

ATR = bytes.fromhex("3B80800101")
SELECT = bytes.fromhex("00A4040008A0000006472F0001")
os.environ["PCSCLITE_CSOCK_NAME"] = os.path.abspath("run/pcscd.comm")
pcsc = ctypes.CDLL("libpcsclite.so.1")
Long = ctypes.c_ulong


def card():
    """Answers the first command with 9000, and leaves at the second one."""
    reader = connected()
    commands = 0
    while True:
        message = received(reader, *struct.unpack(">H", received(reader, 2)))
        if message == b"\x04":
            sent(reader, ATR)
        elif len(message) > 1:
            commands += 1
            if commands == 2:
                return reader.close()
            sent(reader, b"\x90\x00")


def connected():
    while True:
        try:
            return socket.create_connection(("127.0.0.1", 0x7D21))
        except ConnectionRefusedError:
            time.sleep(0.05)  # the daemon is not up yet


def received(reader, length):
    data = b""
    while len(data) < length:
        data += reader.recv(length - len(data))
    return data


def sent(reader, data):
    reader.sendall(struct.pack(">H", len(data)) + data)


def transmit(handle, what):
    answer, length = ctypes.create_string_buffer(256), Long(256)
    header = ctypes.c_char.in_dll(pcsc, "g_rgSCardT1Pci")
    code = pcsc.SCardTransmit(handle, ctypes.byref(header), SELECT, Long(len(SELECT)), None, answer, ctypes.byref(length))
    print(f"{what}: {code & 0xFFFFFFFF:08X}, {length.value if code == 0 else 0} bytes")


threading.Thread(target=card, daemon=True).start()
context, handle, protocol = Long(), Long(), Long()
deadline = time.monotonic() + 20
while pcsc.SCardEstablishContext(Long(2), None, None, ctypes.byref(context)) or pcsc.SCardConnect(
    context, b"Reader 00 00", Long(2), Long(3), ctypes.byref(handle), ctypes.byref(protocol)
):
    assert time.monotonic() < deadline, "no card within 20 s"
    time.sleep(0.1)
transmit(handle, "SELECT, answered")
transmit(handle, "the card leaves meanwhile")
transmit(handle, "and the next time")
END
python3 leave.py | tee output

cat >expected <<'END'
SELECT, answered: 00000000, 2 bytes
the card leaves meanwhile: 00000000, 0 bytes
and the next time: 80100016, 0 bytes
END
diff expected output
