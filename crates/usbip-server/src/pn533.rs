//! A contactless reader with NXP's chip PN533 (UM0801-03, its user manual), as far as Linux's driver `pn533_usb`
//! uses it.
//!
//! | file | idea |
//! |---|---|
//! | `codes` | the chip's numbers |
//! | `frame` | transfers to frames, judged by their checksums, and back |
//! | `chip` | the card in the field: what a command does to it, and what the host is told |
//!
//! Some programs, such as Debian's libfido2, know no other NFC than the kernel's; this reader is for them. It never
//! acts as another device or as a target for other readers. Bytes come in with the calls; it has no time.

mod chip;
mod codes;
mod frame;

pub(crate) use self::chip::Chip;
