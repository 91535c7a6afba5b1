//! The USB/IP wire format (Documentation/usb/usbip_protocol.rst): checked here, then decoded and encoded by the
//! `usbip` crate.
//!
//! The crate's decoder allocates whatever a header asks for, and asserts that a peer is correct. So it only sees
//! whole messages whose important fields have been checked.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncReadExt;
use usbip::SetupPacket;
use usbip::usbip_protocol::{
    OP_REQ_DEVLIST, OP_REQ_IMPORT, USBIP_CMD_SUBMIT, USBIP_CMD_UNLINK, USBIP_RET_SUBMIT,
    USBIP_RET_UNLINK, USBIP_VERSION, UsbIpCommand, UsbIpHeaderBasic, UsbIpResponse,
};

use crate::limits;

/// The status of a refused import: ST_DEV_BUSY of the kernel's usbip tools.
pub(crate) const DEVICE_BUSY: u32 = 2;
/// ST_NODEV: there is no such device.
pub(crate) const NO_DEVICE: u32 = 4;

/// Bytes that no peer may send. The connection is closed, because there is no way to tell the peer why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The version is not 1.1.1.
    #[error("protocol version {0:#06x} instead of 0x0111")]
    Version(u16),
    /// The request is neither DEVLIST nor IMPORT.
    #[error("unknown request {0:#06x} before an import")]
    Request(u16),
    /// The status of a request is not 0: it "shall be set to 0".
    #[error("request with status {0}")]
    RequestStatus(u32),
    /// The command is neither SUBMIT nor UNLINK.
    #[error("unknown command {0:#010x} after an import")]
    Command(u32),
    /// The URB is for a device that this connection did not import.
    #[error("URB for device {0:#010x}, which is not the imported one")]
    Device(u32),
    /// The direction is neither OUT (0) nor IN (1).
    #[error("URB with direction {0}")]
    Direction(u32),
    /// The descriptors have no such endpoint.
    #[error("URB for endpoint {0}")]
    Endpoint(u32),
    /// There are more than [`limits::MAX_TRANSFER`] bytes to the device, or more than [`limits::MAX_ROOM`] from it.
    #[error("URB with {0} bytes, more than {max} or {room}", max = limits::MAX_TRANSFER, room = limits::MAX_ROOM)]
    TransferLength(u32),
    /// The sequence number is still in use.
    #[error("sequence number {0} submitted twice")]
    DuplicateSeqnum(u32),
    /// The decoder refused a message that was let through to it: a fault of this crate, not of the peer.
    #[error("a message cannot be decoded")]
    Undecodable,
}

/// A request before the import.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Devlist,
    /// With the bus id as it was sent: closed with a zero byte, or 32 bytes long.
    Import([u8; 32]),
}

/// A command after the import.
#[derive(Debug)]
pub(crate) struct Urb {
    pub(crate) seqnum: u32,
    pub(crate) request: Request,
}

#[derive(Debug)]
pub(crate) enum Request {
    ControlIn {
        setup: SetupPacket,
        capacity: usize,
    },
    ControlOut {
        setup: SetupPacket,
        data: Vec<u8>,
    },
    /// An URB for the endpoint with this number.
    In {
        endpoint: u8,
        capacity: usize,
    },
    Out {
        endpoint: u8,
        data: Vec<u8>,
    },
    Unlink {
        victim: u32,
    },
}

/// How an URB ended: the negative errno that Linux puts in `urb->status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Status {
    Success = 0,
    /// `-ENOMEM`: too many URBs waiting.
    NoMemory = -12,
    /// `-EPIPE`: the endpoint answered STALL.
    Stall = -32,
    /// `-EOVERFLOW`: the device had more than the host asked for.
    Overflow = -75,
    /// `-ECONNRESET`: unlinked before it was completed.
    Unlinked = -104,
}

