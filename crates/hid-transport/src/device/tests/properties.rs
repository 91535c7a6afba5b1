//! What holds for any traffic whatever.

use core::time::Duration;
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::State;
use super::bench::{Bench, Happened, Heard, MS, first, later, reports};
use crate::limits::{CONTINUATION_DATA, MESSAGE_MAX, OUTBOX_MAX};
use crate::{ChannelId, Command, Kind, Packet, Report};

/// One thing that the world, the host or the authenticator does.
#[derive(Clone, Debug)]
enum Step {
    Send(Report),
    Wait(u32),
    Read(usize),
    WaitForUser(bool),
    /// An answer of that many bytes, on that channel.
    Respond(ChannelId, usize),
    Reset,
}

fn some_channel() -> impl Strategy<Value = ChannelId> {
    let number = prop_oneof![16 => 2..5u32, 1 => Just(0), 1 => Just(u32::MAX), 1 => any::<u32>()];
    number.prop_map(ChannelId::new)
}

fn some_command() -> impl Strategy<Value = u8> {
    let known = prop::sample::select(vec![0x01, 0x03, 0x04, 0x06, 0x08, 0x10, 0x11, 0x3B, 0x3F]);
    prop_oneof![9 => known, 1 => 0..0x80u8]
}

fn some_length() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), Just(1), Just(8), 0..200u16, 7600..7620u16, any::<u16>()]
}

/// Reports that mean something, and a few that do not.
fn some_report() -> impl Strategy<Value = Report> {
    let start = (some_channel(), some_command(), some_length(), any::<[u8; 8]>())
        .prop_map(|(channel, command, length, data)| first(channel, command, length, &data));
    let whole = (some_channel(), prop::sample::select(vec![0x03, 0x10, 0x10]), 1..57u16)
        .prop_map(|(channel, command, length)| first(channel, command, length, &[4]));
    let bare = (some_channel(), prop::sample::select(vec![(0x06, 8), (0x11, 0)]))
        .prop_map(|(channel, (command, length))| first(channel, command, length, &[]));
    let rest = (some_channel(), prop_oneof![3 => 0..4u8, 1 => 0..0x80u8])
        .prop_map(|(channel, sequence)| later(channel, sequence));
    let noise =
        any::<[[u8; 32]; 2]>().prop_map(|halves| halves.concat().try_into().expect("64 bytes"));
    prop_oneof![4 => start, 6 => whole, 4 => bare, 4 => rest, 1 => noise]
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => some_report().prop_map(Step::Send),
        2 => (0..700u32).prop_map(Step::Wait),
        4 => (0..5usize).prop_map(Step::Read),
        1 => any::<bool>().prop_map(Step::WaitForUser),
        3 => (some_channel(), prop_oneof![9 => 0..300usize, 1 => 7600..7620usize])
            .prop_map(|(channel, length)| Step::Respond(channel, length)),
    ]
}

fn some_step_or_reset() -> impl Strategy<Value = Step> {
    prop_oneof![40 => some_step(), 1 => Just(Step::Reset)]
}

impl Step {
    fn take(&self, bench: &mut Bench) -> Option<Happened> {
        match self {
            Step::Send(report) => return bench.send(report),
            Step::Wait(millis) => bench.wait(*millis * MS),
            Step::Read(count) => drop((0..*count).map_while(|_| bench.read()).collect::<Vec<_>>()),
            Step::WaitForUser(waiting) => bench.wait_for_user(*waiting),
            Step::Respond(channel, length) => bench.respond(*channel, &vec![0x5A; *length]),
            Step::Reset => bench.device.reset(),
        }
        None
    }
}

/// A message that a client sends packet by packet, and what the client has heard since.
struct Client {
    channel: ChannelId,
    to_send: Vec<Report>,
    terminal_replies: usize,
}

