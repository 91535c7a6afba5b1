//! A key on a thread of its own, whose memory takes as long as a test likes. The key's time is simulated; what the thread does is
//! waited for, and a clock only ends what would wait for ever.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use ctap_client::{CredentialDescriptor, RelyingParty, User};
use ctap_client::{get_assertion, make_credential};
use ctap_core::Memory;
use ctap_core::limits::SIGN_COUNT_BLOCK;
use ctap_core::memory::{Durability, MemoryError, Record};

use super::super::{Powered, WorkerThread, Workplace};
use super::*;
use crate::faults::Fault;
use crate::gated::{GatedMemory, store_on};

/// A key whose memory does not write before it may.
struct Slow {
    /// `None`: it may.
    gate: Option<Sender<()>>,
    bench: Bench,
    /// Hears when the memory begins to write.
    begins: Receiver<()>,
    /// Hears when there is something to catch up with.
    wakes: Receiver<()>,
    memory: Weak<()>,
}

/// For whatever takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

/// A memory whose disk is worse than broken.
struct OnFire;

impl Memory for OnFire {
    fn commit(&mut self, _: &[Record], when: Durability) -> Result<(), MemoryError> {
        assert!(when == Durability::Lazy, "the disk is on fire");
        Ok(())
    }

    fn replace_all(&mut self, _: &[Record]) -> Result<(), MemoryError> {
        panic!("the disk is on fire");
    }
}

/// A memory that is in this process alone.
struct NoDisk;

impl Memory for NoDisk {
    fn commit(&mut self, _: &[Record], _: Durability) -> Result<(), MemoryError> {
        Ok(())
    }

    fn replace_all(&mut self, _: &[Record]) -> Result<(), MemoryError> {
        Ok(())
    }

    fn is_instant(&self) -> bool {
        true
    }
}

impl Slow {
    fn new(touch: Touch) -> Self {
        Self::beside(&Powered::default(), touch)
    }

    /// In one process with other keys.
    fn beside(others: &Powered, touch: Touch) -> Self {
        let (begin, begins) = channel();
        let exists = Arc::new(());
        let memory = Arc::downgrade(&exists);
        let (gated, gate) = GatedMemory::new(move || {
            let _of_the_memory = &exists;
            let _ = begin.send(());
        });
        let (bench, wakes) = on_thread(gated, touch, others);
        Self { gate: Some(gate), bench, begins, wakes, memory }
    }

    /// A key that writes a passkey of the client.
    fn writing(touch: Touch) -> (Self, HostChannel) {
        let mut slow = Self::new(touch);
        let channel = slow.bench.connect();
        slow.bench.request(channel.channel(), Command::Cbor, &passkey());
        if touch == Touch::Ask {
            slow.touch();
        }
        slow.begins.recv().expect("it writes");
        slow.bench.key.catch_up(slow.bench.now);
        (slow, channel)
    }

    /// Has the client make a credential for which nothing is written, and returns the request of an assertion with it.
    fn assertion(&mut self, channel: &mut HostChannel) -> Vec<u8> {
        let registration = registration().with_option("rk", false).encode();
        self.bench.request(channel.channel(), Command::Cbor, &registration);
        let answer = self.answer(channel);
        let reply = make_credential::Reply::parse(&answer[1..], true).expect("a credential");
        let id = &reply.credential().expect("its id").credential_id;
        let allowed = [CredentialDescriptor::new(id.clone())];
        let request = get_assertion::Request::new("example.org", [7; 32]).allowing(allowed);
        self.rest();
        request.with_option("up", false).encode()
    }

    /// Waits until the thread has nothing to do.
    fn rest(&mut self) {
        while self.thread().idle_worker().is_none() {
            thread::yield_now();
        }
        while self.wakes.try_recv().is_ok() {}
    }

    fn touch(&mut self) {
        let prompt = self.until(|bench| bench.prompt());
        drop(self.bench.key.answer(prompt, Decision::Approve, self.bench.now));
    }

    /// From now on it may write.
    fn may_write(&mut self) {
        self.gate = None;
    }

    /// Waits for the thread until there is what is looked for.
    fn until<T>(&mut self, mut look: impl FnMut(&mut Bench) -> Option<T>) -> T {
        loop {
            self.bench.key.catch_up(self.bench.now);
            if let Some(found) = look(&mut self.bench) {
                return found;
            }
            self.wakes.recv_timeout(SOON).expect("the thread does something soon");
        }
    }

