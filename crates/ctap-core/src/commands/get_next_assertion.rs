//! authenticatorGetNextAssertion (0x08), CTAP 2.3 section 6.3 (GA-50 to GA-60).

use super::{Context, Reply};
use crate::session::Walk;
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x08;

/// The next account's assertion, under the terms of the getAssertion before it.
pub(crate) fn run(cx: &mut Context<'_>) -> Result<Reply, Status> {
    let walk = cx.session.take_walk(cx.channel, cx.now);
    let Some((Walk::Assertions(mut assertions), authorized)) = walk else {
        return Err(Status::NotAllowed); // GA-50, GA-52
    };
    let reply = assertions.next(None, cx)?.ok_or(Status::NotAllowed)?; // GA-51
    if assertions.has_more() {
        cx.session.continue_with(Walk::Assertions(assertions), cx.channel, authorized, cx.now); // GA-56
    }
    Ok(Reply::map(&reply))
}