proptest! {
    /// Nothing panics, nothing grows, and no timer is left in the past.
    #[test]
    fn no_storm_upsets_the_key(steps in prop::collection::vec(some_step_or_reset(), 1..200)) {
        let mut bench = Bench::new();
        let buffer = bench.device.message.capacity();
        for step in &steps {
            let was_processing = matches!(bench.device.state, State::Processing { .. });
            let happened = step.take(&mut bench);
            if matches!(happened, Some(Happened::Request(..))) {
                prop_assert!(!was_processing, "two requests at once");
            }
            bench.wait(Duration::ZERO);
            prop_assert!(bench.device.poll_timeout().is_none_or(|due| due > bench.now));
            prop_assert_eq!(bench.device.message.capacity(), buffer);
        }
        // Whatever happened, an INIT answer is what the next client finds, once the queue is read.
        let left = bench.read_all();
        prop_assert!(left.len() <= OUTBOX_MAX + 130);
        bench.open();
    }

    /// With a host that reads: one answer for each request, unless its channel was started over.
    #[test]
    fn every_request_gets_one_answer_or_its_channel_was_started_over(
        steps in prop::collection::vec(some_step(), 1..200)
    ) {
        let mut bench = Bench::new();
        for _ in 0..3 {
            bench.open();
        }
        let mut running: Option<(ChannelId, Kind)> = None;
        for step in &steps {
            match step.take(&mut bench) {
                Some(Happened::Request(channel, kind, _)) => {
                    prop_assert_eq!(running.replace((channel, kind)), None);
                }
                Some(Happened::Abandon(channel)) => {
                    prop_assert_eq!(running.take().map(|(channel, _)| channel), Some(channel));
                }
                Some(Happened::Cancel(channel)) => {
                    prop_assert_eq!(running, Some((channel, Kind::Cbor)));
                }
                Some(Happened::Wink(_)) | None => {}
            }
            // What a Step::Read has read is not heard here: all answers had been read before.
            let responding = matches!(step, Step::Respond(channel, _)
                if running.is_some_and(|(running, _)| running == *channel));
            let terminal = bench.hear().into_iter().filter(is_terminal).count();
            prop_assert_eq!(terminal, usize::from(responding));
            if responding {
                running = None;
            }
        }
        if let Some((channel, _)) = running {
            bench.respond(channel, &[0x5A]);
            prop_assert_eq!(bench.hear().iter().filter(|heard| is_terminal(heard)).count(), 1);
        }
    }

    /// Clients each send a message, packets interleaved anyhow: each hears one terminal reply.
    #[test]
    fn every_whole_message_gets_exactly_one_terminal_reply(
        lengths in prop::collection::vec(1..400usize, 2..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let mut bench = Bench::new();
        let mut clients: Vec<Client> = lengths
            .iter()
            .map(|&length| {
                let channel = bench.open();
                let to_send = reports(channel, Command::Ping, &vec![7; length]);
                Client { channel, to_send, terminal_replies: 0 }
            })
            .collect();
        for index in order {
            let waiting: Vec<usize> =
                (0..clients.len()).filter(|&n| !clients[n].to_send.is_empty()).collect();
            if waiting.is_empty() {
                break;
            }
            let next = clients[waiting[index.index(waiting.len())]].to_send.remove(0);
            bench.send(&next);
            for heard in bench.hear() {
                let (Heard::Message(on, ..) | Heard::Error(on, _) | Heard::Keepalive(on, _)) = heard;
                let client = clients.iter_mut().find(|client| client.channel == on);
                client.expect("nobody else is spoken to").terminal_replies += 1;
            }
        }
        for client in clients {
            prop_assert!(client.to_send.is_empty());
            prop_assert_eq!(client.terminal_replies, 1);
        }
    }

    /// P-30: whatever others send, at any point, a transaction goes its way undivided.
    #[test]
    fn foreign_traffic_never_disturbs_a_transaction(
        request in prop::collection::vec(any::<u8>(), 1..400),
        response in prop::collection::vec(any::<u8>(), 1..400),
        storm in prop::collection::vec(some_report(), 1..100),
        reads in 0..3usize,
    ) {
        let mut bench = Bench::new();
        let victim = (0..7).map(|_| bench.open()).last().expect("seven");
        let strangers = storm.iter().filter(|report| channel_of(report) != victim);
        let mut storm = strangers.cycle().take(400);
        let mut foreign = |bench: &mut Bench| {
            for _ in 0..5 {
                if let Some(report) = storm.next() {
                    assert_eq!(bench.send(report), None, "others make nothing happen");
                }
            }
        };
        let mut read = Vec::new();
        let mut happened = None;
        for report in reports(victim, Command::Cbor, &request) {
            happened = bench.send(&report);
            foreign(&mut bench);
            bench.wait(3 * MS);
            read.extend((0..reads).map_while(|_| bench.read()));
        }
        prop_assert_eq!(happened, Some(Happened::Request(victim, Kind::Cbor, request)));
        bench.respond(victim, &response);
        while matches!(bench.device.state, State::Responding(_)) {
            foreign(&mut bench);
            read.push(bench.read().expect("the response is ready to be read"));
        }
        let is_ours = |&n: &usize| channel_of(&read[n]) == victim;
        let ours: Vec<usize> = (0..read.len()).filter(is_ours).collect();
        prop_assert!(ours.windows(2).all(|pair| pair[0] + 1 == pair[1]), "in one piece (HD-55)");
        let heard: Vec<Heard> = ours.iter().filter_map(|&n| bench.listen(&read[n])).collect();
        prop_assert_eq!(heard, [Heard::Message(victim, Command::Cbor, response)]);
    }

    /// HD-51: however late the driver is and whatever others send, what has been handed in counts.
    #[test]
    fn no_lateness_costs_a_message_whose_packets_have_arrived(
        request in prop::collection::vec(any::<u8>(), 58..1000),
        late in prop::collection::vec(0..2000u32, 18),
        storm in prop::collection::vec(some_report(), 18),
    ) {
        let mut bench = Bench::new();
        let victim = (0..7).map(|_| bench.open()).last().expect("seven");
        let packets = reports(victim, Command::Cbor, &request);
        let mut happened = bench.send(&packets[0]);
        for (packet, (late, foreign)) in packets[1..].iter().zip(late.into_iter().zip(storm)) {
            bench.oversleep(late * MS);
            if channel_of(&foreign) != victim {
                bench.send(&foreign);
            }
            happened = bench.send(packet);
            bench.wait(Duration::ZERO);
        }
        prop_assert_eq!(happened, Some(Happened::Request(victim, Kind::Cbor, request)));
    }

    /// Fragmented, assembled, echoed, fragmented and assembled again, a message is the same.
    #[test]
    fn any_message_makes_the_round_trip(
        message in prop::collection::vec(any::<u8>(), 0..=usize::from(MESSAGE_MAX))
    ) {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, Command::Ping, &message);
        prop_assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, message)]);
    }
}

