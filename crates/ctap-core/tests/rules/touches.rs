//! Touches for U2F clients that ask again and again, several at a time and among others.

use std::time::Duration;

use ctap_core::limits::MAX_TOUCHES;
use ctap_core::{Channel, Decision, PromptId, Step};

use crate::support::key::CHANNEL;
use crate::support::{Key, Request};
use crate::u2f::{
    NO_ERROR, NOT_TOUCHED, REGISTER, apdu, application, authenticate, key, register, registered,
    status,
};

const OTHER: Channel = Channel(2);

/// A registration with a challenge of its own.
fn registration(challenge: u8) -> Vec<u8> {
    apdu(REGISTER, 3, &[[challenge; 32], application()].concat())
}

/// One poll, which nobody touches for: the prompt under which it waited its 200 ms.
#[track_caller]
fn poll(key: &mut Key, channel: Channel, apdu: &[u8]) -> PromptId {
    let Step::Wait(prompt, _) = key.begin_u2f(channel, apdu) else { panic!("a touch is needed") };
    let answer = key.sleep();
    assert_eq!((answer.channel, &answer.message[..]), (channel, &NOT_TOUCHED[..]));
    prompt
}

/// A poll that finds its touch.
#[track_caller]
fn touched(key: &mut Key, channel: Channel, apdu: &[u8]) -> Vec<u8> {
    match key.begin_u2f(channel, apdu) {
        Step::Reply(done) => done.message,
        step => panic!("it was touched before: {step:?}"),
    }
}

fn answer(key: &mut Key, prompt: PromptId, decision: Decision) -> Option<Step> {
    key.with_platform(|key, platform| key.answer(prompt, decision, platform))
}

/// Touched between two polls.
#[track_caller]
fn touch(key: &mut Key, prompt: PromptId) {
    assert_eq!(answer(key, prompt, Decision::Approve), Some(Step::Kept));
}

fn shown(key: &Key) -> Option<PromptId> {
    key.authenticator.prompt().map(|(prompt, ..)| prompt)
}

/// Time passes, with nobody to be answered.
fn pass(key: &mut Key, millis: u64) {
    key.advance(millis);
    assert_eq!(key.authenticator.handle_timeout(key.now), None);
}

// UF-34, UF-40, UF-41
#[test]
fn a_touch_between_two_polls_is_found_by_the_second_and_used_once() {
    let mut key = key();
    let prompt = poll(&mut key, CHANNEL, &register());
    assert_eq!(shown(&key), Some(prompt), "the prompt stays");
    pass(&mut key, 50);
    touch(&mut key, prompt);
    assert_eq!(shown(&key), None);
    key.advance(9_999);
    registered(&touched(&mut key, CHANNEL, &register()));
    poll(&mut key, CHANNEL, &register()); // used up
}

// UF-34, UF-40
#[test]
fn a_kept_touch_is_for_the_same_request_on_the_same_channel_and_grows_old() {
    for (wait, channel, second) in
        [(10_000, CHANNEL, register()), (1, CHANNEL, registration(1)), (1, OTHER, register())]
    {
        let mut key = key();
        let prompt = poll(&mut key, CHANNEL, &register());
        touch(&mut key, prompt);
        key.advance(wait);
        poll(&mut key, channel, &second);
    }
}

// UF-34, UF-40, P-7
#[test]
fn nothing_that_anybody_else_sends_ends_a_kept_touch_or_an_open_prompt() {
    let mut key = key();
    let (_, handle) = registered(&key.call_u2f(&register()));
    let bystanders: [&dyn Fn(&mut Key); 6] = [
        &|key| drop(key.call_on(OTHER, &[0x04])),
        &|key| drop(key.begin_u2f(OTHER, &[0, 3, 0, 0])),
        &|key| drop(key.begin_u2f(CHANNEL, &[0, 3, 0, 0])),
        &|key| {
            let check_only = authenticate(7, &handle);
            assert_eq!(touched(key, CHANNEL, &check_only), NOT_TOUCHED);
        },
        &|key| {
            poll(key, OTHER, &registration(7));
        },
        &|key| {
            let Step::Wait(..) = key.begin(OTHER, &[0x0b]) else { panic!("selection waits") };
            assert!(key.authenticator.cancel(OTHER).is_some());
        },
    ];
    for (number, bystander) in bystanders.iter().enumerate() {
        let prompt = poll(&mut key, CHANNEL, &registration(9));
        bystander(&mut key);
        assert_eq!(poll(&mut key, CHANNEL, &registration(9)), prompt, "bystander {number}");
        touch(&mut key, prompt);
        bystander(&mut key);
        is_registered(&mut key, CHANNEL, &registration(9));
    }
}

/// The poll found its touch, and a key was made.
#[track_caller]
fn is_registered(key: &mut Key, channel: Channel, apdu: &[u8]) {
    let answer = touched(key, channel, apdu);
    assert_eq!((status(&answer), answer[0]), (NO_ERROR, 0x05));
}

// UF-34, UF-40, P-7
#[test]
fn two_clients_that_poll_in_turn_register_with_one_touch_each() {
    let mut key = key();
    let [mine, theirs] = [(CHANNEL, registration(1)), (OTHER, registration(2))];
    let prompts = [poll(&mut key, mine.0, &mine.1), poll(&mut key, theirs.0, &theirs.1)];
    let mut seen = Vec::new();
    for _ in 0..5 {
        assert_eq!(poll(&mut key, mine.0, &mine.1), prompts[0]);
        seen.push(shown(&key));
        assert_eq!(poll(&mut key, theirs.0, &theirs.1), prompts[1]);
        seen.push(shown(&key));
    }
    assert!(seen.iter().all(|shown| *shown == Some(prompts[1])), "what is shown stays");
    let open: Vec<_> = key.authenticator.prompts().map(|(prompt, ..)| prompt).collect();
    assert_eq!(open, [prompts[1], prompts[0]], "and each can be answered");
    pass(&mut key, 400);
    touch(&mut key, prompts[0]);
    is_registered(&mut key, mine.0, &mine.1);
    touch(&mut key, prompts[1]);
    is_registered(&mut key, theirs.0, &theirs.1);
    assert_eq!(shown(&key), None);
}

