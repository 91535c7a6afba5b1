//! Nothing happens without consent, and an answer counts for the question it was given to.

use std::time::Duration;

use ctap_core::consent::{Action, SampleFault};
use ctap_core::memory::MemoryError;
use ctap_core::{Channel, Decision, PromptId, Question, Step};
use proptest::prelude::*;

use crate::attestation::attestation_key;
use crate::support::key::CHANNEL;
use crate::support::pin::{BE, with_key};
use crate::support::request::{bio_enrollment, client_pin};
use crate::support::store::Medium;
use crate::support::{
    Act, CM, GA, Key, MC, OTHER_RP, RP, Request, Setup, get_assertion, make_credential, sha256,
};

const RESET: Request = Request::new(0x07);
const SELECTION: Request = Request::new(0x0b);

/// A key with everything, and every request that waits for a touch, under tokens and without.
fn key_and_requests() -> (Key, Vec<Request>) {
    let mut key = Setup { pin: true, not_rqd: true, ..Setup::default() }.key();
    let token = key.token(MC, Some(RP));
    let stored = key.ok(&make_credential(RP).rk().auth(&token)).new_id();
    let sealed = key.ok(&make_credential(RP)).new_id();
    let token = key.token(MC | GA | BE, Some(RP));
    let requests = vec![
        RESET,
        SELECTION,
        make_credential(RP),
        make_credential(RP).list(&[&sealed]),
        make_credential(RP).rk().auth(&token),
        make_credential(RP).param(Vec::new(), 1),
        get_assertion(RP),
        get_assertion(RP).list(&[&stored]),
        get_assertion(RP).list(&[&sealed]).auth(&token),
        get_assertion(RP).param(Vec::new(), 2),
        bio_enrollment(1).auth(&token),
    ];
    key.asked();
    (key, requests)
}

/// What can happen to a request that waits, other than that a person agrees.
#[derive(Clone, Copy, Debug)]
enum End {
    Deny,
    Unreadable,
    Cancel,
    TimeOut,
    Abandon,
    Unplug,
}

const ENDS: [End; 6] =
    [End::Deny, End::Unreadable, End::Cancel, End::TimeOut, End::Abandon, End::Unplug];

fn end(key: &mut Key, prompt: PromptId, how: End) -> Option<Vec<u8>> {
    let reply = |step: Option<Step>| match step {
        Some(Step::Reply(response)) => Some(response.message),
        other => panic!("{other:?}"),
    };
    let answer = |key: &mut Key, decision| {
        reply(key.with_platform(|key, platform| key.answer(prompt, decision, platform)))
    };
    match how {
        End::Deny => answer(key, Decision::Deny),
        End::Unreadable => answer(key, Decision::BadSample(SampleFault::TooShort)),
        End::Cancel => key.authenticator.cancel(CHANNEL).map(|response| response.message),
        End::TimeOut => {
            let deadline = key.authenticator.poll_timeout().unwrap();
            let response = key.authenticator.handle_timeout(deadline);
            response.map(|response| response.message)
        }
        End::Abandon => {
            key.authenticator.abandon();
            None
        }
        End::Unplug => {
            key.power_cycle();
            None
        }
    }
}

// P-6, MC-35, GA-20, RS-07, SL-02, BE-29, MC-02
#[test]
fn no_command_writes_before_a_person_agrees() {
    let count = key_and_requests().1.len();
    for index in 0..count {
        for how in ENDS {
            let (mut key, mut requests) = key_and_requests();
            let request = requests.swap_remove(index);
            let is_enrolment = request.get(2) == Some(&1.into());
            key.seal_store();
            let Step::Wait(prompt, _) = key.begin(CHANNEL, &request.encode()) else {
                panic!("{request:?} waits");
            };
            let answer = end(&mut key, prompt, how);
            if let Some(answer) = answer {
                let no_sample = is_enrolment && matches!(how, End::Unreadable | End::TimeOut);
                assert_eq!(answer[0] == 0, no_sample, "{how:?} {request:?}");
            }
            assert!(key.authenticator.prompt().is_none());
            assert_eq!(key.authenticator.poll_timeout(), None);
        }
    }
}