#[test]
fn every_number_of_packets_filled_or_one_byte_off_makes_the_round_trip() {
    let mut bench = Bench::new();
    let channel = bench.open();
    let message: Vec<u8> = (0..MESSAGE_MAX).map(|n| n.to_le_bytes()[0]).collect();
    let near_the_edge = |length: &usize| (length + 3) % CONTINUATION_DATA <= 2;
    for length in (0..=message.len()).filter(near_the_edge) {
        let message = &message[..length];
        bench.request(channel, Command::Ping, message);
        assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, message.to_vec())]);
    }
}

#[test]
fn hours_of_init_cost_no_memory() {
    // P-31
    let mut bench = Bench::new();
    let mut seen = BTreeMap::new();
    for round in 0..20_000u32 {
        let report = first(ChannelId::BROADCAST, 0x06, 8, &round.to_be_bytes());
        assert!(bench.device.handle_report(&report, Duration::ZERO).is_none());
        let answer = bench.device.poll_report(1, Duration::ZERO).expect("an answer");
        assert_eq!(seen.insert(answer[15..19].to_vec(), round), None, "never given twice");
    }
}

/// Whether this ends a CBOR or MSG request; an answer too long to send ends it with OTHER.
fn is_terminal(heard: &Heard) -> bool {
    matches!(
        heard,
        Heard::Message(_, Command::Cbor | Command::Msg, _)
            | Heard::Error(_, crate::ErrorCode::Other)
    )
}

fn channel_of(report: &Report) -> ChannelId {
    match Packet::parse(report) {
        Packet::Initialization(packet) => packet.channel,
        Packet::Continuation(packet) => packet.channel,
    }
}
