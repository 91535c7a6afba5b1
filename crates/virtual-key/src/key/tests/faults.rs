//! Faults on purpose: what a client sees of each, and that the request after it is right again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ctap_client::{RelyingParty, User, get_assertion, make_credential};
use hid_transport::Packet;
use proptest::prelude::*;

use super::*;
use crate::faults::{Command as Asked, Fault, Injection, Requests, Scope};

/// CTAP1_ERR_OTHER.
const OTHER: u8 = 0x7F;

impl Bench {
    /// A key with these faults, whose every touch is approved, and a client.
    fn faulty(faults: impl IntoIterator<Item = impl Into<Injection>>) -> (Self, HostChannel) {
        Self::faulty_at(Touch::Auto, faults)
    }

    fn faulty_at(
        touch: Touch,
        faults: impl IntoIterator<Item = impl Into<Injection>>,
    ) -> (Self, HostChannel) {
        let mut bench = Self::new(touch);
        bench.key.draw_faults_from(Box::new(ChaCha12Rng::seed_from_u64(7)));
        let channel = bench.connect();
        for fault in faults {
            bench.key.add_fault(fault.into(), None).expect("there is room");
        }
        (bench, channel)
    }

    /// The reports that there are to read now, as they are.
    fn reports(&mut self) -> Vec<Report> {
        std::iter::from_fn(|| self.key.poll_report(1, self.now)).collect()
    }

    /// Those that answer a request.
    fn reports_to(&mut self, channel: &HostChannel, message: &[u8]) -> Vec<Report> {
        self.request(channel.channel(), Command::Cbor, message);
        self.reports()
    }

    /// The next getInfo is right, and nothing is left of any fault.
    #[track_caller]
    fn is_right_again(&mut self, channel: &HostChannel) {
        let mut fresh = HostChannel::new(channel.channel());
        let heard = self.call(&mut fresh, GET_INFO);
        assert!(is_info(&heard), "{heard:?}");
        assert!(self.key.faults.is_idle());
    }
}

fn is_info(heard: &[Heard]) -> bool {
    matches!(heard, [Heard::Answer(message)] if message[0] == OK && message.len() > 200)
}

fn always(fault: Fault) -> Injection {
    Injection { fault, scope: Scope { requests: Requests::All, ..Scope::default() } }
}

fn registration() -> Vec<u8> {
    let user = User::new([1], "ada");
    make_credential::Request::new([7; 32], RelyingParty::new("example.org"), user).encode()
}

#[test]
fn a_status_is_answered_in_the_place_of_the_request_and_nobody_is_asked() {
    let (mut bench, mut channel) = Bench::faulty_at(Touch::Ask, [Fault::Status(OTHER)]);
    assert_eq!(bench.call(&mut channel, SELECTION), [status(OTHER)]);
    assert_eq!(bench.prompt(), None);
    bench.is_right_again(&channel);
}