// P-6, UF-22, UF-34
#[test]
fn no_u2f_command_writes_before_a_person_agrees() {
    let application = sha256(b"https://example.com");
    let register = [&[0, 1, 3, 0, 64][..], &[0x42; 32], &application].concat();
    for how in [End::Deny, End::Unreadable, End::Abandon, End::Unplug] {
        let mut key = Key::made(|config| {
            config.u2f = true;
            config.attestation_key = Some(attestation_key(1));
        });
        key.seal_store();
        let step = key.with_platform(|key, platform| key.handle_u2f(CHANNEL, &register, platform));
        let Step::Wait(prompt, _) = step else { panic!("it waits") };
        assert_eq!(key.authenticator.cancel(CHANNEL), None, "U2F has no cancel");
        end(&mut key, prompt, how);
        assert!(key.authenticator.prompt().is_none());
    }
}

/// The three requests that wait for a finger.
fn verifications(key: &mut Key) -> [Request; 3] {
    let id = key.ok(&make_credential(RP)).new_id();
    let secret = key.agree(crate::support::PinProtocol::Two);
    [
        make_credential(RP).rk().option("uv", true),
        get_assertion(RP).list(&[&id]).option("uv", true),
        with_key(client_pin(6), &secret).with(9, CM),
    ]
}

// P-6, CP-142, CP-146
#[test]
fn what_was_never_tried_costs_nothing() {
    for index in 0..3 {
        for how in [End::Deny, End::Cancel, End::TimeOut, End::Abandon] {
            let mut key = Key::with_finger();
            let request = verifications(&mut key)[index].clone();
            key.seal_store();
            for _ in 0..6 {
                let Step::Wait(prompt, _) = key.begin(CHANNEL, &request.encode()) else {
                    panic!("{how:?}: it asks for a finger, however often")
                };
                end(&mut key, prompt, how);
                assert_eq!(key.state().uv_retries(), 5, "{how:?}");
            }
        }
    }
}

// CP-142, CP-143, P-1
#[test]
fn a_finger_is_paid_for_before_it_is_looked_at() {
    for index in 0..3 {
        for finger in [1, 9] {
            let mut key = Key::with_finger();
            let request = verifications(&mut key)[index].clone();
            key.medium.set(Medium::FailsAfter(0, MemoryError::Failed));
            key.will(Act::Do(Decision::Finger(finger)));
            assert_eq!(key.status(&request), 0x7f, "the same for a right and a wrong one");
            key.medium.set(Medium::FailsAfter(1, MemoryError::Failed)); // all after the payment is lost
            key.will(Act::Do(Decision::Finger(finger))).will(Act::Cancel);
            key.call(&request.encode());
            assert_eq!(key.state().uv_retries(), 4, "a power cut does not give it back");
        }
    }
}

// P-7
#[test]
fn a_late_click_cannot_approve_the_next_request() {
    for how in ENDS {
        let mut key = Key::made(|_| {});
        let Step::Wait(first, _) = key.begin(CHANNEL, &SELECTION.encode()) else { panic!() };
        end(&mut key, first, how);
        key.seal_store();
        let Step::Wait(second, question) = key.begin(CHANNEL, &RESET.encode()) else { panic!() };
        assert_eq!(question.action, Action::Reset);
        assert_ne!(first, second);
        let late =
            key.with_platform(|key, platform| key.answer(first, Decision::Approve, platform));
        assert_eq!(late, None, "{how:?}");
        assert_eq!(key.authenticator.prompt().unwrap().0, second, "it waits on");
    }
}

// P-7
#[test]
fn an_answer_counts_once() {
    let mut key = Key::made(|_| {});
    let Step::Wait(prompt, _) = key.begin(CHANNEL, &make_credential(RP).rk().encode()) else {
        panic!()
    };
    let answer = |key: &mut Key| {
        key.with_platform(|key, platform| key.answer(prompt, Decision::Approve, platform))
    };
    assert!(answer(&mut key).is_some());
    assert_eq!(answer(&mut key), None);
    assert_eq!(key.state().credentials().len(), 1);
}

// HD-81, P-7
#[test]
fn only_the_channel_that_waits_can_cancel() {
    let mut key = Key::made(|_| {});
    assert_eq!(key.authenticator.cancel(CHANNEL), None);
    let Step::Wait(..) = key.begin(CHANNEL, &SELECTION.encode()) else { panic!() };
    assert_eq!(key.authenticator.cancel(Channel(2)), None);
    assert!(key.authenticator.prompt().is_some());
    assert_eq!(key.authenticator.cancel(CHANNEL).unwrap().message, [0x2d]);
    assert_eq!(key.authenticator.cancel(CHANNEL), None, "and then there is silence");
}

