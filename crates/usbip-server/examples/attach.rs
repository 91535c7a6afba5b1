//! Plugs a device that echoes its reports into this machine, until it is killed or unplugged:
//! `sudo modprobe vhci-hcd`, then run this as root and look for a new /dev/hidraw.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::cell::RefCell;
use std::error::Error;
use std::path::Path;
use std::rc::Rc;

use usbip_server::vhci::{PLATFORM, Vhci};
use usbip_server::{DeviceInfo, Echo, Interface, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let info = DeviceInfo {
        bus_id: "1-1".into(),
        vendor_id: 0x1209,
        product_id: 0x0001,
        bcd_device: 0x0100,
        manufacturer: "usbip-server".into(),
        product: "Echo".into(),
        serial: String::new(),
    };
    let device =
        Server::new().plug(info, vec![Interface::Hid(Rc::new(RefCell::new(Echo::default())))])?;
    let (port, stream) = Vhci::open(Path::new(PLATFORM))?.attach(device.devid())?;
    println!("plugged into port {}", port.number);
    device.serve(stream).await?;
    println!("unplugged");
    Ok(())
}
