//! With one end of a socket pair in place of the kernel's file: it keeps events apart, as that does. What a real kernel makes of
//! it, `tests/kernel` shows.

use std::collections::VecDeque;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::super::{PLACE, Uhid, UhidError};
use super::*;
use crate::device::{DeviceInfo, Port};
use crate::interface::Interface;
use crate::server::Server;
use crate::timed::Timed;

/// Sends back what it gets, and tells what becomes of it.
#[derive(Default)]
struct Echo {
    reports: VecDeque<Report>,
    told: Vec<&'static str>,
    alarm: Option<Instant>,
}

impl Timed for Echo {
    fn poll_timeout(&mut self) -> Option<Duration> {
        self.alarm.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn handle_timeout(&mut self) {
        self.alarm = None;
        self.reports.push_back([9; 64]);
    }
}

impl HidFunction for Echo {
    fn attached(&mut self) {
        self.told.push("attached");
    }
    fn detached(&mut self) {
        self.told.push("detached");
    }
    fn output(&mut self, report: &Report) {
        self.reports.push_back(*report);
    }
    fn input(&mut self, reads: usize) -> Option<Report> {
        assert_eq!(reads, 0);
        self.reports.pop_front()
    }
    fn unread(&mut self) {
        self.told.push("unread");
    }
}

/// The kernel's end of a device, and what is behind ours.
struct Kernel {
    file: OwnedFd,
    echo: Rc<RefCell<Echo>>,
    port: Port,
    served: JoinHandle<io::Result<()>>,
}

impl Kernel {
    fn with_a_device() -> Self {
        let info = DeviceInfo {
            bus_id: "1-1".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            bcd_device: 0x0100,
            manufacturer: "Maker".into(),
            product: "Key".into(),
            serial: "S1".into(),
        };
        let echo = Rc::new(RefCell::new(Echo::default()));
        let port =
            Server::new().plug(info.clone(), vec![Interface::Hid(Rc::clone(&echo) as _)]).unwrap();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (file, ours) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let served = spawn_local(serve(ours, info, port.lease().unwrap(), Rc::clone(&echo) as _));
        Self { file, echo, port, served }
    }

    async fn tell(&self, kind: u8, body: &[u8]) {
        let mut event = [&[kind, 0, 0, 0], body].concat();
        event.resize(EVENT, 0);
        // There is room for a few dozen.
        while rustix::io::write(&self.file, &event) == Err(Errno::WOULDBLOCK) {
            yield_now().await;
        }
    }

    /// A program writes to the device file.
    async fn output(&self, data: &[u8]) {
        let mut body = data.to_vec();
        body.resize(4096, 0);
        body.extend((data.len() as u16).to_le_bytes());
        body.push(1);
        self.tell(6, &body).await;
    }