#[test]
fn an_answer_is_spoilt_once_and_is_sent_whole() {
    let whole = {
        let (mut bench, mut channel) = Bench::faulty([Fault::BadUp; 0]);
        bench.call(&mut channel, GET_INFO)
    };
    let whole = answer(&whole);
    for (fault, length) in [
        (Fault::MalformedCbor, whole.len()),
        (Fault::TruncatedCbor { bytes: 100 }, 100),
        (Fault::TrailingBytes { bytes: 4 }, whole.len() + 4),
        (Fault::OversizedCbor { bytes: 3000 }, 3000),
        (Fault::UnsortedCbor, whole.len()),
    ] {
        let (mut bench, mut channel) = Bench::faulty([fault]);
        bench.request(channel.channel(), Command::Cbor, &[GET_INFO]);
        let mut heard = bench.hear(&mut channel);
        heard.extend(bench.pass(&mut channel, Duration::from_secs(1)));
        let [Heard::Answer(spoilt)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((spoilt[0], spoilt.len()), (OK, length), "{fault:?}");
        assert_ne!(*spoilt, whole, "{fault:?}");
        bench.is_right_again(&channel);
    }
}

#[test]
fn a_slow_answer_comes_when_it_says_with_keepalives_until_then() {
    let wait = Duration::from_secs(2);
    let (mut bench, mut channel) = Bench::faulty([Fault::SlowAnswer { wait }]);
    assert_eq!(bench.call(&mut channel, GET_INFO), []);
    let heard = bench.pass(&mut channel, Duration::from_millis(1_999));
    assert!(heard.len() >= 19, "a keepalive each 100 ms at least (HD-72)");
    assert!(heard.iter().all(|heard| *heard == Heard::Processing), "{heard:?}");
    let heard = bench.pass(&mut channel, Duration::from_millis(1));
    assert!(matches!(heard.last(), Some(Heard::Answer(message)) if message[0] == OK));
    bench.is_right_again(&channel);
}

#[test]
fn a_slow_answer_to_a_client_that_started_over_goes_to_nobody() {
    let wait = Duration::from_secs(2);
    let (mut bench, mut channel) = Bench::faulty([Fault::SlowAnswer { wait }]);
    assert_eq!(bench.call(&mut channel, GET_INFO), []);
    bench.send(&Handshake::resynchronise(channel.channel(), *b"again...").request());
    let heard = bench.hear(&mut channel);
    assert!(matches!(&heard[..], [Heard::Answer(message)] if message.len() == 17), "{heard:?}");
    assert_eq!(bench.pass(&mut channel, wait), []);
    bench.is_right_again(&channel);
}

#[test]
fn an_error_of_ctaphid_comes_in_the_place_of_an_answer() {
    let (mut bench, mut channel) = Bench::faulty([Fault::BUSY, Fault::HidError(0)]);
    let long = [&[GET_INFO][..], &[0; 200]].concat();
    bench.request(channel.channel(), Command::Cbor, &long);
    let heard = bench.hear(&mut channel);
    assert_eq!(heard, [Heard::Error(ErrorCode::ChannelBusy)], "the first of two says which");
    bench.is_right_again(&channel);
    bench.key.add_fault(Fault::HidError(0).into(), None).expect("there is room");
    let reports = bench.reports_to(&channel, &[GET_INFO]);
    let Packet::Initialization(packet) = Packet::parse(&reports[0]) else { panic!("an error") };
    assert_eq!((packet.command, packet.data[0]), (Command::Error.as_byte(), 0));
    bench.is_right_again(&channel);
}

#[test]
fn a_cancel_that_is_ignored_leaves_the_key_busy_until_nobody_touches() {
    let (mut bench, mut channel) = Bench::faulty_at(Touch::Ask, [Fault::IgnoredCancel]);
    let mut other = bench.connect();
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded]);
    bench.request(channel.channel(), Command::Cancel, &[]);
    assert_eq!(bench.hear(&mut channel), []);
    assert_eq!(bench.call(&mut other, GET_INFO), [Heard::Error(ErrorCode::ChannelBusy)]);
    let heard = bench.pass(&mut channel, Duration::from_secs(30));
    assert_eq!(heard.last(), Some(&status(USER_ACTION_TIMEOUT)));
    bench.call(&mut channel, SELECTION);
    bench.request(channel.channel(), Command::Cancel, &[]);
    assert_eq!(bench.hear(&mut channel), [status(KEEPALIVE_CANCEL)], "the next is heard");
    bench.is_right_again(&channel);
}

#[test]
fn an_answer_on_a_wrong_channel_is_nobodys() {
    let (mut bench, channel) = Bench::faulty([Fault::WrongChannel]);
    let other = bench.connect();
    let reports = bench.reports_to(&channel, &[GET_INFO]);
    let channels: Vec<_> = reports.iter().map(|report| Packet::parse(report).channel()).collect();
    assert!(reports.len() > 3 && channels.iter().all(|one| *one == channels[0]));
    let known = [channel.channel(), other.channel(), ChannelId::BROADCAST, ChannelId::RESERVED];
    assert!(!known.contains(&channels[0]), "{channels:?}");
    bench.is_right_again(&channel);
}

