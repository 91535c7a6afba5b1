//! The host end against the server, over real sockets.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use usbip_server::client::{ClientError, Host, Socket, list};
use usbip_server::{DeviceInfo, Echo, Interface, Report, Server, limits};

const DEVID: u32 = 0x0001_0002;
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `serve` with a server that has one device, on a thread of its own, until the process ends.
fn with_server<F: AsyncFnOnce(Server)>(serve: impl FnOnce() -> F + Send + 'static) {
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = Server::new();
        let info = DeviceInfo {
            bus_id: "1-1".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            bcd_device: 0x0100,
            manufacturer: "Maker".into(),
            product: "Kéy".into(),
            serial: String::new(),
        };
        let echo = Rc::new(RefCell::new(Echo::default()));
        server.plug(info, vec![Interface::Hid(echo)]).expect("a free bus id");
        tokio::task::LocalSet::new().block_on(&runtime, serve()(server));
    });
}

fn tcp_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    with_server(move || {
        async move |server: Server| {
            listener.set_nonblocking(true).expect("a listener");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            match server.serve_tcp(listener, |_| true).await {}
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("connected")
}

fn import(socket: impl Into<Socket>) -> Host {
    Host::import(socket, "1-1").expect("imported")
}

#[test]
fn a_device_is_listed_imported_enumerated_and_used_over_tcp() {
    let address = tcp_server();
    let listed = list(connect(address)).expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].bus_id.as_str(), listed[0].devid, listed[0].speed), ("1-1", DEVID, 2));
    assert_eq!((listed[0].vendor_id, listed[0].product_id), (0x1209, 0xF1D0));
    assert_eq!((listed[0].configuration_value, listed[0].interfaces.clone()), (1, vec![[3, 0, 0]]));
    let mut host = import(connect(address));
    let found = host.enumerate().expect("enumerated");
    assert_eq!(found.device[8..12], [0x09, 0x12, 0xD0, 0xF1]);
    assert_eq!((found.configuration.len(), found.report_descriptor.len()), (41, 34));
    assert_eq!(found.manufacturer.as_deref(), Some("Maker"));
    assert_eq!((found.product.as_deref(), found.serial), (Some("Kéy"), None));
    for count in 0..200u8 {
        host.send(&[count; 64]).expect("sent");
        assert_eq!(host.receive(PATIENCE).expect("open"), Some([count; 64]));
    }
}

#[test]
fn whoever_is_not_welcome_is_hung_up_on_and_the_next_one_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    with_server(move || {
        async move |server: Server| {
            listener.set_nonblocking(true).expect("a listener");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let mut seen = 0;
            let every_other = move |_: &_| {
                seen += 1;
                seen % 2 == 0
            };
            match server.serve_tcp(listener, every_other).await {}
        }
    });
    for _ in 0..3 {
        let mut stranger = connect(address);
        let end = stranger.read(&mut [0]);
        assert!(matches!(end, Ok(0)) || end.is_err(), "{end:?}");
        assert_eq!(list(connect(address)).expect("a list").len(), 1);
    }
}

#[test]
fn a_device_is_used_over_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("usbip");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    with_server(move || {
        async move |server: Server| {
            listener.set_nonblocking(true).expect("a listener");
            let listener = tokio::net::UnixListener::from_std(listener).expect("a listener");
            match server.serve_accepted(async || Ok(listener.accept().await?.0)).await {}
        }
    });
    let mut host = import(UnixStream::connect(path).expect("connected"));
    host.send(&[5; 64]).expect("sent");
    assert_eq!(host.receive(PATIENCE).expect("open"), Some([5; 64]));
}

#[test]
fn many_reports_may_be_sent_before_one_is_received() {
    let mut host = import(connect(tcp_server()));
    for count in 0..3000u32 {
        host.send(&[count as u8; 64]).expect("sent");
    }
    for count in 0..3000u32 {
        assert_eq!(host.receive(PATIENCE).expect("open"), Some([count as u8; 64]));
    }
}

