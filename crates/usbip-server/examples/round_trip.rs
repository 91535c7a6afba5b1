//! How long a 64-byte report takes there and back through the host end, loopback TCP and the
//! server, next to a bare TCP echo of 64 bytes: `cargo run --release -p usbip-server --example
//! round_trip`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement, not a library")]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use usbip_server::client::Host;
use usbip_server::{DeviceInfo, Echo, Interface, Server};

const ROUNDS: usize = 10_000;
const BATCHES: usize = 5;

fn main() {
    let mut bare = TcpStream::connect(bare_echo()).unwrap();
    bare.set_nodelay(true).unwrap();
    let mut host = Host::import(TcpStream::connect(device()).unwrap(), "1-1").unwrap();
    for batch in 0..=BATCHES {
        let bare_time = measure(|| {
            let mut answer = [0; 64];
            bare.write_all(&[7; 64]).unwrap();
            bare.read_exact(&mut answer).unwrap();
        });
        let host_time = measure(|| {
            host.send(&[7; 64]).unwrap();
            host.receive(Duration::from_secs(5)).unwrap().unwrap();
        });
        if batch > 0 {
            println!(
                "bare TCP echo {bare_time:.1} us, report echo {host_time:.1} us, ratio {:.2}",
                host_time / bare_time
            );
        }
    }
}

/// Median of the rounds, in microseconds.
fn measure(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            round();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2].as_secs_f64() * 1e6
}

fn bare_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut report = [0; 64];
        while stream.read_exact(&mut report).is_ok() {
            stream.write_all(&report).unwrap();
        }
    });
    address
}

fn device() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let server = Server::new();
            let info = DeviceInfo {
                bus_id: "1-1".into(),
                vendor_id: 0x1209,
                product_id: 0xF1D0,
                bcd_device: 0x0100,
                manufacturer: String::new(),
                product: "Echo".into(),
                serial: String::new(),
            };
            server
                .plug(info, vec![Interface::Hid(Rc::new(RefCell::new(Echo::default())))])
                .unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            match server.serve_tcp(listener, |_| true).await {}
        });
    });
    address
}