#[test]
fn a_report_out_of_order_breaks_the_answer() {
    let (mut bench, mut channel) = Bench::faulty([Fault::WrongSequence { report: 2 }]);
    let reports = bench.reports_to(&channel, &[GET_INFO]);
    assert_eq!(channel.receive(&reports[0]), Ok(None));
    assert_eq!(channel.receive(&reports[1]), Ok(None));
    assert!(channel.receive(&reports[2]).is_err());
    bench.is_right_again(&channel);
}

#[test]
fn a_length_is_what_it_is_said_to_be() {
    let (mut bench, channel) = Bench::faulty([Fault::WrongLength { bytes: 7610 }]);
    let reports = bench.reports_to(&channel, &[GET_INFO]);
    let Packet::Initialization(packet) = Packet::parse(&reports[0]) else { panic!("the first") };
    assert_eq!(packet.length, 7610);
    bench.is_right_again(&channel);
}

#[test]
fn a_report_is_lost_or_comes_twice_and_the_others_come_once() {
    let whole = {
        let (mut bench, channel) = Bench::faulty([Fault::BadUp; 0]);
        bench.reports_to(&channel, &[GET_INFO])
    };
    for report in [0, 1, 3] {
        let at = usize::from(report);
        let (mut bench, channel) = Bench::faulty([Fault::LostReport { report }]);
        let lost = [&whole[..at], &whole[at + 1..]].concat();
        assert_eq!(bench.reports_to(&channel, &[GET_INFO]), lost);
        bench.is_right_again(&channel);
        let (mut bench, channel) = Bench::faulty([Fault::DoubledReport { report }]);
        let twice = [&whole[..=at], &whole[at..]].concat();
        assert_eq!(bench.reports_to(&channel, &[GET_INFO]), twice);
        bench.is_right_again(&channel);
    }
}

#[test]
fn a_delayed_report_holds_up_those_behind_it() {
    let wait = Duration::from_millis(700);
    let (mut bench, mut channel) = Bench::faulty([Fault::DelayedReport { report: 1, wait }]);
    assert_eq!(bench.reports_to(&channel, &[GET_INFO]).len(), 1);
    bench.now += Duration::from_millis(699);
    assert_eq!(bench.reports(), [] as [Report; 0]);
    assert_eq!(bench.key.poll_timeout(), Some(wait));
    bench.pass(&mut channel, Duration::from_millis(1));
    bench.is_right_again(&channel);
}

#[test]
fn keepalives_storm_or_stay_away_or_nothing_comes_at_all() {
    let (mut bench, mut channel) = Bench::faulty([Fault::KeepaliveStorm { count: 500 }]);
    let heard = bench.call(&mut channel, GET_INFO);
    let (storm, answer) = heard.split_at(500);
    assert!(storm.iter().all(|heard| *heard == Heard::Processing) && is_info(answer));
    bench.is_right_again(&channel);

    let (mut bench, mut channel) = Bench::faulty_at(Touch::Ask, [Fault::NoKeepalives]);
    assert_eq!(bench.call(&mut channel, SELECTION), []);
    assert_eq!(bench.pass(&mut channel, Duration::from_secs(9)), []);
    let prompt = bench.prompt().expect("it waits");
    assert!(bench.answer(prompt, Decision::Approve));
    assert_eq!(bench.hear(&mut channel), [status(OK)]);
    bench.is_right_again(&channel);

    let (mut bench, mut channel) = Bench::faulty_at(Touch::Ask, [Fault::Silence]);
    assert_eq!(bench.call(&mut channel, SELECTION), []);
    assert_eq!(bench.pass(&mut channel, Duration::from_secs(31)), [], "not even that time is over");
    bench.is_right_again(&channel);
}