#[test]
fn receive_gives_up_in_time_and_not_before() {
    let mut host = import(connect(tcp_server()));
    let begun = Instant::now();
    assert_eq!(host.receive(Duration::from_millis(50)).expect("open"), None);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert_eq!(host.receive(Duration::ZERO).expect("open"), None);
    host.send(&[1; 64]).expect("sent");
    assert_eq!(host.receive(PATIENCE).expect("open"), Some([1; 64]));
}

#[test]
fn a_waiting_urb_can_be_unlinked_and_a_finished_one_cannot() {
    let mut host = import(connect(tcp_server()));
    let first = host.submit_input().expect("submitted");
    let second = host.submit_input().expect("submitted");
    assert!(host.unlink(second).expect("an answer"));
    host.send(&[2; 64]).expect("sent");
    assert_eq!(host.receive(PATIENCE).expect("open"), Some([2; 64]));
    assert!(!host.unlink(first).expect("an answer"));
    assert!(!host.unlink(second).expect("an answer"));
}

#[test]
fn unlinked_urbs_are_replaced_when_a_report_is_wanted() {
    let mut host = import(connect(tcp_server()));
    let waiting: Vec<u32> = (0..40).map(|_| host.submit_input().expect("submitted")).collect();
    for seqnum in waiting {
        assert!(host.unlink(seqnum).expect("an answer"));
    }
    host.send(&[4; 64]).expect("sent");
    assert_eq!(host.receive(PATIENCE).expect("open"), Some([4; 64]));
}

#[test]
fn as_many_reads_wait_as_were_asked_for_and_others_are_taken_back() {
    let mut host = import(connect(tcp_server()));
    let waiting: Vec<u32> = (0..3).map(|_| host.submit_input().expect("submitted")).collect();
    host.keep_reads(1).expect("taken back");
    assert!(!host.unlink(waiting[2]).expect("an answer"), "it is not there any more");
    assert!(host.unlink(waiting[0]).expect("an answer"), "the oldest is left");
    for reads in [1, 0, 1000, 1] {
        host.keep_reads(reads).expect("taken back");
        let sent: Vec<Report> = (0..100).map(|number| [number; 64]).collect();
        sent.iter().for_each(|report| host.send(report).expect("sent"));
        let received = sent.iter().map(|_| host.receive(PATIENCE).expect("open").expect("one"));
        assert_eq!(received.collect::<Vec<_>>(), sent, "nothing is lost with {reads}");
    }
}

#[test]
fn a_stall_is_an_error_and_the_device_lives_on() {
    let mut host = import(connect(tcp_server()));
    let qualifier = usbip_server::client::SetupPacket {
        request_type: 0x80,
        request: 6,
        value: 0x0600,
        index: 0,
        length: 10,
    };
    assert!(matches!(host.control_in(qualifier), Err(ClientError::Stall)));
    assert!(matches!(
        host.send_bytes(&[0; limits::MAX_TRANSFER as usize + 1]),
        Err(ClientError::TooLong)
    ));
    host.send_bytes(&[3; 65]).expect("sent");
    assert_eq!(host.receive(PATIENCE).expect("open"), Some([3; 64]));
}

#[test]
fn a_second_import_is_refused_until_the_first_host_is_gone() {
    let address = tcp_server();
    let first = import(connect(address));
    assert!(matches!(Host::import(connect(address), "1-1"), Err(ClientError::InUse)));
    assert!(matches!(Host::import(connect(address), "9-9"), Err(ClientError::NoSuchDevice)));
    first.close();
    let begun = Instant::now();
    let _second = loop {
        match Host::import(connect(address), "1-1") {
            Ok(host) => break host,
            Err(ClientError::InUse) => assert!(begun.elapsed() < PATIENCE),
            Err(error) => panic!("{error}"),
        }
    };
}

