//! A device as the server tells of it before an import: in OP_REP_DEVLIST and OP_REP_IMPORT.

use crate::device::DeviceInfo;
use crate::interface::{Class, Layout};
use crate::wire::{BUS_ID, OP_REP_DEVLIST, OP_REP_IMPORT, op_head, text_field};

/// What both replies say of a device, in the bytes that they have for it.
pub(crate) struct Description {
    /// All but the interfaces.
    device: Vec<u8>,
    /// Class, subclass, protocol and a zero for each interface, which OP_REP_DEVLIST alone has.
    interfaces: Vec<u8>,
}

impl Description {
    /// Of a device that is in use by nobody, with configuration 1 in force.
    pub(crate) fn of(info: &DeviceInfo, layout: &Layout, bus_num: u16, dev_num: u16) -> Self {
        let mut device = Vec::with_capacity(DESCRIPTION);
        device.extend(text_field::<PATH>(&format!("/sys/devices/virtual/usb/{}", info.bus_id)));
        device.extend(text_field::<BUS_ID>(&info.bus_id));
        for number in [u32::from(bus_num), u32::from(dev_num), FULL_SPEED] {
            device.extend(number.to_be_bytes());
        }
        for number in [info.vendor_id, info.product_id, info.bcd_device] {
            device.extend(number.to_be_bytes());
        }
        // Class, subclass and protocol are the interfaces'. Configuration 1 is in force, of one.
        device.extend([0, 0, 0, 1, 1]);
        // Layouts have at most 15 interfaces.
        device.push(u8::try_from(layout.classes().len()).unwrap_or_default());
        let interfaces = layout.classes().iter().copied().map(Class::code);
        Self { device, interfaces: interfaces.flat_map(|class| [class, 0, 0, 0]).collect() }
    }

    /// OP_REP_IMPORT that says yes.
    pub(crate) fn imported(&self) -> Vec<u8> {
        [&op_head(OP_REP_IMPORT, 0), self.device.as_slice()].concat()
    }

    /// OP_REP_DEVLIST of all of these.
    pub(crate) fn list<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Vec<u8> {
        let count = u32::try_from(all.clone().count()).unwrap_or(u32::MAX);
        let mut list = [&op_head(OP_REP_DEVLIST, 0), count.to_be_bytes().as_slice()].concat();
        for one in all {
            list.extend_from_slice(&one.device);
            list.extend_from_slice(&one.interfaces);
        }
        list
    }
}

/// Bytes of a device's path in sysfs, which no device here has.
const PATH: usize = 256;
/// Bytes that describe a device, without its interfaces.
pub(crate) const DESCRIPTION: usize = 312;
/// USB_SPEED_FULL of Linux.
const FULL_SPEED: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::{ccid, hid};

    fn described() -> Description {
        let info = DeviceInfo {
            bus_id: "3-1".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            bcd_device: 0x0123,
            manufacturer: String::new(),
            product: String::new(),
            serial: String::new(),
        };
        Description::of(&info, &Layout::of(&[hid(), ccid()]).expect("it fits"), 3, 7)
    }

    #[test]
    fn an_import_tells_the_device_and_a_list_its_interfaces_too() {
        let imported = described().imported();
        assert_eq!(imported[..8], [1, 0x11, 0, 3, 0, 0, 0, 0]);
        assert_eq!(imported[8..36], *b"/sys/devices/virtual/usb/3-1");
        assert_eq!(imported[36..264], [0; 228]);
        assert_eq!(imported[264..268], *b"3-1\0");
        let numbers = [0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 2];
        let device = [0x12, 0x09, 0xF1, 0xD0, 0x01, 0x23, 0, 0, 0, 1, 1, 2];
        assert_eq!(imported[296..], [&numbers[..], &device].concat());
        let (one, list) = (described(), Description::list([described()].iter()));
        assert_eq!(list[..12], [1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(list[12..324], one.device);
        assert_eq!(list[324..], [3, 0, 0, 0, 0x0B, 0, 0, 0]);
    }

    #[test]
    fn a_list_of_no_devices_is_12_bytes() {
        assert_eq!(Description::list([].iter()), [1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