#[test]
fn the_plug_is_pulled_in_the_place_of_a_report() {
    for (report, before) in [(None, 0), (Some(0), 1), (Some(2), 3)] {
        let (mut bench, channel) = Bench::faulty([Fault::Unplug { report }]);
        let pulled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pulled);
        bench.key.pull_by(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        // A KEEPALIVE comes before the answer.
        let reports = bench.reports_to(&channel, &registration());
        assert_eq!((reports.len(), pulled.load(Ordering::Relaxed)), (before, 1), "{report:?}");
        assert_eq!(bench.reports(), [] as [Report; 0], "it is out");
        bench.key.unplug(bench.now);
        bench.key.plug_in(Transport::Usb, bench.now);
        let channel = bench.connect();
        bench.is_right_again(&channel);
    }
}

#[test]
fn faults_are_for_so_many_requests_of_a_command_and_on_a_channel() {
    let command = Some(Asked::Ctap2(GET_INFO));
    let (mut bench, mut mine) = Bench::faulty([Fault::BadUp; 0]);
    let mut other = bench.connect();
    let channel = Some(mine.channel().as_u32());
    let scope = Scope { requests: Requests::Next(2), command, channel };
    let id = bench.key.add_fault(Injection { fault: Fault::Status(OTHER), scope }, None);
    assert!(is_info(&bench.call(&mut other, GET_INFO)), "another channel");
    assert_eq!(bench.call(&mut mine, SELECTION), [Heard::UpNeeded, status(OK)]);
    assert_eq!(bench.call(&mut mine, GET_INFO), [status(OTHER)]);
    let left = bench.key.faults().iter().map(|fault| (fault.id, fault.injection.scope.requests));
    assert_eq!(left.collect::<Vec<_>>(), [(id.unwrap(), Requests::Next(1))]);
    assert_eq!(bench.call(&mut mine, GET_INFO), [status(OTHER)]);
    bench.is_right_again(&mine);
}

#[test]
fn what_ctaphid_does_itself_has_faults_where_it_is_named() {
    let (mut bench, channel) = Bench::faulty([always(Fault::Silence)]);
    let handshake = Handshake::new(*b"nonsense");
    bench.send(&handshake.request());
    assert_eq!(bench.reports().len(), 1, "INIT is not named");
    bench.key.clear_faults(None).expect("all");
    let init = Some(Asked::Ctaphid(Command::Init.as_byte()));
    let scope = Scope { command: init, ..Scope::default() };
    bench.key.add_fault(Injection { fault: Fault::Silence, scope }, None).expect("there is room");
    bench.is_info_on(&channel);
    bench.send(&handshake.request());
    assert_eq!(bench.reports().len(), 0);
    bench.is_right_again(&channel);
}

impl Bench {
    #[track_caller]
    fn is_info_on(&mut self, channel: &HostChannel) {
        let mut fresh = HostChannel::new(channel.channel());
        assert!(is_info(&self.call(&mut fresh, GET_INFO)));
    }
}

#[test]
fn a_request_that_another_client_keeps_out_has_no_fault() {
    let (mut bench, mut mine) = Bench::faulty_at(Touch::Ask, [Fault::BadUp; 0]);
    let mut other = bench.connect();
    bench.call(&mut mine, SELECTION);
    bench.key.add_fault(Fault::Status(OTHER).into(), None).expect("there is room");
    assert_eq!(bench.call(&mut other, GET_INFO), [Heard::Error(ErrorCode::ChannelBusy)]);
    bench.request(mine.channel(), Command::Cancel, &[]);
    assert_eq!(bench.hear(&mut mine), [status(KEEPALIVE_CANCEL)]);
    assert_eq!(bench.call(&mut other, GET_INFO), [status(OTHER)], "it is still there");
}

