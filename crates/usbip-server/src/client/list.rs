//! The requests before the import: OP_REQ_DEVLIST and OP_REQ_IMPORT.

use usbip::usbip_protocol::{OP_REP_DEVLIST, OP_REP_IMPORT, USBIP_VERSION, UsbIpCommand};

use super::{ClientError, PATIENCE, Socket};
use crate::limits;
use crate::wire::{DEVICE_BUSY, NO_DEVICE, u16_at, u32_at};

/// A device as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDevice {
    /// The bus id to import it with.
    pub bus_id: String,
    /// Bus number and device number, as in URBs.
    pub devid: u32,
    /// The kernel's number of the speed: 1 low, 2 full, 3 high, 5 super.
    pub speed: u32,
    /// idVendor: the maker's number.
    pub vendor_id: u16,
    /// idProduct: the maker's number of the model.
    pub product_id: u16,
    /// bcdDevice: the version, two binary-coded decimal digits before the point and two after it.
    pub bcd_device: u16,
    /// bConfigurationValue: the active configuration.
    pub configuration_value: u8,
    /// Class, subclass and protocol of each interface.
    pub interfaces: Vec<[u8; 3]>,
}

/// The devices that the server offers. The connection can be used only for this.
///
/// # Errors
/// [`ClientError::Io`], [`ClientError::Protocol`]: the server's fault.
pub fn list(socket: impl Into<Socket>) -> Result<Vec<RemoteDevice>, ClientError> {
    let mut socket = socket.into();
    request(&mut socket, &UsbIpCommand::OpReqDevlist { status: 0 }, OP_REP_DEVLIST)?;
    let mut count = [0; 4];
    socket.read_exact(&mut count)?;
    let count = u32::from_be_bytes(count);
    if count > limits::MAX_LISTED {
        return Err(ClientError::Protocol("it lists more devices than a server can have"));
    }
    // Nothing is set aside for a number that a server only claims.
    let mut devices = Vec::new();
    for _ in 0..count {
        devices.push(read_listed(&mut socket)?);
    }
    Ok(devices)
}

fn read_listed(socket: &mut Socket) -> Result<RemoteDevice, ClientError> {
    let (mut device, interfaces) = read_device(socket)?;
    for _ in 0..interfaces {
        let mut interface = [0; 4];
        socket.read_exact(&mut interface)?;
        let [class, subclass, protocol, _] = interface;
        device.interfaces.push([class, subclass, protocol]);
    }
    Ok(device)
}

/// Imports the device with `bus_id` and returns its devid.
pub(super) fn import(socket: &mut Socket, bus_id: &str) -> Result<u32, ClientError> {
    if bus_id.len() > limits::MAX_BUS_ID {
        return Err(ClientError::NoSuchDevice);
    }
    let mut busid = [0; 32];
    busid.iter_mut().zip(bus_id.bytes()).for_each(|(to, from)| *to = from);
    request(socket, &UsbIpCommand::OpReqImport { status: 0, busid }, OP_REP_IMPORT)?;
    Ok(read_device(socket)?.0.devid)
}

fn request(socket: &mut Socket, request: &UsbIpCommand, reply: u16) -> Result<(), ClientError> {
    socket.set_timeout(PATIENCE)?;
    socket.write_all(&request.to_bytes())?;
    let mut head = [0; 8];
    socket.read_exact(&mut head)?;
    if u16_at(&head, 0) != Some(USBIP_VERSION) || u16_at(&head, 2) != Some(reply) {
        return Err(ClientError::Protocol("the reply is not the one that was asked for"));
    }
    match u32_at(&head, 4) {
        Some(0) => Ok(()),
        Some(DEVICE_BUSY) => Err(ClientError::InUse),
        Some(NO_DEVICE) => Err(ClientError::NoSuchDevice),
        status => Err(ClientError::Refused(status.unwrap_or_default())),
    }
}

/// The description of one device, and how many interfaces it has.
fn read_device(socket: &mut Socket) -> Result<(RemoteDevice, u8), ClientError> {
    let mut bytes = [0; DEVICE];
    socket.read_exact(&mut bytes)?;
    parse_device(&bytes).ok_or(ClientError::Protocol("the description of a device cannot be read"))
}

fn parse_device(bytes: &[u8; DEVICE]) -> Option<(RemoteDevice, u8)> {
    let bus_id = bytes.get(256..288)?.split(|byte| *byte == 0).next()?;
    let device = RemoteDevice {
        bus_id: String::from_utf8_lossy(bus_id).into_owned(),
        devid: u32_at(bytes, 288)? << 16 | u32_at(bytes, 292)?,
        speed: u32_at(bytes, 296)?,
        vendor_id: u16_at(bytes, 300)?,
        product_id: u16_at(bytes, 302)?,
        bcd_device: u16_at(bytes, 304)?,
        configuration_value: *bytes.get(309)?,
        interfaces: Vec::new(),
    };
    Some((device, *bytes.get(311)?))
}

/// Bytes that describe a device, without its interfaces.
const DEVICE: usize = 312;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_server_that_says_nothing_has_not_answered_in_time() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut socket = Socket::from(ours);
        socket.set_timeout(Duration::from_millis(1)).unwrap();
        assert!(matches!(read_device(&mut socket), Err(ClientError::TimedOut)));
    }

    proptest! {
        #[test]
        fn any_description_is_read_and_names_what_it_says(
            bus_id in proptest::collection::vec(any::<u8>(), 32),
            numbers in proptest::collection::vec(any::<u8>(), DEVICE - 288),
        ) {
            let mut bytes = [0; DEVICE];
            bytes[256..288].copy_from_slice(&bus_id);
            bytes[288..].copy_from_slice(&numbers);
            let (device, interfaces) = parse_device(&bytes).expect("any will do");
            prop_assert!(device.bus_id.chars().count() <= 32);
            prop_assert_eq!(device.vendor_id.to_be_bytes(), [bytes[300], bytes[301]]);
            prop_assert_eq!((device.configuration_value, interfaces), (bytes[309], bytes[311]));
        }
    }
}
