"""Last: what the kernel thought of all this."""

import re

import kernel
from places import needs_kernel

pytestmark = needs_kernel

# A URB that was unlinked ends with -ECONNRESET, one that the kernel took back with -ENOENT, as where a program looks for a card in vain and
# ends that; Linux logs it even so.
COMPLAINTS = (
    r"cannot find a urb|recv xbuf|unknown pdu|urb->status (?!-104)|not running at top speed|config 0 descriptor\?\?"
    r"|BUG:|WARNING:|Oops|general protection"
    r"|NFC: (?!NXP PN533|.* error -2$|Polling operation has been stopped)"
)


def the_kernel_log_holds_no_complaint():
    found = [line for line in kernel.log_since_mark().splitlines() if re.search(COMPLAINTS, line)]
    assert not found, "\n".join(found)