    fn answer(&mut self, channel: &mut HostChannel) -> Vec<u8> {
        self.until(|bench| {
            bench.hear(channel).into_iter().find_map(|heard| match heard {
                Heard::Answer(message) => Some(message),
                Heard::Error(code) => panic!("{code:?}"),
                Heard::UpNeeded | Heard::Processing => None,
            })
        })
    }

    /// `false`: the memory begins to write first.
    fn is_answered(&mut self, channel: &mut HostChannel) -> bool {
        while self.begins.try_recv().is_err() {
            self.bench.key.catch_up(self.bench.now);
            if self.bench.hear(channel).iter().any(|heard| matches!(heard, Heard::Answer(_))) {
                return true;
            }
            thread::yield_now();
        }
        false
    }

    /// The client starts its channel over, and is answered at once (HD-37).
    fn start_over(&mut self, channel: &HostChannel) -> HostChannel {
        self.bench.send(&Handshake::resynchronise(channel.channel(), *b"again...").request());
        let report =
            self.bench.key.poll_report(1, self.bench.now).expect("INIT is answered at once");
        let mut fresh = HostChannel::new(channel.channel());
        assert!(matches!(hear(&mut fresh, &report), Some(Heard::Answer(_))));
        fresh
    }

    fn thread(&self) -> &WorkerThread {
        match &self.bench.key.worker {
            Workplace::Thread(thread) => thread,
            Workplace::Here(_) => panic!("it has a thread"),
        }
    }

    /// Orders that the thread has not begun with.
    fn waiting(&self) -> usize {
        self.thread().waiting_orders()
    }
}

/// A key that is plugged in, and its wakes.
fn on_thread(
    memory: impl Memory + Send + 'static,
    touch: Touch,
    others: &Powered,
) -> (Bench, Receiver<()>) {
    let rng = Box::new(ChaCha12Rng::seed_from_u64(2));
    let (bell, now) = (Bell::new(), Duration::ZERO);
    let listener = bell.listen();
    let parts = Parts { store: store_on(memory), rng, touch, bell };
    let key = Key::new(CheckedConfig::default(), parts, now).on_thread("key".to_owned(), others);
    let mut key = key.expect("a thread");
    let (wake, wakes) = channel();
    key.wake_by(move || {
        let _ = wake.send(());
    });
    key.plug_in(Transport::Usb, now);
    (Bench { key, now, bell: listener }, wakes)
}

fn registration() -> make_credential::Request {
    let user = User::new([1], "ada");
    make_credential::Request::new([7; 32], RelyingParty::new("example.org"), user)
}

fn passkey() -> Vec<u8> {
    registration().with_option("rk", true).encode()
}

/// The client gets an assertion without the thread's doing anything.
fn is_signed_at_once(slow: &mut Slow, channel: &mut HostChannel, request: &[u8]) -> bool {
    slow.bench.request(channel.channel(), Command::Cbor, request);
    let heard = slow.bench.hear(channel);
    matches!(&heard[..], [Heard::Answer(answer)] if answer[0] == OK)
}

fn is_info(answer: &[u8]) -> bool {
    answer[0] == OK && answer.windows(6).any(|text| text == b"FIDO_2")
}

#[test]
fn a_key_is_kept_alive_while_its_memory_takes_two_seconds() {
    // HD-72
    let (mut slow, mut channel) = Slow::writing(Touch::Auto);
    assert_eq!(slow.bench.hear(&mut channel), [Heard::UpNeeded, Heard::Processing]);
    let heard = slow.bench.pass(&mut channel, Duration::from_secs(2));
    assert!(heard.len() >= 20, "a keepalive each 100 ms at least: {}", heard.len());
    assert!(heard.iter().all(|heard| *heard == Heard::Processing));
    slow.may_write();
    assert_eq!(slow.answer(&mut channel)[0], OK);
}

#[test]
fn a_stuck_disk_keeps_the_client_waiting_with_keepalives_until_it_is_cleared() {
    let mut slow = Slow::new(Touch::Auto);
    slow.may_write();
    let mut channel = slow.bench.connect();
    let wait = Duration::from_secs(600);
    slow.bench.key.add_fault(Fault::StuckDisk { wait }.into(), None).expect("there is room");
    slow.bench.request(channel.channel(), Command::Cbor, &passkey());
    let heard = slow.bench.pass(&mut channel, Duration::from_secs(2));
    assert!(heard.len() >= 19, "a keepalive each 100 ms at least (HD-72): {}", heard.len());
    assert!(slow.begins.try_recv().is_err(), "nothing is written yet");
    slow.bench.key.clear_faults(None).expect("all");
    assert_eq!(slow.answer(&mut channel)[0], OK);
    slow.begins.recv_timeout(SOON).expect("it is written");
}

