//! Capture files, as packets of keys: recordings of ours, and what Wireshark, tshark or tcpdump took on Linux's USB bus.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use ctap_client::Report;
use ctap_client::trace::Direction;
use pcap_parser::nom::Err as NomError;
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapBlock, PcapHeader, parse_block_be, parse_block_le,
    parse_pcap_frame, parse_pcap_header,
};

use crate::failure::{advise, failure};
use crate::terminal;

/// A packet of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Since 1970.
    pub(super) at: Duration,
    /// What the key is called: its bus id in a recording of ours, else bus and device.
    pub(super) key: String,
    pub(super) what: What,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A host reads who it is: it was plugged in.
    PluggedIn,
    /// A reader gives it power, or takes it.
    Field {
        is_on: bool,
    },
    Report(Direction, Report),
    Apdu(Direction, Vec<u8>),
}

/// A capture file, as far as it has been read.
#[derive(Default)]
pub(super) struct Capture {
    unread: Vec<u8>,
    passed: usize,
    format: Option<Format>,
    interfaces: Vec<Interface>,
    has_packets: bool,
    /// Link types that no key's packets have.
    foreign: BTreeSet<i32>,
}

enum Format {
    PcapNg {
        is_big_endian: bool,
    },
    /// The older one, with one interface and in little-endian order.
    Pcap,
}

#[derive(Clone)]
struct Interface {
    link_type: i32,
    units_per_second: u64,
    name: Option<String>,
}

/// What one block of the file holds.
enum Held {
    Section { is_big_endian: bool },
    Interface(Interface),
    Packet(Option<Packet>),
    Other,
}

impl Capture {
    /// What has come to the file, packet by packet.
    ///
    /// # Errors
    /// It cannot be read, is no capture file, or is damaged; and those of `take`.
    pub(super) fn read_on(
        &mut self,
        (file, path): (&mut impl io::Read, &Path),
        mut take: impl FnMut(Packet) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut part = Vec::with_capacity(PART);
        loop {
            part.clear();
            let read = file.by_ref().take(PART as u64).read_to_end(&mut part);
            if read.map_err(|error| unreadable(path, error))? == 0 {
                return Ok(());
            }
            self.feed(&part);
            while let Some(packet) = self.next()? {
                take(packet)?;
            }
        }
    }

    /// That this was all of it. Returns whether there was any packet of a key.
    ///
    /// # Errors
    /// It is too short for a capture file, or of something else than keys.
    pub(super) fn end(&self) -> anyhow::Result<bool> {
        if self.format.is_none() && self.is_cut() {
            return Err(no_capture());
        }
        match self.foreign.first() {
            Some(link_type) if !self.has_packets => Err(failure(
                format_args!("there is no packet of a key in it: its link type is {link_type}"),
                "record a USB bus on Linux with `dumpcap -i usbmon0 -w FILE`, or a keyfob with `--record`",
            )),
            _ => Ok(self.has_packets),
        }
    }

