//! A process that is not scheduled for a while: it finds deadlines passed and input waiting.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use usbip_server::{ConnectionError, HidFunction, Interface, Port, Report, Server, Timed, limits};

use crate::peer::*;

/// Counts what the host sends, and wants the next report within 500 ms of the last.
#[derive(Default)]
struct Impatient {
    /// Whether it wants all of them within 500 ms of the first.
    is_strict: bool,
    reports: usize,
    deadline: Option<Instant>,
    /// How many reports had come each time that the deadline passed.
    timeouts: Vec<usize>,
}

impl Timed for Impatient {
    fn poll_timeout(&mut self) -> Option<Duration> {
        self.deadline.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn handle_timeout(&mut self) {
        if self.deadline.take_if(|at| *at <= Instant::now()).is_some() {
            self.timeouts.push(self.reports);
        }
    }
}

impl HidFunction for Impatient {
    fn attached(&mut self) {}
    fn detached(&mut self) {}
    fn output(&mut self, _: &Report) {
        self.reports += 1;
        if !self.is_strict || self.reports == 1 {
            self.deadline = Some(Instant::now() + PATIENCE);
        }
    }
    fn input(&mut self, _: usize) -> Option<Report> {
        None
    }
}

const PATIENCE: Duration = Duration::from_millis(500);

/// More often than a server steps aside, to let the runtime and others look around, before it has
/// handled what one read brings.
const STEPS_ASIDE: usize = 20;

/// A host's end of a connection whose other end runs only when it is told to.
struct Late<F> {
    vhci: Vhci,
    serving: Pin<Box<F>>,
    function: Rc<RefCell<Impatient>>,
}

type Outcome = Result<(), ConnectionError>;

fn late() -> Late<impl Future<Output = Outcome>> {
    let server = Server::new();
    let function = Rc::new(RefCell::new(Impatient::default()));
    let port =
        server.plug(info("1-1"), vec![Interface::Hid(function.clone())]).expect("a free bus id");
    let (ours, theirs) = duplex(1 << 20);
    let vhci = Vhci::new(ours, port.devid());
    Late { vhci, serving: Box::pin(serve(server, port, theirs)), function }
}

/// Keeps the server, without which the port is no longer plugged in.
async fn serve(_server: Server, port: Port, stream: DuplexStream) -> Outcome {
    port.serve(stream).await
}

impl<F: Future<Output = Outcome>> Late<F> {
    /// Sends some of what was submitted; the server does not notice yet.
    async fn send(&mut self, count: usize) {
        let bytes: Vec<u8> = self.vhci.outgoing.drain(..count).collect();
        self.vhci.stream.write_all(&bytes).await.expect("open");
    }

    async fn send_reports(&mut self, count: usize) {
        for _ in 0..count {
            self.vhci.submit_out(&[7; 64]);
        }
        self.send(self.vhci.outgoing.len()).await;
    }

    async fn oversleep_after_a_report(&mut self) {
        self.send_reports(1).await;
        assert!(self.run().await.is_none());
        sleep(3 * PATIENCE).await;
    }

    async fn oversleep_after_60_bytes_of_112(&mut self) {
        self.vhci.submit_out(&[7; 64]);
        self.send(60).await;
        assert!(self.run().await.is_none());
        sleep(2 * limits::URB_DEADLINE).await;
    }

    /// Lets the server run until it has to wait; what it came to if it ended.
    async fn run(&mut self) -> Option<Outcome> {
        for _ in 0..STEPS_ASIDE {
            if let Some(outcome) = self.turn().await {
                return Some(outcome);
            }
            yield_now().await;
        }
        None
    }

    async fn turn(&mut self) -> Option<Outcome> {
        let mut serving = pin!(&mut self.serving);
        poll_fn(|context| match serving.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

#[test]
fn a_late_scheduler_cannot_time_out_a_message_whose_packets_have_arrived() {
    simulate(async {
        let mut late = late();
        for packets in 1..=10 {
            late.send_reports(1).await;
            assert!(late.run().await.is_none());
            assert_eq!(late.function.borrow().reports, packets);
            sleep(3 * PATIENCE).await;
        }
        assert_eq!(late.function.borrow().timeouts, []);
    });
}

#[test]
fn a_deadline_passes_late_all_the_same_when_nothing_has_arrived() {
    simulate(async {
        let mut late = late();
        late.oversleep_after_a_report().await;
        assert!(late.run().await.is_none());
        assert_eq!(late.function.borrow().timeouts, [1]);
    });
}

#[test]
fn a_deadline_passes_late_all_the_same_when_nothing_arrives_for_whom_it_waits() {
    simulate(async {
        let mut late = late();
        late.oversleep_after_a_report().await;
        late.vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
        late.send(48).await;
        assert!(late.run().await.is_none());
        assert_eq!(late.function.borrow().timeouts, [1]);
    });
}

#[test]
fn a_flood_holds_a_late_deadline_back_by_one_read() {
    simulate(async {
        let mut late = late();
        late.function.borrow_mut().is_strict = true;
        late.oversleep_after_a_report().await;
        late.send_reports(1000).await;
        assert!(late.run().await.is_none());
        assert_eq!(late.function.borrow().timeouts, [1 + limits::INBOX / (48 + 64)]);
        while late.function.borrow().reports < 1001 {
            assert!(late.run().await.is_none());
        }
    });
}

#[test]
fn a_late_server_does_not_take_an_urb_for_half_whose_rest_has_arrived() {
    simulate(async {
        let mut late = late();
        late.oversleep_after_60_bytes_of_112().await;
        late.send(52).await;
        assert!(late.run().await.is_none());
        assert_eq!(late.function.borrow().reports, 1);
    });
}

#[test]
fn a_late_server_still_gives_up_half_an_urb() {
    simulate(async {
        let mut late = late();
        late.oversleep_after_60_bytes_of_112().await;
        late.send(51).await;
        assert!(matches!(late.run().await, Some(Err(ConnectionError::HalfAnUrb))));
    });
}

/// Is done with what it was sent when it is asked for its deadline, and that takes it longer than replies are held back.
#[derive(Default)]
struct Slow {
    works: bool,
}

impl Timed for Slow {
    fn is_working(&self) -> bool {
        self.works
    }

    fn poll_timeout(&mut self) -> Option<Duration> {
        if std::mem::take(&mut self.works) {
            std::thread::sleep(2 * limits::HOLD);
        }
        None
    }

    fn handle_timeout(&mut self) {}
}

impl HidFunction for Slow {
    fn attached(&mut self) {}
    fn detached(&mut self) {}
    fn output(&mut self, _: &Report) {
        self.works = true;
    }
    fn input(&mut self, _: usize) -> Option<Report> {
        None
    }
}

/// By the wall clock: no other one goes on within a call.
#[test]
fn replies_are_written_though_the_time_for_which_they_are_held_runs_out_between_two_looks_at_the_clock()
 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let server = Server::new();
        let slow = Rc::new(RefCell::new(Slow::default()));
        let port = server.plug(info("1-1"), vec![Interface::Hid(slow)]).expect("a free bus id");
        let (mut vhci, _served) = attach(&server, &port).await;
        vhci.submit_out(&[7; 64]);
        vhci.stream.write_all(&vhci.outgoing).await.expect("open");
        let reply = tokio::time::timeout(PATIENCE, vhci.stream.read_exact(&mut [0; 48])).await;
        reply.expect("it comes").expect("it is whole");
    });
}
