//! What a key counts while it works.

use std::sync::Arc;

use super::*;
use crate::meter::{Meter, OfCommand};

fn metered(touch: Touch) -> (Bench, Arc<Meter>) {
    let (mut bench, meter) = (Bench::new(touch), Arc::<Meter>::default());
    bench.key.count_for(Arc::clone(&meter));
    (bench, meter)
}

fn selection(meter: &Meter) -> &OfCommand {
    meter.commands().find(|command| command.name() == "authenticatorSelection").expect("there")
}

#[test]
fn the_time_of_a_request_is_counted_without_the_persons_and_that_by_itself() {
    let (mut bench, meter) = metered(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    assert_eq!((selection(&meter).requests(), meter.prompts()), (1, 1));
    bench.pass(&mut channel, Duration::from_secs(3));
    let prompt = bench.prompt().expect("a prompt");
    assert!(bench.answer(prompt, Decision::Approve));
    bench.hear(&mut channel);
    assert_eq!(meter.waits().sum(), Duration::from_secs(3));
    assert_eq!(selection(&meter).times().sum(), Duration::ZERO);
    assert_eq!(selection(&meter).times().up_to()[0].1, 1);
    assert_eq!(selection(&meter).errors().count(), 0);
}

#[test]
fn a_request_that_ends_by_itself_is_counted_with_its_status() {
    let (mut bench, meter) = metered(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    bench.pass(&mut channel, Duration::from_secs(31));
    bench.call(&mut channel, SELECTION);
    bench.request(channel.channel(), Command::Cancel, &[]);
    bench.hear(&mut channel);
    let told: Vec<_> = selection(&meter).errors().collect();
    let one = |name: &str| (name.to_owned(), 1);
    let expected = ["CTAP2_ERR_KEEPALIVE_CANCEL", "CTAP2_ERR_USER_ACTION_TIMEOUT"].map(one);
    assert_eq!(told, expected);
    assert_eq!(meter.waits().sum(), Duration::from_secs(30));
}

#[test]
fn what_nobody_waits_for_any_more_is_counted_as_asked_and_not_as_answered() {
    let (mut bench, meter) = metered(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    bench.key.unplug(bench.now);
    bench.key.plug_in(Transport::Usb, bench.now);
    let mut channel = bench.connect();
    bench.call(&mut channel, GET_INFO);
    assert_eq!(selection(&meter).requests(), 1);
    assert_eq!(selection(&meter).times().up_to().last().map(|(_, count)| *count), Some(0));
}

#[test]
fn a_touch_that_is_given_at_once_is_no_prompt() {
    let (mut bench, meter) = metered(Touch::Auto);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    assert_eq!((meter.prompts(), selection(&meter).requests()), (0, 1));
}