    /// More of the file.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unread.drain(..self.passed);
        self.passed = 0;
        self.unread.extend_from_slice(bytes);
    }

    /// The next packet of a key; `None`: there is none in what has been fed.
    ///
    /// # Errors
    /// It is no capture file, or it is damaged.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Packet>> {
        while self.is_cut() {
            let Some((length, held)) = self.read()? else { return Ok(None) };
            self.passed += length;
            if let Some(packet) = self.keep(held) {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    fn read(&self) -> Read {
        let bytes = self.unread.get(self.passed..).unwrap_or_default();
        match self.format {
            None => begin(bytes),
            Some(Format::PcapNg { is_big_endian }) => {
                next_block(bytes, is_big_endian, &self.interfaces)
            }
            Some(Format::Pcap) => next_frame(bytes, &self.interfaces),
        }
    }

    /// Keeps what later blocks are read by; returns a packet.
    fn keep(&mut self, held: Held) -> Option<Packet> {
        match held {
            Held::Section { is_big_endian } => {
                self.interfaces.clear();
                self.format = Some(Format::PcapNg { is_big_endian });
            }
            Held::Interface(interface) => {
                self.format.get_or_insert(Format::Pcap);
                if ![USB_LINUX, USB_LINUX_MMAPPED, ISO_14443].contains(&interface.link_type) {
                    self.foreign.insert(interface.link_type);
                }
                self.interfaces.push(interface);
            }
            Held::Packet(packet) => {
                self.has_packets |= packet.is_some();
                return packet;
            }
            Held::Other => {}
        }
        None
    }

    /// Says so if that is not the end of a packet.
    pub(super) fn note_cut(&self) {
        if self.is_cut() {
            terminal::note("The last packet is cut off: the program that wrote it was stopped.");
        }
    }

    /// Whether bytes are left that are no whole block: whoever wrote them was killed, or still writes.
    fn is_cut(&self) -> bool {
        self.passed < self.unread.len()
    }
}

/// How many bytes were read, and what they held; `None`: more are to come.
type Read = anyhow::Result<Option<(usize, Held)>>;

/// The first block of a file.
fn begin(bytes: &[u8]) -> Read {
    match bytes.get(..4) {
        None => Ok(None),
        Some(magic) if magic == SECTION => next_block(bytes, false, &[]),
        Some(_) => match parse_pcap_header(bytes) {
            Ok((rest, header)) => Ok(Some((bytes.len() - rest.len(), old_format(&header)?))),
            Err(NomError::Incomplete(_)) => Ok(None),
            Err(_) => Err(no_capture()),
        },
    }
}

/// The older format has one interface, without a name.
fn old_format(header: &PcapHeader) -> anyhow::Result<Held> {
    if header.is_bigendian() {
        return Err(failure(
            "the capture was made on a machine with the other byte order",
            "convert it: `editcap -F pcapng FILE NEW-FILE`",
        ));
    }
    let units_per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
    Ok(Held::Interface(Interface { link_type: header.network.0, units_per_second, name: None }))
}

fn next_block(bytes: &[u8], is_big_endian: bool, interfaces: &[Interface]) -> Read {
    let number = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let Some(length) = bytes.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(number) else {
        return Ok(None);
    };
    if !(SHORTEST_BLOCK..=LONGEST_BLOCK).contains(&length) || !length.is_multiple_of(4) {
        return Err(no_capture());
    }
    let Some(bytes) = bytes.get(..length as usize) else { return Ok(None) };
    let parsed = if is_big_endian { parse_block_be(bytes) } else { parse_block_le(bytes) };
    let (rest, block) = parsed.map_err(|_| no_capture())?;
    let held = match block {
        Block::SectionHeader(section) => Held::Section { is_big_endian: section.big_endian() },
        Block::InterfaceDescription(block) => Held::Interface(interface(&block)),
        Block::EnhancedPacket(packet) => {
            let of = usize::try_from(packet.if_id).ok().and_then(|number| interfaces.get(number));
            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
            Held::Packet(of.and_then(|of| packet_of(of, since_epoch(ticks, of), data)))
        }
        _ => Held::Other,
    };
    Ok(Some((bytes.len() - rest.len(), held)))
}

fn interface(block: &InterfaceDescriptionBlock<'_>) -> Interface {
    Interface {
        link_type: block.linktype.0,
        units_per_second: block.ts_resolution().filter(|units| *units > 0).unwrap_or(1_000_000),
        name: block.if_name().and_then(Result::ok).map(str::to_owned),
    }
}

fn next_frame(bytes: &[u8], interfaces: &[Interface]) -> Read {
    let length = bytes.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    if length.is_some_and(|length| length > LONGEST_BLOCK) {
        return Err(no_capture());
    }
    let (rest, frame) = match parse_pcap_frame(bytes) {
        Ok(parsed) => parsed,
        Err(NomError::Incomplete(_)) => return Ok(None),
        Err(_) => return Err(no_capture()),
    };
    let LegacyPcapBlock { ts_sec, ts_usec, data, .. } = frame;
    let packet = interfaces.first().and_then(|of| {
        let at = Duration::from_secs(ts_sec.into()) + fraction(ts_usec.into(), of.units_per_second);
        packet_of(of, at, data)
    });
    Ok(Some((bytes.len() - rest.len(), Held::Packet(packet))))
}

fn since_epoch(ticks: u64, of: &Interface) -> Duration {
    let units = of.units_per_second;
    Duration::from_secs(ticks / units) + fraction(ticks % units, units)
}

fn fraction(ticks: u64, units_per_second: u64) -> Duration {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(units_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

fn packet_of(of: &Interface, at: Duration, data: &[u8]) -> Option<Packet> {
    let (key, what) = match of.link_type {
        USB_LINUX => usb(of, data, 48)?,
        USB_LINUX_MMAPPED => usb(of, data, 64)?,
        ISO_14443 => (of.name.clone().unwrap_or_else(|| "card".to_owned()), contactless(data)?),
        _ => return None,
    };
    Some(Packet { at, key, what })
}

/// A URB as usbmon tells it, behind a header of so many bytes: where the data are, on the way out with the request, on the way in with
/// its end.
fn usb(of: &Interface, packet: &[u8], header: usize) -> Option<(String, What)> {
    let &[kind, transfer, endpoint, device, bus, _] = packet.get(8..14)?.first_chunk()?;
    let data = packet.get(header..)?;
    let bus_id = of.name.clone().filter(|name| !name.starts_with("usbmon"));
    let key = bus_id.unwrap_or_else(|| format!("{bus}.{device}"));
    let report = || Report::try_from(data).ok();
    let what = match (kind, transfer, endpoint & IN) {
        (b'S', INTERRUPT, 0) => What::Report(Direction::ToKey, report()?),
        (b'C', INTERRUPT, IN) => What::Report(Direction::FromKey, report()?),
        (b'C', CONTROL, IN) if data.starts_with(&DEVICE_DESCRIPTOR) => What::PluggedIn,
        _ => return None,
    };
    Some((key, what))
}

/// A block of ISO 14443-4 with an APDU in it, behind a header of four bytes.
fn contactless(packet: &[u8]) -> Option<What> {
    let (&[_, event, _, _], data) = packet.split_first_chunk()?;
    let apdu = || data.split_first().map(|(_, apdu)| apdu.to_vec());
    Some(match event {
        TO_CARD | TO_CARD_WITH_CRC => What::Apdu(Direction::ToKey, apdu()?),
        FROM_CARD | FROM_CARD_WITH_CRC => What::Apdu(Direction::FromKey, apdu()?),
        FIELD_ON => What::Field { is_on: true },
        FIELD_OFF => What::Field { is_on: false },
        _ => return None,
    })
}

/// What is told of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: io::Error) -> anyhow::Error {
    let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
    advise(error, NAME_A_CAPTURE)
}

fn no_capture() -> anyhow::Error {
    failure("it is not a capture file, or it is damaged", NAME_A_CAPTURE)
}

const NAME_A_CAPTURE: &str = "name a file that `--record` or Wireshark wrote (pcapng, or pcap)";

/// Bytes that are read at once.
const PART: usize = 256 * 1024;
/// Bytes of a block: its type, and its length on both ends.
const SHORTEST_BLOCK: u32 = 12;
/// Bytes: longer packets than those of Wireshark's limit for USB, 128 MiB, are none. It is waited for until it is whole, in memory.
const LONGEST_BLOCK: u32 = 128 * 1024 * 1024;
/// Type of the first block of a pcapng file, the same in both byte orders.
const SECTION: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
/// Length and type.
const DEVICE_DESCRIPTOR: [u8; 2] = [18, 1];
/// Link types, as <https://www.tcpdump.org/linktypes.html> numbers them.
const USB_LINUX: i32 = 189;
const USB_LINUX_MMAPPED: i32 = 220;
const ISO_14443: i32 = 264;
const INTERRUPT: u8 = 1;
const CONTROL: u8 = 2;
const IN: u8 = 0x80;
/// Events of a contactless card (LINKTYPE_ISO_14443). The checksum of what is said may have been left away.
const TO_CARD: u8 = 0xFA;
const FROM_CARD: u8 = 0xFB;
const FIELD_ON: u8 = 0xFC;
const FIELD_OFF: u8 = 0xFD;
const TO_CARD_WITH_CRC: u8 = 0xFE;
const FROM_CARD_WITH_CRC: u8 = 0xFF;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A capture in the older format with one URB of usbmon's.
    fn pcap(packet: &[u8]) -> Vec<u8> {
        let head =
            [&[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0][..], &[0; 8], &[0xFF, 0xFF, 0, 0, 220, 0, 0, 0]];
        let length = (packet.len() as u32).to_le_bytes();
        let frame = [&7_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), &length, &length, packet];
        [head.concat(), frame.concat()].concat()
    }

    fn urb(kind: u8, endpoint: u8, data: &[u8]) -> Vec<u8> {
        [&[0; 8][..], &[kind, INTERRUPT, endpoint, 9, 3, 0], &[0; 50], data].concat()
    }

    #[test]
    fn what_another_program_took_on_the_bus_is_read_as_well() {
        let mut capture = Capture::default();
        capture.feed(&pcap(&urb(b'C', 0x84, &[6; 64])));
        let packet = capture.next().unwrap().unwrap();
        assert_eq!((packet.at, packet.key.as_str()), (Duration::new(7, 5000), "3.9"));
        assert_eq!(packet.what, What::Report(Direction::FromKey, [6; 64]));
        assert_eq!(capture.next().unwrap(), None);
    }

    #[test]
    fn a_file_that_still_grows_is_read_as_far_as_it_is_there() {
        let whole = pcap(&urb(b'S', 4, &[6; 64]));
        let mut capture = Capture::default();
        for byte in &whole[..whole.len() - 1] {
            capture.feed(&[*byte]);
            assert_eq!(capture.next().unwrap(), None);
        }
        assert!(capture.is_cut());
        capture.feed(&whole[whole.len() - 1..]);
        assert!(capture.next().unwrap().is_some() && !capture.is_cut());
    }

    #[test]
    fn a_capture_of_something_else_is_told_apart_from_one_in_which_nothing_was_said() {
        let ended = |bytes: &[u8]| {
            let mut capture = Capture::default();
            let read = capture.read_on((&mut &*bytes, Path::new("x")), |_| Ok(()));
            read.and_then(|()| capture.end()).map_err(|error| error.to_string())
        };
        let key = pcap(&urb(b'S', 4, &[6; 64]));
        assert_eq!(ended(&key), Ok(true));
        assert_eq!(ended(&key[..24]), Ok(false));
        assert_eq!(ended(&[]), Ok(false));
        let mut network = key;
        network[20] = 1;
        let told = ended(&network).unwrap_err();
        assert!(told.ends_with("its link type is 1"), "{told}");
        let told = ended(b"#!/bin/sh").unwrap_err();
        assert!(told.contains("not a capture file"), "{told}");
    }

    #[test]
    fn a_block_whose_length_cannot_be_is_damage_and_not_waited_for() {
        let mut frame = pcap(&urb(b'S', 4, &[6; 64]));
        frame[32..36].copy_from_slice(&(LONGEST_BLOCK + 1).to_le_bytes());
        let section = [28_u32, 0x1A2B_3C4D, 1, u32::MAX, u32::MAX, 28].map(u32::to_le_bytes);
        let section = [&SECTION[..], section.as_flattened()].concat();
        let after_section = |block: &[u32]| {
            let block: Vec<u8> = block.iter().flat_map(|number| number.to_le_bytes()).collect();
            [section.clone(), block].concat()
        };
        const PACKET: u32 = 6;
        for bytes in [
            frame,
            after_section(&[PACKET, 7]),
            after_section(&[PACKET, LONGEST_BLOCK + 4]),
            after_section(&[0, 0, 0, 0]),
            // More bytes of a packet than the block has.
            after_section(&[PACKET, 36, 0, 0, 0, 4000, 4000, 1, 36]),
        ] {
            let mut capture = Capture::default();
            capture.feed(&bytes);
            assert!(capture.next().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn other_files_and_other_devices_are_not_taken_for_keys() {
        let mut capture = Capture::default();
        capture.feed(b"#!/bin/sh\nexit 0\n# and more, as long as a header would be");
        assert!(capture.next().is_err());
        let mut capture = Capture::default();
        capture.feed(&pcap(&urb(b'C', 0x81, &[0; 8])));
        assert_eq!(capture.next().unwrap(), None, "a keyboard");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), begins: bool) {
            let mut capture = Capture::default();
            if begins {
                capture.feed(&pcap(&urb(b'S', 1, &[1; 64])));
            }
            capture.feed(&bytes);
            while let Ok(Some(_)) = capture.next() {}
        }
    }
}
