"""Last: what the kernel thought of all this."""

import re

import kernel
from places import needs_kernel

pytestmark = needs_kernel

# A URB that was unlinked ends with -ECONNRESET, and Linux logs that even so; and what its NFC was about, when a program no longer looked for
# a card (-ENOENT), or the reader was unplugged (-ESHUTDOWN). uhid's queue is full when it drops a report.
COMPLAINTS = (
    r"cannot find a urb|recv xbuf|unknown pdu|urb->status (?!-104)|not running at top speed|config 0 descriptor\?\?"
    r"|queue is full|BUG:|WARNING:|Oops|general protection"
    r"|NFC: (?!NXP PN533|.*(error|status|Error) -(2|108)\b|Polling operation has been stopped)"
)


def the_kernel_log_holds_no_complaint():
    found = [line for line in kernel.log_since_mark().splitlines() if re.search(COMPLAINTS, line)]
    assert not found, "\n".join(found)
