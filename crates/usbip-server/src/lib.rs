//! A USB/IP server and host end for HID devices, with pending interrupt URBs and true unlink.