// SL-02, P-7
#[test]
fn a_deadline_is_kept_to_the_millisecond() {
    let mut key = Key::made(|_| {});
    let Step::Wait(prompt, _) = key.begin(CHANNEL, &SELECTION.encode()) else { panic!() };
    let deadline = key.authenticator.poll_timeout().unwrap();
    assert_eq!(key.authenticator.prompt().unwrap().2, deadline);
    let before = deadline - Duration::from_millis(1);
    assert_eq!(key.authenticator.handle_timeout(before), None);
    assert_eq!(key.authenticator.handle_timeout(deadline).unwrap().message, [0x2f]);
    let late = key.with_platform(|key, platform| key.answer(prompt, Decision::Approve, platform));
    assert_eq!(late, None);
}

// HD-77, MC-35, GA-20, RS-07, SL-02
#[test]
fn a_touch_is_awaited_for_thirty_seconds() {
    for (request, status) in [
        (make_credential(RP), 0x27),
        (get_assertion(RP), 0x27),
        (make_credential(RP).param(Vec::new(), 1), 0x27),
        (RESET, 0x2f),
        (SELECTION, 0x2f),
    ] {
        let mut key = Key::made(|_| {});
        key.ok(&make_credential(RP).rk());
        key.advance(5000);
        let Step::Wait(..) = key.begin(CHANNEL, &request.encode()) else { panic!("{request:?}") };
        let almost = Duration::from_millis(5000 + 29_999);
        assert_eq!(key.authenticator.handle_timeout(almost), None);
        let over = key.authenticator.handle_timeout(Duration::from_millis(5000 + 30_000));
        assert_eq!(over.unwrap().message, [status], "{request:?}");
    }
}

// HD-83
#[test]
fn a_cancelled_request_leaves_no_credential_and_the_token_as_it_was() {
    for index in 0..2 {
        let mut key = Setup { pin: true, not_rqd: true, ..Setup::default() }.key();
        let id = key.ok(&make_credential(RP)).new_id();
        let token = key.token(MC | GA, Some(RP));
        let request = [make_credential(RP).rk(), get_assertion(RP).list(&[&id])][index].clone();
        let request = request.auth(&token);
        let commits = key.medium.commits();
        key.will(Act::Cancel);
        assert_eq!(key.status(&request), 0x2d);
        assert!(key.state().credentials().is_empty(), "none is left");
        assert_eq!(key.medium.commits(), commits, "nothing was written");
        key.asked();
        let flags = key.ok(&request).auth_data().flags;
        assert!(flags.user_present() && flags.user_verified(), "with the same token");
        assert_eq!(key.asked().len(), 1, "and a touch of its own");
    }
}

// P-8
#[test]
fn a_question_has_who_asks_for_what_verbatim() {
    let mut key = Key::made(|_| {});
    let rp_id = "a\u{1b}[2J\u{202e}moc.elpmaxe";
    key.ok(&make_credential(rp_id).user(b"x", "ada\u{115f}"));
    let question = key.asked().remove(0);
    assert_eq!(
        (question.rp_id.as_deref(), question.user.as_deref()),
        (Some(rp_id), Some("ada\u{115f}"))
    );
    assert_eq!(question.application, None, "that is U2F's");
}

// P-8
#[test]
fn a_registration_for_the_touch_alone_asks_whether_this_is_the_key_to_use() {
    for rp_id in [".dummy", "make.me.blink"] {
        let mut key = Key::made(|_| {});
        key.ok(&make_credential(rp_id));
        key.ok(&make_credential(rp_id).rk());
        let asked = key.asked();
        let [dummy, kept] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!((dummy.action, &dummy.rp_id, &dummy.user), (Action::Select, &None, &None));
        assert_eq!(kept.action, Action::Register, "what is kept is no dummy");
    }
}

// P-8, GA-29
#[test]
fn a_sign_in_names_the_account_only_when_there_is_one() {
    let mut key = Key::made(|_| {});
    key.ok(&make_credential(RP).rk());
    key.ok(&get_assertion(RP));
    key.ok(&make_credential(RP).rk().user(b"eve", "Eve"));
    key.ok(&get_assertion(RP));
    let users: Vec<_> = key.asked().into_iter().map(|question| question.user).collect();
    assert_eq!(users, [Some("Ada".into()), Some("Ada".into()), Some("Eve".into()), None]);
}