/// The first request in `bytes` and its length; `None` while it is incomplete.
pub(crate) fn read_op(bytes: &[u8]) -> Result<Option<(Op, usize)>, WireError> {
    let (Some(version), Some(code), Some(status)) =
        (u16_at(bytes, 0), u16_at(bytes, 2), u32_at(bytes, 4))
    else {
        return Ok(None);
    };
    if version != USBIP_VERSION {
        return Err(WireError::Version(version));
    }
    if status != 0 {
        return Err(WireError::RequestStatus(status));
    }
    let length = match code {
        OP_REQ_DEVLIST => 8,
        OP_REQ_IMPORT => 40,
        other => return Err(WireError::Request(other)),
    };
    let Some(mut message) = bytes.get(..length) else { return Ok(None) };
    match immediately(UsbIpCommand::read_from_socket(&mut message)) {
        Some(Ok(UsbIpCommand::OpReqDevlist { .. })) => Ok(Some((Op::Devlist, length))),
        Some(Ok(UsbIpCommand::OpReqImport { busid, .. })) => Ok(Some((Op::Import(busid), length))),
        _ => Err(WireError::Undecodable),
    }
}

/// What the URBs of a connection may address: the imported device, and its endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) devid: u32,
    /// The last number of an endpoint.
    pub(crate) last_endpoint: u8,
}

/// The first URB in `bytes` and its length; `None` while it is incomplete.
pub(crate) fn read_urb(bytes: &[u8], target: Target) -> Result<Option<(Urb, usize)>, WireError> {
    let Some(header) = bytes.first_chunk::<URB_HEADER>() else { return Ok(None) };
    let length = urb_length(header, target)?;
    let Some(message) = bytes.get(..length) else { return Ok(None) };
    let urb = decode_urb(message).ok_or(WireError::Undecodable)?;
    Ok(Some((urb, length)))
}

/// The length of the URB that starts with `header`, after all of the header was checked.
fn urb_length(header: &[u8; URB_HEADER], target: Target) -> Result<usize, WireError> {
    let field = |at| u32_at(header, at).unwrap_or_default();
    let (command, device, direction, endpoint) = (field(0), field(8), field(12), field(16));
    let is_submit = command == u32::from(USBIP_CMD_SUBMIT);
    let data = if is_submit { field(24) } else { 0 };
    if !is_submit && command != u32::from(USBIP_CMD_UNLINK) {
        return Err(WireError::Command(command));
    }
    if device != target.devid {
        return Err(WireError::Device(device));
    }
    if direction > IN {
        return Err(WireError::Direction(direction));
    }
    if endpoint > u32::from(target.last_endpoint) {
        return Err(WireError::Endpoint(endpoint));
    }
    let most = if direction == OUT { limits::MAX_TRANSFER } else { limits::MAX_ROOM };
    if data > most {
        return Err(WireError::TransferLength(data));
    }
    let payload = if direction == OUT { data } else { 0 };
    Ok(URB_HEADER.saturating_add(usize::try_from(payload).unwrap_or(usize::MAX)))
}

/// Passes a checked message to the crate's decoder, with `number_of_packets` set to zero. That field has a meaning
/// only for isochronous endpoints; some hosts leave it uninitialised, and the decoder would trust it.
fn decode_urb(message: &[u8]) -> Option<Urb> {
    let (before, rest) = message.split_at_checked(NUMBER_OF_PACKETS)?;
    let after = if is_submit(message) { rest.get(4..)? } else { rest };
    let blank: &[u8] = if is_submit(message) { &[0; 4] } else { &[] };
    let mut source = before.chain(blank).chain(after);
    from_command(immediately(UsbIpCommand::read_from_socket(&mut source))?.ok()?)
}

fn is_submit(message: &[u8]) -> bool {
    u32_at(message, 0) == Some(u32::from(USBIP_CMD_SUBMIT))
}

fn from_command(command: UsbIpCommand) -> Option<Urb> {
    match command {
        UsbIpCommand::UsbIpCmdSubmit { header, transfer_buffer_length, setup, data, .. } => {
            let capacity = usize::try_from(transfer_buffer_length).ok()?;
            let setup = SetupPacket::parse(&setup);
            let request = match (header.ep, header.direction) {
                (0, IN) => Request::ControlIn { setup, capacity },
                (0, _) => Request::ControlOut { setup, data },
                (number, IN) => Request::In { endpoint: u8::try_from(number).ok()?, capacity },
                (number, _) => Request::Out { endpoint: u8::try_from(number).ok()?, data },
            };
            Some(Urb { seqnum: header.seqnum, request })
        }
        UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum } => {
            Some(Urb { seqnum: header.seqnum, request: Request::Unlink { victim: unlink_seqnum } })
        }
        _ => None,
    }
}