    /// The next event from the device.
    async fn heard(&self) -> Vec<u8> {
        let mut buffer = [0; EVENT];
        loop {
            match rustix::io::read(&self.file, &mut buffer) {
                Ok(length) => return buffer[..length].to_vec(),
                Err(Errno::WOULDBLOCK) => yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn hears(&self, kind: u8) -> Vec<u8> {
        let event = self.heard().await;
        assert_eq!(event[..4], [kind, 0, 0, 0]);
        event[4..].to_vec()
    }

    /// Until the device has taken in what was told.
    async fn settled(&self) {
        self.tell(9, &[1, 0, 0, 0, 0, 0]).await;
        self.hears(10).await;
    }
}

async fn with_a_device(test: impl AsyncFnOnce(&mut Kernel)) {
    let run = async {
        let mut kernel = Kernel::with_a_device();
        assert!(kernel.hears(11).await.starts_with(b"Maker Key\0"));
        test(&mut kernel).await;
    };
    LocalSet::new().run_until(run).await;
}

const OPEN: u8 = 4;
const CLOSE: u8 = 5;

#[tokio::test]
async fn reports_go_to_the_device_and_come_back_while_somebody_reads() {
    with_a_device(async |kernel| {
        kernel.output(&[&[0][..], &[7; 64]].concat()).await;
        kernel.settled().await;
        assert_eq!(kernel.echo.borrow().reports.len(), 1, "nobody reads: it is kept");
        kernel.tell(OPEN, &[]).await;
        assert_eq!(kernel.hears(12).await, [&[64, 0][..], &[7; 64]].concat());
        kernel.tell(CLOSE, &[]).await;
        kernel.settled().await;
        assert_eq!(kernel.echo.borrow().told, ["attached", "unread"]);
    })
    .await;
}

#[tokio::test]
async fn a_short_write_is_filled_with_zeros_and_a_long_one_is_several_reports() {
    with_a_device(async |kernel| {
        kernel.output(&[0, 1, 2]).await;
        kernel.output(&[&[0][..], &[3; 100]].concat()).await;
        kernel.settled().await;
        let reports: Vec<_> =
            kernel.echo.borrow().reports.iter().map(|r| r[..3].to_vec()).collect();
        assert_eq!(reports, [[1, 2, 0], [3, 3, 3], [3, 3, 3]]);
        assert_eq!(kernel.echo.borrow().reports[2][36..], [0; 28]);
    })
    .await;
}

// HD-96
#[tokio::test]
async fn every_program_that_asks_is_answered() {
    with_a_device(async |kernel| {
        for (number, kind, error, length) in
            [(0, 2, 0, 65), (0, 1, 0, 65), (0, 0, 5, 0), (1, 2, 5, 0)]
        {
            kernel.tell(9, &[8, 0, 0, 0, number, kind]).await;
            let answer = kernel.hears(10).await;
            assert_eq!(answer[..8], [8, 0, 0, 0, error, 0, length, 0], "{number} {kind}");
            assert_eq!(answer.len(), 8 + usize::from(length));
        }
        for (kind, length, error) in [(1, 65, 0), (1, 66, 5), (0, 65, 5), (2, 65, 5)] {
            kernel.tell(13, &[&[8, 0, 0, 0, 0, kind, length, 0, 0][..], &[6; 65]].concat()).await;
            assert_eq!(kernel.hears(14).await, [8, 0, 0, 0, error, 0], "{kind} {length}");
        }
        assert_eq!(kernel.echo.borrow().reports, [[6; 64]]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_device_is_kept_and_what_was_sent_before_comes_first() {
    with_a_device(async |kernel| {
        kernel.tell(OPEN, &[]).await;
        kernel.settled().await;
        kernel.echo.borrow_mut().alarm = Some(Instant::now() + Duration::from_secs(3));
        kernel.port.wake();
        kernel.output(&[0, 1]).await;
        assert_eq!(kernel.hears(12).await[2], 1);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(kernel.hears(12).await[2], 9);
    })
    .await;
}

#[tokio::test]
async fn what_another_thread_has_done_is_told_when_it_wakes_the_port() {
    with_a_device(async |kernel| {
        kernel.tell(OPEN, &[]).await;
        kernel.settled().await;
        kernel.echo.borrow_mut().reports.push_back([4; 64]);
        let waker = kernel.port.waker();
        std::thread::spawn(move || waker.wake()).join().unwrap();
        assert_eq!(kernel.hears(12).await[2..], [4; 64]);
    })
    .await;
}

#[tokio::test]
async fn a_pulled_plug_ends_the_device_and_frees_the_port() {
    with_a_device(async |kernel| {
        assert!(kernel.port.lease().is_none(), "one host at a time");
        kernel.port.replug();
        (&mut kernel.served).await.unwrap().unwrap();
        assert_eq!(rustix::io::read(&kernel.file, &mut [0; 8]), Ok(0), "it is closed");
        assert_eq!(kernel.echo.borrow().told, ["attached", "detached"]);
        assert!(kernel.port.lease().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_events_is_taken_in_and_loses_nothing() {
    with_a_device(async |kernel| {
        for number in 0..u8::MAX {
            kernel.output(&[0, number]).await;
        }
        kernel.settled().await;
        let numbers: Vec<u8> =
            kernel.echo.borrow().reports.iter().map(|report| report[0]).collect();
        assert_eq!(numbers, (0..u8::MAX).collect::<Vec<_>>());
    })
    .await;
}

#[test]
fn what_cannot_work_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let missing = Uhid::open(&root.path().join("uhid")).unwrap_err();
    assert!(matches!(missing, UhidError::ModuleMissing));
    assert!(missing.to_string().contains("sudo modprobe uhid"));
    let uhid = Uhid { path: PLACE.into() };
    for (errno, expected) in [
        (Errno::NODEV, "this kernel has no uhid loaded; run `sudo modprobe uhid`"),
        (
            Errno::ACCESS,
            "/dev/uhid may not be opened; run this as root, or give your group the file",
        ),
    ] {
        assert_eq!(uhid.failure(errno.into()).to_string(), expected);
    }
    assert!(uhid.failure(Errno::IO.into()).to_string().starts_with("/dev/uhid: "));
}