#[test]
fn answers_tell_less_than_is_so_where_a_request_has_overrides() {
    let flags_and_signature = |fault: Option<Fault>| {
        let (mut bench, mut channel) = Bench::faulty([Fault::BadUp; 0]);
        bench.request(channel.channel(), Command::Cbor, &registration());
        let made = answer(&bench.hear(&mut channel));
        let made = make_credential::Reply::parse(&made[1..], true).expect("a credential");
        let id = made.credential().expect("its id").credential_id.clone();
        let allowed = [ctap_client::CredentialDescriptor::new(id)];
        let request = get_assertion::Request::new("example.org", [7; 32]).allowing(allowed);
        if let Some(fault) = fault {
            bench.key.add_fault(fault.into(), None).expect("there is room");
        }
        bench.request(channel.channel(), Command::Cbor, &request.encode());
        let signed = answer(&bench.hear(&mut channel));
        bench.is_right_again(&channel);
        let reply = get_assertion::Assertion::parse(&signed[1..], true).expect("an assertion");
        (reply.auth_data.flags.byte(), reply.signature.len())
    };
    let (flags, length) = flags_and_signature(None);
    assert!(flags == 1 && length > 60);
    assert_eq!(flags_and_signature(Some(Fault::BadUp)).0, 0);
    assert_eq!(flags_and_signature(Some(Fault::BogusSignature)), (1, 1));
}

#[test]
fn a_fault_waits_for_a_request_that_it_can_change() {
    let (mut bench, mut channel) =
        Bench::faulty([Fault::BogusSignature, Fault::BadUp, Fault::BadUv]);
    bench.is_info_on(&channel);
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded, status(OK)]);
    // U2F_VERSION, and a U2F_AUTHENTICATE that signs nothing.
    for apdu in [[0, 3, 0, 0, 0, 0, 0], [0, 2, 7, 0, 0, 0, 0]] {
        bench.request(channel.channel(), Command::Msg, &apdu);
        bench.hear(&mut channel);
        assert_eq!(bench.key.faults().len(), 3, "{apdu:?}");
    }
    bench.request(channel.channel(), Command::Cbor, &registration());
    answer(&bench.hear(&mut channel));
    bench.is_right_again(&channel);

    let (mut bench, channel) =
        Bench::faulty([Fault::IgnoredCancel, Fault::StuckDisk { wait: Duration::ZERO }]);
    bench.is_info_on(&channel);
    assert_eq!(bench.key.faults().len(), 2, "it waits for nobody and writes nothing");
}