/// RET_SUBMIT. For an OUT transfer `actual_length` is what was consumed, and no data follows.
pub(crate) fn ret_submit(seqnum: u32, status: Status, actual_length: usize) -> Vec<u8> {
    UsbIpResponse::UsbIpRetSubmit {
        header: reply_header(USBIP_RET_SUBMIT, seqnum),
        status: errno(status),
        actual_length: u32::try_from(actual_length).unwrap_or_default(),
        start_frame: 0,
        number_of_packets: 0,
        error_count: 0,
        transfer_buffer: Vec::new(),
        iso_packet_descriptor: Vec::new(),
    }
    .to_bytes()
}

/// RET_UNLINK.
pub(crate) fn ret_unlink(seqnum: u32, status: Status) -> Vec<u8> {
    let header = reply_header(USBIP_RET_UNLINK, seqnum);
    UsbIpResponse::UsbIpRetUnlink { header, status: errno(status) }.to_bytes()
}

/// Hosts match replies by their sequence number; the other fields "shall be set to 0".
fn reply_header(command: u16, seqnum: u32) -> UsbIpHeaderBasic {
    UsbIpHeaderBasic { command: command.into(), seqnum, devid: 0, direction: 0, ep: 0 }
}

fn errno(status: Status) -> u32 {
    (status as i32).cast_unsigned()
}

/// The result of a future that works on memory only and so never waits.
pub(crate) fn immediately<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(tokio::task::unconstrained(future));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

