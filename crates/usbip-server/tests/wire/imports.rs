//! Before the import, and how an import ends (P-24, P-29).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use usbip_server::{ConnectionError, Interface, PlugError, Server};

use crate::peer::*;

const BUSY: u32 = 2;
const NO_DEVICE: u32 = 4;

async fn devlist(server: &Server) -> Vec<u8> {
    let (mut stream, _served) = connect(server, 1 << 16);
    stream.write_all(&OP_DEVLIST).await.expect("open");
    stream.shutdown().await.expect("open");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("a reply");
    reply
}

#[test]
fn the_list_agrees_with_the_descriptors_byte_for_byte() {
    simulate(async {
        let server = Server::new();
        assert_eq!(devlist(&server).await, [1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
        let (port, _) = plug(&server, "3-1.2");
        let (_vhci, _served) = attach(&server, &port).await;
        let reply = devlist(&server).await;
        let mut expected = vec![1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1];
        expected.extend_from_slice(b"/sys/devices/virtual/usb/3-1.2");
        expected.resize(12 + 256, 0);
        expected.extend_from_slice(b"3-1.2");
        expected.resize(12 + 256 + 32, 0);
        expected.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2]); // numbers, speed
        expected.extend_from_slice(&[0x12, 0x09, 0xF1, 0xD0, 0x01, 0x23]); // ids, big-endian here
        expected.extend_from_slice(&[0, 0, 0, 1, 1, 1, 3, 0, 0, 0]); // one HID interface
        assert_eq!(reply, expected, "listed while it is in use, too");
        assert_eq!(port.devid(), 0x0003_0002);
    });
}

#[test]
fn the_import_reply_describes_the_device_as_the_list_does() {
    simulate(async {
        let server = Server::new();
        let (_port, _) = plug(&server, "1-1");
        let listed = devlist(&server).await;
        let (mut stream, _served) = connect(&server, 1 << 16);
        stream.write_all(&op_import("1-1")).await.expect("open");
        let mut reply = [0; 320];
        stream.read_exact(&mut reply).await.expect("a reply");
        assert_eq!(reply[..8], [1, 0x11, 0, 3, 0, 0, 0, 0]);
        assert_eq!(reply[8..], listed[12..324]);
    });
}

#[test]
fn a_second_importer_is_told_busy_and_the_first_notices_nothing() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut first, _served) = attach(&server, &port).await;
        let input = first.submit_in(64);
        first.settle().await;
        let (mut second, refused) = connect(&server, 1 << 16);
        assert_eq!(import(&mut second, "1-1").await.expect("a reply"), BUSY);
        assert_eq!(second.read(&mut [0; 1]).await.expect("closed"), 0);
        assert!(matches!(refused.await.expect("no panic"), Err(ConnectionError::Busy)));
        first.submit_out(&[8; 64]);
        assert_eq!(data_of(&first.settle().await, input), [8; 64]);
        assert_eq!(echo.borrow().attached, 1);
    });
}

#[test]
fn a_host_that_lets_go_and_comes_back_at_once_is_let_in() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        for _ in 0..100 {
            let (first, _served) = attach(&server, &port).await;
            let (mut second, _) = connect(&server, 1 << 16);
            yield_now().await;
            // As when the server finds both at the same time, and looks at the new connection first.
            second.write_all(&op_import("1-1")).await.expect("open");
            drop(first);
            let mut reply = [0; 8];
            second.read_exact(&mut reply).await.expect("a reply");
            assert_eq!(reply[4..], [0; 4]);
            drop(second);
            while port.is_attached() {
                yield_now().await;
            }
        }
    });
}

#[test]
fn who_waits_for_an_import_is_told_of_it_and_of_its_end() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        port.freed().await;
        let host = async {
            yield_now().await;
            attach(&server, &port).await
        };
        let ((), client) = tokio::join!(port.imported(), host);
        port.imported().await;
        drop(client);
        port.freed().await;
        assert!(!port.is_attached());
    });
}

#[test]
fn of_two_racing_importers_one_wins_a_thousand_times() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        for round in 1..=1000 {
            let (mut one, _) = connect(&server, 1 << 16);
            let (mut two, _) = connect(&server, 1 << 16);
            let (one_status, two_status) =
                tokio::join!(import(&mut one, "1-1"), import(&mut two, "1-1"));
            let mut statuses = [one_status.expect("a reply"), two_status.expect("a reply")];
            statuses.sort_unstable();
            assert_eq!(statuses, [0, BUSY]);
            drop((one, two));
            while port.is_attached() {
                yield_now().await;
            }
            assert_eq!((echo.borrow().attached, echo.borrow().detached), (round, round));
        }
    });
}

#[test]
fn an_unknown_bus_id_is_refused() {
    simulate(async {
        let server = Server::new();
        plug(&server, "1-1");
        for wrong in ["1-2", "", "1-", "1-11", "11111111111111111111111111111111"] {
            let (mut stream, refused) = connect(&server, 1 << 16);
            assert_eq!(import(&mut stream, wrong).await.expect("a reply"), NO_DEVICE);
            let error = refused.await.expect("no panic").expect_err("refused");
            assert!(matches!(error, ConnectionError::NoSuchDevice(name) if name == wrong));
        }
    });
}