// UF-34, P-7
#[test]
fn polling_keeps_one_prompt_and_a_touch_while_the_client_waits_is_the_answer() {
    let mut key = key();
    let prompts: Vec<_> = (0..5).map(|_| poll(&mut key, CHANNEL, &register())).collect();
    assert!(prompts.iter().all(|prompt| *prompt == prompts[0]));
    let Step::Wait(last, _) = key.begin_u2f(CHANNEL, &register()) else { panic!("it waits") };
    assert_eq!(last, prompts[0]);
    let Some(Step::Reply(done)) = answer(&mut key, last, Decision::Approve) else { panic!() };
    registered(&done.message);
    assert_eq!(answer(&mut key, last, Decision::Approve), None, "once");
}

// UF-34
#[test]
fn a_prompt_that_nobody_polls_for_goes_away() {
    let mut key = key();
    poll(&mut key, CHANNEL, &register());
    let end = key.authenticator.poll_timeout().unwrap();
    assert_eq!(end, Duration::from_secs(10));
    assert_eq!(key.authenticator.handle_timeout(end), None);
    assert_eq!(key.authenticator.poll_timeout(), None);
    assert_eq!(shown(&key), None);
}

// UF-34; a client that was killed leaves its prompt behind
#[test]
fn who_asks_is_shown_before_who_has_gone_silent() {
    let mut key = key();
    let mine = poll(&mut key, CHANNEL, &registration(1));
    let gone = poll(&mut key, OTHER, &registration(2));
    assert_eq!(poll(&mut key, CHANNEL, &registration(1)), mine);
    assert_eq!(shown(&key), Some(gone), "it may still ask");
    pass(&mut key, 2_000);
    assert_eq!(poll(&mut key, CHANNEL, &registration(1)), mine);
    assert_eq!(shown(&key), Some(mine));
}

// UF-34, RS-10, HD-44
#[test]
fn a_reset_and_a_power_cycle_end_what_was_given_and_what_is_asked() {
    let ends: [fn(&mut Key); 3] = [
        |key| assert_eq!(key.status(&Request::new(7)), 0),
        Key::power_cycle,
        |key| key.authenticator.power_off(),
    ];
    for end in ends {
        let mut key = key();
        let given = poll(&mut key, CHANNEL, &registration(1));
        touch(&mut key, given);
        let open = poll(&mut key, CHANNEL, &registration(2));
        end(&mut key);
        assert_eq!((shown(&key), key.authenticator.poll_timeout()), (None, None));
        assert_eq!(answer(&mut key, open, Decision::Approve), None);
        assert_ne!(poll(&mut key, CHANNEL, &registration(1)), given);
    }
}

// UF-34, HD-53
#[test]
fn a_client_that_goes_while_it_waits_takes_its_prompt_along_and_nobody_elses() {
    let mut key = key();
    let given = poll(&mut key, CHANNEL, &registration(1));
    touch(&mut key, given);
    let open = poll(&mut key, CHANNEL, &registration(2));
    let Step::Wait(gone, _) = key.begin_u2f(OTHER, &registration(3)) else { panic!("it waits") };
    key.authenticator.abandon();
    assert_eq!(answer(&mut key, gone, Decision::Approve), None);
    assert_eq!(shown(&key), Some(open));
    is_registered(&mut key, CHANNEL, &registration(1));
}

// UF-34, P-7
#[test]
fn a_request_that_waits_for_its_answer_is_shown_first() {
    let mut key = key();
    let polled = poll(&mut key, CHANNEL, &register());
    let Step::Wait(selection, _) = key.begin(OTHER, &[0x0b]) else { panic!("selection waits") };
    assert_eq!(shown(&key), Some(selection));
    touch(&mut key, polled);
    assert_eq!(shown(&key), Some(selection), "it waits on");
    let Some(Step::Reply(done)) = answer(&mut key, selection, Decision::Approve) else { panic!() };
    assert_eq!(done.message, [0x00]);
    registered(&touched(&mut key, CHANNEL, &register()));
}

// UF-22, UF-34
#[test]
fn a_refusal_between_two_polls_is_no_touch() {
    let mut key = key();
    let prompt = poll(&mut key, CHANNEL, &register());
    assert_eq!(answer(&mut key, prompt, Decision::Deny), Some(Step::Kept));
    assert_eq!(shown(&key), None);
    assert_ne!(poll(&mut key, CHANNEL, &register()), prompt, "a new question");
}

// UF-34, P-36
#[test]
fn as_many_touches_are_kept_as_there_is_room_for() {
    let mut key = key();
    let request = |number: usize| registration(number as u8);
    let first = poll(&mut key, CHANNEL, &request(0));
    touch(&mut key, first);
    let open: Vec<_> =
        (1..MAX_TOUCHES).map(|number| poll(&mut key, CHANNEL, &request(number))).collect();
    assert_eq!(poll(&mut key, CHANNEL, &request(1)), open[0], "there is room for all");
    poll(&mut key, CHANNEL, &request(MAX_TOUCHES));
    assert_eq!(answer(&mut key, open[1], Decision::Approve), None, "the one asked for longest ago");
    is_registered(&mut key, CHANNEL, &request(0));
}