/// A server that gives `reply` to whatever it is asked, says no more, and reads on, so that the end is no reset.
fn liar(reply: Vec<u8>) -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    std::thread::spawn(move || {
        drop(theirs.read(&mut [0; 4096]));
        drop(theirs.write_all(&reply));
        drop(theirs.shutdown(Shutdown::Write));
        drop(theirs.read_to_end(&mut Vec::new()));
    });
    ours
}

fn fields(fields: &[u32]) -> Vec<u8> {
    fields.iter().flat_map(|field| field.to_be_bytes()).collect()
}

#[test]
fn a_lying_server_is_found_out() {
    let longer_than_it_is = [vec![1, 0x11, 0, 5, 0, 0, 0, 0], fields(&[1000])].concat();
    assert!(matches!(list(liar(longer_than_it_is)), Err(ClientError::Io(_))));
    let other = vec![1, 0x11, 0, 3, 0, 0, 0, 0];
    assert!(matches!(list(liar(other)), Err(ClientError::Protocol(_))));
    for reply in [
        fields(&[3, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        fields(&[4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        fields(&[3, 1, 0, 0, 0, 0, 65, 0, 0, 0, 0, 0]),
        fields(&[3, 1, 0, 0, 0, 0, u32::MAX, 0, 0, 0, 0, 0]),
    ] {
        let mut host = Host::adopt(liar(reply), DEVID).expect("a socket");
        host.submit_input().expect("submitted");
        assert!(matches!(host.receive(PATIENCE), Err(ClientError::Protocol(_))));
    }
    let mut host = Host::adopt(liar(Vec::new()), DEVID).expect("a socket");
    assert!(matches!(host.receive(PATIENCE), Err(ClientError::Io(_))));
}

#[test]
fn the_257th_unconfirmed_report_waits_for_a_confirmation() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let taken = 256 * (48 + 64) + 32 * 48;
    let peer = std::thread::spawn(move || theirs.read_exact(&mut vec![0; taken]));
    let mut host = Host::adopt(ours, DEVID).expect("a socket");
    for _ in 0..256 {
        host.send(&[0; 64]).expect("sent");
    }
    peer.join().expect("no panic").expect("256 reports and 32 requests for reports");
    match host.send(&[0; 64]) {
        Err(ClientError::Io(error)) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        other => panic!("{other:?} though it had to read first"),
    }
}

#[test]
fn a_server_may_list_1024_devices_and_no_more() {
    let head =
        |count: u32| [vec![1, 0x11, 0, 5, 0, 0, 0, 0], count.to_be_bytes().to_vec()].concat();
    let full = [head(1024), vec![0; 1024 * 312]].concat();
    assert_eq!(list(liar(full)).expect("as many as may be").len(), 1024);
    assert!(matches!(list(liar(head(1025))), Err(ClientError::Protocol(_))));
}

/// A completion whose fields are right more often than not.
fn almost_a_reply() -> impl Strategy<Value = Vec<u8>> {
    let defect = proptest::option::weighted(0.1, (0usize..12, any::<u32>()));
    let fields = (prop_oneof![9 => Just(3u32), 1 => Just(4)], 1u32..40, 0usize..70, defect);
    fields.prop_map(|(command, seqnum, length, defect)| {
        let mut fields = [command, seqnum, 0, 0, 0, 0, length as u32, 0, 0, 0, 0, 0];
        if let Some((at, value)) = defect {
            fields[at] = value;
        }
        let header = fields.iter().flat_map(|field| field.to_be_bytes());
        header.chain(std::iter::repeat_n(7, length)).collect()
    })
}

proptest! {
    #[test]
    fn no_server_upsets_a_host_or_makes_it_wait(
        replies in proptest::collection::vec(almost_a_reply(), 0..60),
        tail in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut host = Host::adopt(liar([replies.concat(), tail].concat()), DEVID).expect("a socket");
        let mut received = 0;
        while let Ok(report) = host.receive(PATIENCE) {
            prop_assert!(report.is_some(), "the stream has ended");
            received += 1;
        }
        prop_assert!(received <= replies.len());
    }
}