#[test]
fn a_list_and_an_import_may_share_a_connection_and_a_write() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (stream, _served) = connect(&server, 1 << 16);
        let mut vhci = Vhci::new(stream, port.devid());
        let control = vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
        let bytes = [&OP_DEVLIST[..], &op_import("1-1"), &vhci.outgoing].concat();
        vhci.outgoing.clear();
        vhci.stream.write_all(&bytes).await.expect("open");
        vhci.stream.read_exact(&mut [0; 12 + 316 + 320]).await.expect("both replies");
        assert_eq!(data_of(&vhci.settle().await, control).len(), 18);
    });
}

/// What a host sends in a short life: import, descriptors, a report there and back, an unlink.
fn a_session(devid: u32) -> Vec<u8> {
    let (stream, _) = tokio::io::duplex(1);
    let mut vhci = Vhci::new(stream, devid);
    vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
    vhci.submit_control(setup(0x80, 6, 0x0200, 0, 255), &[]);
    vhci.submit_control(setup(0x00, 9, 1, 0, 0), &[]);
    vhci.submit_control(setup(0x81, 6, 0x2200, 0, 34), &[]);
    let waiting = vhci.submit_in(64);
    vhci.submit_out(&[6; 64]);
    vhci.submit_in(64);
    vhci.submit_out(&[7; 65]);
    vhci.submit_unlink(waiting);
    vhci.submit_in(64);
    let mut bytes = OP_DEVLIST.to_vec();
    bytes.extend(op_import("1-1"));
    bytes.append(&mut vhci.outgoing);
    bytes
}

#[test]
fn a_stream_cut_at_any_byte_leaves_a_device_that_can_be_imported_at_once() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let session = a_session(port.devid());
        assert!(session.len() > 600);
        for cut in 0..=session.len() {
            let (mut stream, served) = connect(&server, 1 << 16);
            stream.write_all(&session[..cut]).await.expect("open");
            if cut % 2 == 0 {
                // Half of the time what was sent has been handled before the end comes.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(stream);
            drop(served.await.expect("no panic"));
            assert!(!port.is_attached(), "cut at {cut}");
            let (again, _) = attach(&server, &port).await;
            drop(again);
            while port.is_attached() {
                yield_now().await;
            }
        }
        assert_eq!(echo.borrow().attached, echo.borrow().detached);
    });
}

#[test]
fn unplugging_ends_the_import_and_takes_the_device_off_the_list() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        let (mut vhci, served) = attach(&server, &port).await;
        vhci.submit_in(64);
        vhci.settle().await;
        port.unplug();
        served.await.expect("no panic").expect("an orderly end");
        assert_eq!(vhci.stream.read(&mut [0; 1]).await.expect("closed"), 0);
        assert_eq!(echo.borrow().detached, 1);
        assert_eq!(devlist(&server).await.len(), 12);
        let (mut stream, _) = connect(&server, 1 << 16);
        assert_eq!(import(&mut stream, "1-1").await.expect("a reply"), NO_DEVICE);
        let (ours, theirs) = tokio::io::duplex(64);
        assert!(matches!(port.serve(theirs).await, Err(ConnectionError::Busy)));
        drop(ours);
        let (next, _) = plug(&server, "1-1");
        port.unplug();
        assert_eq!(
            devlist(&server).await.len(),
            12 + 316,
            "the old port has no say over its successor"
        );
        attach(&server, &next).await;
    });
}

#[test]
fn replugging_ends_the_import_and_the_device_can_be_imported_again() {
    simulate(async {
        let server = Server::new();
        let (port, echo) = plug(&server, "1-1");
        port.replug();
        let (_vhci, served) = attach(&server, &port).await;
        port.replug();
        served.await.expect("no panic").expect("an orderly end");
        let (_vhci, _served) = attach(&server, &port).await;
        assert!(port.is_attached());
        assert_eq!((echo.borrow().attached, echo.borrow().detached), (2, 1));
    });
}

#[test]
fn devices_come_and_go_while_another_is_in_use() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _served) = attach(&server, &port).await;
        for round in 0..100u8 {
            let (other, _) = plug(&server, "1-2");
            let (_other_vhci, served) = attach(&server, &other).await;
            let input = vhci.submit_in(64);
            vhci.submit_out(&[round; 64]);
            assert_eq!(data_of(&vhci.settle().await, input), [round; 64]);
            other.unplug();
            served.await.expect("no panic").expect("an orderly end");
        }
    });
}

#[test]
fn a_served_port_needs_no_import() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = port.clone();
        let served = tokio::task::spawn_local(async move { serving.serve(theirs).await });
        let mut vhci = Vhci::new(ours, port.devid());
        let control = vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
        assert_eq!(data_of(&vhci.settle().await, control).len(), 18);
        let (mut late, _) = connect(&server, 1 << 16);
        assert_eq!(import(&mut late, "1-1").await.expect("a reply"), BUSY);
        drop(vhci);
        served.await.expect("no panic").expect("an orderly end");
        assert!(!port.is_attached());
    });
}

#[test]
fn a_bus_id_is_given_once_and_must_be_one() {
    let server = Server::new();
    let (_port, echo) = plug(&server, "1-1");
    let key = || vec![Interface::Hid(echo.clone())];
    let again = server.plug(info("1-1"), key()).map(|_| ());
    assert_eq!(again, Err(PlugError::BusIdTaken("1-1".into())));
    let long = "x".repeat(32);
    for bad in ["", "a b", &long] {
        let refused = server.plug(info(bad), key()).map(|_| ());
        assert_eq!(refused, Err(PlugError::BusIdInvalid(bad.into())));
    }
    let nothing = server.plug(info("1-2"), Vec::new()).map(|_| ());
    assert_eq!(nothing, Err(PlugError::Interfaces));
    assert!(server.plug(info(&long[1..]), key()).is_ok());
}
