//! Status updates: rules NF-30 to NF-35.

use super::bench::*;

#[test]
fn what_is_done_soon_is_answered_directly() {
    // NF-30
    let mut bench = Bench::selected();
    bench.send(GET_INFO_POLLED);
    bench.wait(299);
    assert_eq!(bench.hear(), None);
    bench.respond(&[0]);
    assert_eq!(bench.hear(), Some("009000".into()));
    assert_eq!(bench.card.poll_timeout(), None);
}

#[test]
fn what_takes_longer_is_told_and_polled_for() {
    // NF-30, NF-31
    let mut bench = Bench::running();
    assert_eq!(bench.send(POLL), None);
    bench.wait(99);
    assert_eq!(bench.hear(), None, "a poll is held, or old clients would spin");
    bench.wait(1);
    assert_eq!(bench.hear(), Some("019100".into()));
    bench.send(POLL);
    bench.respond(&[0, 7]);
    assert_eq!(bench.hear(), Some("00079000".into()), "at once");
    assert_eq!(bench.ask(POLL), NOT_NOW, "delivered once");
}

#[test]
fn an_answer_waits_for_its_client_to_poll() {
    // NF-31
    let mut bench = Bench::running();
    bench.respond(&counted(300));
    bench.wait(60_000);
    assert_eq!(bench.hear(), None);
    assert_eq!(bench.ask(POLL), hex(&counted(256)) + "612C");
    assert_eq!(bench.ask("00C00000 2C"), hex(&counted(300)[256..]) + "9000");
}

#[test]
fn an_extended_poll_fetches_the_whole_answer() {
    // NF-16, NF-31
    let mut bench = Bench::selected();
    bench.send("80108000 000001 04");
    bench.wait(300);
    bench.hear();
    bench.respond(&counted(300));
    assert_eq!(bench.ask("80110000 000000"), hex(&counted(300)) + "9000");
}

#[test]
fn a_client_that_cannot_poll_is_never_told_9100() {
    // NF-11, NF-30, NF-35
    let mut bench = Bench::selected();
    bench.send(GET_INFO);
    bench.wait_for_user(true);
    assert_eq!(bench.card.poll_timeout(), None);
    bench.wait(29_000);
    assert_eq!(bench.hear(), None);
    bench.respond(&[0]);
    assert_eq!(bench.hear(), Some("009000".into()), "in the same APDU");
}

#[test]
fn a_client_is_told_at_once_that_a_touch_is_wanted() {
    // NF-30
    let mut bench = Bench::running();
    bench.send(POLL);
    bench.wait_for_user(true);
    bench.wait(0);
    assert_eq!(bench.hear(), Some("029100".into()), "while its poll is held");
    bench.wait_for_user(false);
    assert_eq!(bench.ask(POLL), "019100", "or as soon as it polls");
    bench.send(POLL);
    bench.wait_for_user(false);
    bench.wait(99);
    assert_eq!(bench.hear(), None, "and once");
}

#[test]
fn a_touch_that_comes_at_once_is_worth_no_9100() {
    // NF-30
    let mut bench = Bench::selected();
    bench.send(GET_INFO_POLLED);
    bench.wait_for_user(true);
    bench.wait(20);
    assert_eq!(bench.hear(), None);
    bench.respond(&[0]);
    assert_eq!(bench.hear(), Some("009000".into()));
}

#[test]
fn a_client_can_cancel_in_place_of_polling() {
    // NF-32
    let mut bench = Bench::selected();
    bench.send(GET_INFO_POLLED);
    bench.wait_for_user(true);
    bench.wait(300);
    assert_eq!(bench.hear(), Some("029100".into()));
    assert_eq!(bench.send(CANCEL), Some(Happened::Cancel));
    bench.respond(&[0x2D]);
    assert_eq!(bench.hear(), Some("2D9000".into()));
}

#[test]
fn a_cancel_that_takes_its_time_is_held_like_a_poll_and_may_be_repeated() {
    // NF-32
    let mut bench = Bench::running();
    for _ in 0..2 {
        bench.wait_for_user(true);
        assert_eq!(bench.send(CANCEL), Some(Happened::Cancel));
        bench.wait(99);
        assert_eq!(bench.hear(), None);
        bench.wait(1);
        assert_eq!(bench.hear(), Some("029100".into()));
    }
    bench.respond(&[0]);
    assert_eq!(bench.ask(CANCEL), "009000", "the person was faster");
}

#[test]
fn polls_and_cancels_with_nothing_to_wait_for_are_refused() {
    // NF-33
    let mut bench = Bench::selected();
    assert_eq!((bench.ask(POLL), bench.ask(CANCEL)), (NOT_NOW.into(), NOT_NOW.into()));
    bench.ask_key(GET_INFO_POLLED, &[0]);
    assert_eq!((bench.ask(POLL), bench.ask(CANCEL)), (NOT_NOW.into(), NOT_NOW.into()));
}

#[test]
fn polls_have_no_other_parameters_and_no_data() {
    // NF-34
    let mut bench = Bench::running();
    bench.refuses(&[
        ("80110100 00", "6A86"),
        ("80118000 00", "6A86"),
        ("80110001 00", "6A86"),
        ("80111101 00", "6A86"),
        ("80110000 01 00", "6700"),
    ]);
    bench.respond(&[0]);
    assert_eq!(bench.ask(POLL), "009000", "the request went on");
}

#[test]
fn another_program_that_looks_around_does_not_disturb_who_polls() {
    // NF-31: PC/SC readers are shared.
    let mut bench = Bench::running();
    let looks = ["00A40400 05 D276000085 00", "00CADF30 05", "00C00000 00"];
    for apdu in looks {
        assert_ne!(bench.ask(apdu), "9000");
    }
    bench.respond(&[0]);
    for apdu in looks {
        assert_ne!(bench.ask(apdu), "9000");
    }
    assert_eq!(bench.ask(POLL), "009000");
}

#[test]
fn a_poll_that_the_reader_gives_up_can_be_repeated() {
    // NF-31
    let mut bench = Bench::selected();
    bench.send(GET_INFO_POLLED);
    assert_eq!(bench.send(POLL), None, "before the first APDU was answered");
    assert_eq!(bench.send(POLL), None);
    bench.wait(100);
    assert_eq!(bench.hear(), Some("019100".into()));
    bench.send(POLL);
    bench.respond(&[0]);
    assert_eq!(bench.hear(), Some("009000".into()));
}