#[test]
fn after_the_touch_a_key_that_writes_says_that_it_is_processing() {
    // HD-76
    let mut slow = Slow::new(Touch::Ask);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &passkey());
    let prompt = slow.until(|bench| bench.prompt());
    assert_eq!(slow.bench.hear(&mut channel), [Heard::UpNeeded]);
    let mut answered = slow.bench.key.answer(prompt, Decision::Approve, slow.bench.now);
    slow.begins.recv().expect("it writes");
    slow.bench.key.catch_up(slow.bench.now);
    assert_eq!(slow.bench.hear(&mut channel), [Heard::Processing]);
    assert_eq!(slow.bench.prompt(), None, "it is answered, and nobody else may");
    let heard = slow.bench.pass(&mut channel, Duration::from_millis(300));
    assert!(heard.len() >= 3 && heard.iter().all(|heard| *heard == Heard::Processing));
    assert!(answered.try_recv().is_err(), "nobody is told before it is written");
    slow.may_write();
    assert_eq!(slow.answer(&mut channel)[0], OK);
    assert_eq!(answered.blocking_recv(), Ok(true));
}

#[test]
fn who_hears_that_a_key_waits_for_a_person_can_touch_it() {
    let mut slow = Slow::new(Touch::Ask);
    let mut channel = slow.bench.connect();
    for _ in 0..200 {
        slow.bench.request(channel.channel(), Command::Cbor, &[SELECTION]);
        let prompt = slow.until(|bench| {
            let heard = bench.hear(&mut channel);
            (heard == [Heard::UpNeeded]).then(|| bench.prompt())
        });
        let prompt = prompt.expect("it waits for an answer");
        drop(slow.bench.key.answer(prompt, Decision::Approve, slow.bench.now));
        assert_eq!(slow.answer(&mut channel), [OK]);
    }
}

#[test]
fn another_key_answers_while_one_writes() {
    let (_slow, _) = Slow::writing(Touch::Auto);
    let mut other = Slow::new(Touch::Auto);
    let mut channel = other.bench.connect();
    other.bench.request(channel.channel(), Command::Cbor, &[SELECTION]);
    assert_eq!(other.answer(&mut channel), [OK]);
}

#[test]
fn after_init_the_next_request_waits_its_turn_and_gets_no_answer_but_its_own() {
    // HD-37: what is being written cannot be called back, but nobody hears of it
    let (mut slow, channel) = Slow::writing(Touch::Auto);
    slow.bench.hear(&mut HostChannel::new(channel.channel()));
    let mut channel = slow.start_over(&channel);
    slow.bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
    assert_eq!(slow.bench.hear(&mut channel), [], "no CHANNEL_BUSY");
    slow.may_write();
    assert!(is_info(&slow.answer(&mut channel)));
    assert_eq!(slow.bench.hear(&mut channel), [], "and nothing else");
}

#[test]
fn a_request_that_was_given_up_before_its_turn_is_never_carried_out() {
    // HD-37
    let (mut slow, channel) = Slow::writing(Touch::Auto);
    let channel = slow.start_over(&channel);
    slow.bench.request(channel.channel(), Command::Cbor, &passkey());
    assert_eq!(slow.waiting(), 2, "that the first was given up, and the second");
    let mut channel = slow.start_over(&channel);
    assert_eq!(slow.waiting(), 1);
    slow.bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
    slow.may_write();
    assert!(is_info(&slow.answer(&mut channel)));
}

#[test]
fn a_write_goes_on_without_power_and_answers_nothing_in_the_next_life() {
    // HD-44
    let (mut slow, channel) = Slow::writing(Touch::Auto);
    slow.start_over(&channel);
    slow.bench.request(channel.channel(), Command::Cbor, &passkey());
    slow.bench.key.unplug(slow.bench.now);
    assert_eq!(slow.waiting(), 1, "what had not begun never will");
    slow.bench.key.plug_in(Transport::Usb, slow.bench.now);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
    assert_eq!(slow.bench.hear(&mut channel), []);
    slow.may_write();
    assert!(is_info(&slow.answer(&mut channel)));
    assert_eq!(slow.bench.hear(&mut channel), []);
}

