"""A program that registers with python-fido2, and says what came of it: `registers`, or the name of the error."""

import struct
import sys

from libfido2 import Device
from python_fido2 import platform

try:
    with platform(Device(sys.argv[1])) as host:
        host.register()
    print("registers")
except (OSError, struct.error):  # the kernel's word, or a report of no bytes
    print("loses the key")
except Exception as error:
    print(type(error).__name__)