fn answer(heard: &[Heard]) -> Vec<u8> {
    match heard.last() {
        Some(Heard::Answer(message)) => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_card_has_the_faults_of_answers_and_not_those_of_reports() {
    let wait = Duration::from_secs(1);
    let (mut bench, _) =
        Bench::faulty([Fault::Silence, Fault::SlowAnswer { wait }, Fault::Status(OTHER)]);
    assert!(bench.apdu_select());
    bench.key.handle_apdu(&[0x80, 0x10, 0, 0, 1, GET_INFO, 0], bench.now);
    assert_eq!(bench.key.poll_apdu(), None);
    bench.now += wait;
    bench.key.handle_timeout(bench.now);
    assert_eq!(bench.key.poll_apdu(), Some(vec![OTHER, 0x90, 0x00]));
    assert_eq!(bench.key.faults().len(), 1, "silence is of CTAPHID");
}

#[test]
fn a_card_may_be_deaf_to_a_client_that_takes_its_request_back() {
    let (mut bench, _) = Bench::faulty_at(Touch::Ask, [Fault::IgnoredCancel]);
    assert!(bench.apdu_select());
    bench.key.handle_apdu(&[0x80, 0x10, 0x80, 0, 1, SELECTION, 0], bench.now);
    let prompt = bench.prompt().expect("it waits for a touch");
    bench.key.handle_apdu(&[0x80, 0x11, 0x11, 0, 0], bench.now);
    assert_eq!(bench.key.poll_apdu(), None);
    assert!(bench.answer(prompt, Decision::Approve), "it waits still");
    assert_eq!(bench.key.poll_apdu(), Some(vec![OK, 0x90, 0x00]));
}

impl Bench {
    fn apdu_select(&mut self) -> bool {
        let select = [0, 0xA4, 4, 0, 8, 0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1];
        self.key.handle_apdu(&select, self.now);
        self.key.poll_apdu().is_some_and(|answer| answer.ends_with(&[0x90, 0x00]))
    }
}

#[test]
fn a_key_has_only_so_many_faults_and_each_is_cleared_by_its_number() {
    let (mut bench, _) = Bench::faulty([always(Fault::Silence); crate::faults::MAX_FAULTS]);
    assert!(bench.key.add_fault(Fault::Silence.into(), None).is_err());
    assert!(bench.key.clear_faults(Some(65)).is_err());
    bench.key.clear_faults(Some(64)).expect("the last");
    assert_eq!(bench.key.add_fault(Fault::Silence.into(), None), Ok(65), "no number comes twice");
    bench.key.clear_faults(None).expect("all");
    assert_eq!(bench.key.faults(), []);
    assert!(bench.key.faults.is_idle());
}

fn fault() -> impl Strategy<Value = Fault> {
    let (report, wait) = (0..6_u16, (0..900_u64).prop_map(Duration::from_millis));
    prop_oneof![
        any::<u8>().prop_map(Fault::Status),
        Just(Fault::MalformedCbor),
        (0..400_u16).prop_map(|bytes| Fault::TruncatedCbor { bytes }),
        (0..400_u16).prop_map(|bytes| Fault::TrailingBytes { bytes }),
        (0..7609_u16).prop_map(|bytes| Fault::OversizedCbor { bytes }),
        Just(Fault::UnsortedCbor),
        wait.clone().prop_map(|wait| Fault::SlowAnswer { wait }),
        any::<u8>().prop_map(Fault::HidError),
        Just(Fault::IgnoredCancel),
        Just(Fault::WrongChannel),
        report.clone().prop_map(|report| Fault::WrongSequence { report }),
        any::<u16>().prop_map(|bytes| Fault::WrongLength { bytes }),
        report.clone().prop_map(|report| Fault::LostReport { report }),
        report.clone().prop_map(|report| Fault::DoubledReport { report }),
        (report.clone(), wait).prop_map(|(report, wait)| Fault::DelayedReport { report, wait }),
        (0..50_u16).prop_map(|count| Fault::KeepaliveStorm { count }),
        Just(Fault::NoKeepalives),
        Just(Fault::Silence),
        proptest::option::of(report).prop_map(|report| Fault::Unplug { report }),
    ]
}

/// All that goes over the bus in ten seconds of a client that asks, cancels and asks again.
fn conversation(faults: &[Fault]) -> Vec<(Duration, Report)> {
    let (mut bench, channel) = Bench::faulty_at(Touch::Ask, faults.iter().copied());
    let mut heard = Vec::new();
    let mut read = |bench: &mut Bench, until: Duration| {
        while let Some(at) = bench.key.poll_timeout().filter(|at| *at <= until) {
            bench.now = at;
            bench.key.handle_timeout(at);
            heard.extend(bench.reports().into_iter().map(|report| (at, report)));
        }
        bench.now = until;
        heard.extend(bench.reports().into_iter().map(|report| (until, report)));
    };
    for (message, seconds) in [(vec![GET_INFO], 2), (registration(), 6), (vec![GET_INFO], 10)] {
        bench.request(channel.channel(), Command::Cbor, &message);
        read(&mut bench, Duration::from_secs(seconds) - Duration::from_secs(1));
        bench.request(channel.channel(), Command::Cancel, &[]);
        read(&mut bench, Duration::from_secs(seconds));
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_the_faults_are_the_same_seed_sends_the_same_bytes_at_the_same_times(faults in proptest::collection::vec(fault(), 0..6)) {
        prop_assert_eq!(conversation(&faults), conversation(&faults));
    }
}