/// Bytes before the data of an URB, of a command and of a reply alike.
pub(crate) const URB_HEADER: usize = 48;
/// Offset of `number_of_packets` in a SUBMIT.
const NUMBER_OF_PACKETS: usize = 32;
/// The direction "host to device".
pub(crate) const OUT: u32 = 0;
/// The direction "device to host".
pub(crate) const IN: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEVID: u32 = 0x0001_0002;
    const TARGET: Target = Target { devid: DEVID, last_endpoint: 1 };

    fn submit(ep: u32, direction: u32, length: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [1, 7, DEVID, direction, ep, 0, length, 0, 0, 0] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(data);
        bytes
    }

    fn with(mut bytes: Vec<u8>, at: usize, value: u32) -> Vec<u8> {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        bytes
    }

    fn error(bytes: &[u8]) -> WireError {
        read_urb(bytes, TARGET).expect_err("refused")
    }

    #[test]
    fn an_out_urb_is_complete_with_its_last_data_byte() {
        let bytes = submit(1, OUT, 64, &[9; 64]);
        for cut in 0..bytes.len() {
            assert!(read_urb(&bytes[..cut], TARGET).expect("legal").is_none(), "{cut}");
        }
        let (urb, length) = read_urb(&bytes, TARGET).expect("legal").expect("complete");
        assert_eq!((urb.seqnum, length), (7, 112));
        assert!(matches!(urb.request, Request::Out { endpoint: 1, data } if data == [9; 64]));
    }

    #[test]
    fn each_decisive_field_of_an_urb_is_judged() {
        let good = submit(1, IN, 64, &[]);
        assert!(read_urb(&good, TARGET).is_ok());
        assert_eq!(error(&with(good.clone(), 0, 3)), WireError::Command(3));
        assert_eq!(error(&with(good.clone(), 0, 0x0111_0001)), WireError::Command(0x0111_0001));
        assert_eq!(error(&with(good.clone(), 0, 0x0111_8005)), WireError::Command(0x0111_8005));
        assert_eq!(error(&with(good.clone(), 8, DEVID + 1)), WireError::Device(DEVID + 1));
        assert_eq!(error(&with(good.clone(), 12, 7)), WireError::Direction(7));
        assert_eq!(error(&with(good.clone(), 12, 2)), WireError::Direction(2));
        assert_eq!(error(&with(good.clone(), 16, 2)), WireError::Endpoint(2));
        assert_eq!(error(&with(good.clone(), 16, 0xFFFF_FF01)), WireError::Endpoint(0xFFFF_FF01));
    }

    #[test]
    fn a_transfer_may_bring_8192_bytes_or_have_room_for_128_kib_and_no_more_before_any_is_read() {
        let (bring, room) = (limits::MAX_TRANSFER, limits::MAX_ROOM);
        for (ep, direction, most) in
            [(0, IN, room), (0, OUT, bring), (1, IN, room), (1, OUT, bring)]
        {
            assert!(read_urb(&submit(ep, direction, most, &[]), TARGET).is_ok());
            for over in [most + 1, 0xD000_0000, u32::MAX] {
                assert_eq!(
                    error(&submit(ep, direction, over, &[])),
                    WireError::TransferLength(over)
                );
            }
        }
    }

    #[test]
    fn number_of_packets_is_ignored() {
        for packets in [0, 1, 0xFFFF_FFFE, 0xFFFF_FFFF] {
            let bytes = with(submit(1, OUT, 2, &[1, 2]), NUMBER_OF_PACKETS, packets);
            let (_, length) = read_urb(&bytes, TARGET).expect("legal").expect("complete");
            assert_eq!(length, 50);
        }
    }

    #[test]
    fn an_unlink_is_48_bytes_whatever_its_padding_says() {
        let mut bytes = with(submit(1, OUT, u32::MAX, &[]), 0, 2);
        bytes[20..24].copy_from_slice(&5u32.to_be_bytes());
        let (urb, length) = read_urb(&bytes, TARGET).expect("legal").expect("complete");
        assert_eq!(length, 48);
        assert!(matches!(urb.request, Request::Unlink { victim: 5 }));
    }

    #[test]
    fn each_decisive_field_of_a_request_is_judged() {
        let devlist = [1, 0x11, 0x80, 5, 0, 0, 0, 0];
        assert_eq!(read_op(&devlist), Ok(Some((Op::Devlist, 8))));
        assert_eq!(read_op(&devlist[..7]), Ok(None));
        assert_eq!(read_op(&[0, 0, 0x80, 5, 0, 0, 0, 0]), Err(WireError::Version(0)));
        assert_eq!(read_op(&[1, 0x11, 0x80, 4, 0, 0, 0, 0]), Err(WireError::Request(0x8004)));
        assert_eq!(read_op(&[1, 0x11, 0, 1, 0, 0, 0, 0]), Err(WireError::Request(1)));
        assert_eq!(read_op(&[1, 0x11, 0x80, 5, 0, 0, 0, 9]), Err(WireError::RequestStatus(9)));
        let mut import = vec![1, 0x11, 0x80, 3, 0, 0, 0, 0];
        import.extend_from_slice(&[b'x'; 32]);
        assert_eq!(read_op(&import[..39]), Ok(None));
        assert_eq!(read_op(&import), Ok(Some((Op::Import([b'x'; 32]), 40))));
    }

    #[test]
    fn replies_carry_nothing_but_their_number_status_and_length() {
        let bytes = ret_submit(0x0102_0304, Status::Stall, 0x40);
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[..8], [0, 0, 0, 3, 1, 2, 3, 4]);
        assert_eq!(bytes[8..20], [0; 12]);
        assert_eq!(bytes[20..28], [0xFF, 0xFF, 0xFF, 0xE0, 0, 0, 0, 0x40]);
        assert_eq!(bytes[28..], [0; 20]);
        let bytes = ret_unlink(9, Status::Unlinked);
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[..8], [0, 0, 0, 4, 0, 0, 0, 9]);
        assert_eq!(bytes[20..24], [0xFF, 0xFF, 0xFF, 0x98]);
    }

    fn header_like() -> impl Strategy<Value = Vec<u8>> {
        let small = || prop_oneof![0u32..4, Just(DEVID), Just(8192), Just(8193), any::<u32>()];
        (proptest::collection::vec(small(), 12), proptest::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(fields, tail)| {
                fields.iter().flat_map(|f| f.to_be_bytes()).chain(tail).collect()
            })
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_nothing_longer_than_the_input_is_understood(
            bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), header_like()],
        ) {
            if let Ok(Some((_, length))) = read_op(&bytes) {
                prop_assert!(length <= bytes.len());
            }
            if let Ok(Some((urb, length))) = read_urb(&bytes, TARGET) {
                prop_assert!(length <= bytes.len());
                let data = match urb.request {
                    Request::ControlOut { data, .. } | Request::Out { data, .. } => data,
                    _ => Vec::new(),
                };
                prop_assert_eq!(data.len(), length - URB_HEADER);
                prop_assert!(data.capacity() <= limits::MAX_TRANSFER as usize);
            }
        }
    }
}