/// One event of a random interleaving.
#[derive(Clone, Copy, Debug)]
enum Event {
    Send {
        channel: u32,
        request: usize,
    },
    /// Approves or denies the nth prompt that ever was.
    Answer {
        prompt: usize,
        approve: bool,
    },
    Cancel {
        channel: u32,
    },
    Abandon,
    Wait(u64),
    Unplug,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..3_u32, 0..4_usize)
            .prop_map(|(channel, request)| Event::Send { channel, request }),
        6 => (0..20_usize, any::<bool>())
            .prop_map(|(prompt, approve)| Event::Answer { prompt, approve }),
        2 => (0..3_u32).prop_map(|channel| Event::Cancel { channel }),
        1 => Just(Event::Abandon),
        1 => prop_oneof![Just(100_u64), Just(29_000), Just(31_000)].prop_map(Event::Wait),
        1 => Just(Event::Unplug),
    ]
}

/// What the person would see, and who waits for it.
type Open = Option<(usize, Channel, Question)>;

/// Runs one event; `open` is what a correct key has open, `prompts` all that ever were. Whether it approved something.
fn step(key: &mut Key, event: Event, open: &mut Open, prompts: &mut Vec<PromptId>) -> bool {
    let requests =
        [SELECTION, make_credential(RP).rk(), get_assertion(RP), make_credential(OTHER_RP)];
    match event {
        Event::Send { channel, request } => {
            let channel = Channel(channel);
            match key.begin(channel, &requests[request].encode()) {
                Step::Wait(prompt, question) => {
                    assert!(open.is_none() && !prompts.contains(&prompt), "never used before");
                    *open = Some((prompts.len(), channel, question));
                    prompts.push(prompt);
                }
                Step::Reply(answer) => {
                    assert!(open.is_some(), "each of these requests asks");
                    assert_eq!((answer.channel, answer.message), (channel, vec![0x06]));
                }
                Step::Kept => unreachable!("not U2F"),
            }
        }
        Event::Answer { prompt, approve } => {
            let Some(id) = prompts.get(prompt).copied() else { return false };
            let asked = open.take_if(|(index, ..)| *index == prompt);
            return answer(key, id, approve, asked);
        }
        Event::Cancel { channel } => {
            let cancelled = key.authenticator.cancel(Channel(channel));
            let expected = open.take_if(|(_, waiting, _)| *waiting == Channel(channel));
            assert_eq!(cancelled.is_some(), expected.is_some());
        }
        Event::Abandon => {
            key.authenticator.abandon();
            *open = None;
        }
        Event::Wait(millis) => {
            key.advance(millis);
            if key.authenticator.handle_timeout(key.now).is_some() {
                assert!(open.take().is_some());
            }
        }
        Event::Unplug => {
            key.power_cycle();
            *open = None;
        }
    }
    false
}

/// Answers a prompt that is open as `asked`, if it is at all. Whether something was approved.
fn answer(key: &mut Key, id: PromptId, approve: bool, asked: Open) -> bool {
    let knows_somebody = !key.store.state().credentials().is_empty();
    let decision = if approve { Decision::Approve } else { Decision::Deny };
    let step = key.with_platform(|key, platform| key.answer(id, decision, platform));
    let Some((_, channel, question)) = asked else {
        assert_eq!(step, None, "nobody waits for that prompt");
        return false;
    };
    let Some(Step::Reply(answer)) = step else { panic!("it was open") };
    let expected = match (approve, question.action) {
        (false, _) => 0x27,
        (true, Action::SignIn) if !knows_somebody => 0x2e,
        (true, _) => 0x00,
    };
    assert_eq!((answer.channel, answer.message[0]), (channel, expected));
    expected == 0x00
}

proptest! {
    #![proptest_config(crate::invariants::config(64))]

    // P-7, P-6
    #[test]
    fn in_every_interleaving_an_answer_counts_for_its_own_question(
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let mut key = Key::made(|_| {});
        let (mut open, mut prompts) = (None, Vec::new());
        for event in events {
            let before = key.medium.commits();
            let approved = step(&mut key, event, &mut open, &mut prompts);
            prop_assert!(approved || key.medium.commits() == before, "{event:?} wrote without consent");
            let shown = key.authenticator.prompt().map(|(prompt, question, _)| (prompt, question));
            let expected = open.as_ref().map(|(index, _, question)| (prompts[*index], question));
            prop_assert_eq!(shown, expected);
        }
    }
}