#[test]
fn a_tap_while_the_key_is_busy_counts_although_power_went_after_it() {
    // RS-19
    let (mut slow, _) = Slow::writing(Touch::Ask);
    slow.bench.key.tap(slow.bench.now);
    slow.bench.key.plug_in(Transport::Nfc, slow.bench.now);
    slow.bench.key.unplug(slow.bench.now);
    slow.bench.key.plug_in(Transport::Nfc, slow.bench.now);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &[RESET]);
    slow.may_write();
    assert_eq!(slow.answer(&mut channel), [OK]);
}

#[test]
fn a_prompt_is_gone_with_the_power_at_once_and_cannot_be_answered_later() {
    let mut slow = Slow::new(Touch::Ask);
    let channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &[SELECTION]);
    let prompt = slow.until(|bench| bench.prompt());
    slow.bench.key.unplug(slow.bench.now);
    assert_eq!(slow.bench.prompt(), None);
    slow.bench.key.plug_in(Transport::Usb, slow.bench.now);
    let answered = slow.bench.key.answer(prompt, Decision::Approve, slow.bench.now);
    assert_eq!(answered.blocking_recv(), Ok(false));
    slow.bench.key.catch_up(slow.bench.now);
    assert_eq!(slow.bench.prompt(), None, "what the earlier life told is not heard");
}

#[test]
fn cancel_does_not_call_back_what_a_touch_has_set_going() {
    // HD-82: the normal answer wins
    let (mut slow, mut channel) = Slow::writing(Touch::Ask);
    for _ in 0..1000 {
        slow.bench.request(channel.channel(), Command::Cancel, &[]);
    }
    assert_eq!(slow.waiting(), 1, "who repeats itself is heard once");
    slow.may_write();
    assert_eq!(slow.answer(&mut channel)[0], OK);
    slow.bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
    assert!(is_info(&slow.answer(&mut channel)), "nor does it reach the next request");
}

#[test]
fn a_request_that_waits_for_its_turn_has_the_time_at_which_it_came() {
    // RS-03: a reset is accepted in the first ten seconds
    let (mut slow, mut channel) = Slow::writing(Touch::Auto);
    slow.bench.pass(&mut channel, Duration::from_secs(9));
    let mut channel = slow.start_over(&channel);
    slow.bench.request(channel.channel(), Command::Cbor, &[RESET]);
    slow.bench.pass(&mut channel, Duration::from_secs(9));
    slow.may_write();
    assert_eq!(slow.answer(&mut channel), [OK]);
}

#[test]
fn what_the_owner_does_without_a_host_leaves_nothing_behind() {
    let mut slow = Slow::new(Touch::Ask);
    slow.bench.key.unplug(slow.bench.now);
    for _ in 0..100 {
        let mut looking = slow.bench.key.look(|_, _| (), slow.bench.now);
        slow.rest();
        assert_eq!(looking.try_recv(), Ok(()));
    }
    assert_eq!(slow.thread().untaken_effects(), 1, "that of the last look");
}

#[test]
fn a_deadline_that_passes_is_told_to_the_thread_once() {
    let mut slow = Slow::new(Touch::Ask);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &[SELECTION]);
    slow.until(|bench| bench.prompt());
    // It would find the same deadline again and again, if it were still there.
    let heard = slow.bench.pass(&mut channel, Duration::from_secs(30));
    if !heard.contains(&status(USER_ACTION_TIMEOUT)) {
        assert_eq!(slow.answer(&mut channel), [USER_ACTION_TIMEOUT]);
    }
    assert_eq!(slow.bench.key.poll_timeout(), None);
}

#[test]
fn a_thread_without_orders_is_not_woken_for_what_is_done_sooner_than_that() {
    let mut slow = Slow::new(Touch::Auto);
    let mut channel = slow.bench.connect();
    slow.rest();
    let heard = slow.bench.call(&mut channel, GET_INFO);
    assert!(matches!(&heard[..], [Heard::Answer(answer)] if is_info(answer)), "{heard:?}");
    assert!(slow.wakes.try_recv().is_err());
}

