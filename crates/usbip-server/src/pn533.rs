//! A contactless reader of the chip PN533 of NXP (UM0801-03, its user manual), as far as Linux's driver `pn533_usb` asks it.
//!
//! | file | idea |
//! |---|---|
//! | `codes` | the chip's numbers |
//! | `frame` | transfers to frames, judged by their checksums, and back |
//! | `chip` | the card in the field: what a command does to it, and what the host is told |
//!
//! It is there because some programs know no other NFC than the kernel's, Debian's libfido2 among them. It is never another device, nor a
//! target for other readers. Bytes come in by the call; it has no time of its own.

mod chip;
mod codes;
mod frame;

pub(crate) use self::chip::Chip;