#[test]
fn a_key_that_has_power_alone_signs_without_waking_its_thread() {
    let others = Powered::default();
    let mut slow = Slow::beside(&others, Touch::Auto);
    let mut channel = slow.bench.connect();
    let request = slow.assertion(&mut channel);
    assert!(!is_signed_at_once(&mut slow, &mut channel, &request), "a block of counters begins");
    slow.may_write();
    slow.answer(&mut channel);
    slow.rest();
    assert!(is_signed_at_once(&mut slow, &mut channel, &request));
    assert!(slow.wakes.try_recv().is_err());
    let other = Slow::beside(&others, Touch::Auto);
    assert!(!is_signed_at_once(&mut slow, &mut channel, &request), "another one would wait");
    assert_eq!(slow.answer(&mut channel)[0], OK);
    drop(other);
    slow.rest();
    assert!(is_signed_at_once(&mut slow, &mut channel, &request));
}

#[test]
fn a_key_that_remembers_nothing_registers_without_waking_its_thread_while_it_has_power_alone() {
    let (bench, wakes) = on_thread(NoDisk, Touch::Auto, &Powered::default());
    let (begins, memory) = (channel().1, Weak::new());
    let mut slow = Slow { gate: None, bench, begins, wakes, memory };
    let mut channel = slow.bench.connect();
    slow.rest();
    for request in [passkey(), registration().encode()] {
        slow.bench.request(channel.channel(), Command::Cbor, &request);
        let heard = slow.bench.hear(&mut channel);
        let is_answered = |heard: &Heard| matches!(heard, Heard::Answer(answer) if answer[0] == OK);
        assert!(heard.last().is_some_and(is_answered), "{heard:?}");
        assert!(slow.wakes.try_recv().is_err());
    }
}

#[test]
fn the_assertion_that_has_to_wait_for_a_disk_is_waited_for_by_nobody_else() {
    // GA-31, P-13: the first number of a block must be durable
    let mut slow = Slow::new(Touch::Auto);
    let mut channel = slow.bench.connect();
    let request = slow.assertion(&mut channel);
    let has_to_wait = (0..=SIGN_COUNT_BLOCK).any(|_| {
        slow.bench.request(channel.channel(), Command::Cbor, &request);
        !slow.is_answered(&mut channel)
    });
    assert!(has_to_wait && slow.bench.key.is_working());
    slow.may_write();
    assert_eq!(slow.answer(&mut channel)[0], OK);
}

#[test]
fn a_key_works_until_it_answers_or_asks_and_again_after_the_touch() {
    let mut slow = Slow::new(Touch::Ask);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &passkey());
    assert!(slow.bench.key.is_working());
    let prompt = slow.until(|bench| bench.prompt());
    assert!(!slow.bench.key.is_working(), "a person is waited for");
    drop(slow.bench.key.answer(prompt, Decision::Approve, slow.bench.now));
    slow.begins.recv().expect("it writes");
    slow.bench.key.catch_up(slow.bench.now);
    assert!(slow.bench.key.is_working());
    slow.may_write();
    slow.answer(&mut channel);
    assert!(!slow.bench.key.is_working());
}

#[test]
fn a_key_without_requests_has_no_deadline() {
    let mut slow = Slow::new(Touch::Ask);
    let mut channel = slow.bench.connect();
    slow.bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
    slow.answer(&mut channel);
    assert_eq!(slow.bench.key.poll_timeout(), None);
}

#[test]
fn a_key_that_is_dropped_ends_its_thread_when_what_has_begun_is_written() {
    let (slow, _) = Slow::writing(Touch::Auto);
    let Slow { gate, bench, memory, begins, wakes } = slow;
    let ending = thread::spawn(move || drop(bench));
    assert!(memory.upgrade().is_some());
    drop(gate);
    ending.join().expect("it ends");
    assert!(memory.upgrade().is_none(), "its memory is closed");
    assert_eq!(begins.iter().count(), 1, "after it has kept what it could have kept later");
    assert!(wakes.try_iter().count() > 0 && wakes.recv().is_err(), "and nobody is left");
}

#[test]
#[should_panic(expected = "the disk is on fire")]
fn a_panic_on_the_thread_goes_on_in_the_other_half() {
    let (mut bench, wakes) = on_thread(OnFire, Touch::Auto, &Powered::default());
    let channel = bench.connect();
    bench.request(channel.channel(), Command::Cbor, &passkey());
    loop {
        wakes.recv().expect("it tells before it ends");
        bench.key.catch_up(bench.now);
    }
}
