//! Answers to a U2F client. Such a client does not wait for a touch, but sends its request again and again
//! ([`touches`](crate::touches)).

use core::time::Duration;

use super::{Authenticator, Platform, Response, Step};
use crate::channel::Channel;
use crate::commands::u2f;
use crate::consent::{Evidence, UserPresent};
use crate::taps::Presence;
use crate::touches::Touch;
use crate::transport::Transport;

impl Authenticator {
    /// Runs one U2F message, an APDU (CTAP 2.3 section 7, UF-01 to UF-62).
    ///
    /// A request that needs a touch waits [`U2F_PATIENCE`](crate::limits::U2F_PATIENCE) for it; then the answer is
    /// `6985`. The prompt stays open. The same request, sent again on the same channel, gets the touch. Other
    /// messages do not close the prompt.
    pub fn handle_u2f(
        &mut self,
        channel: Channel,
        apdu: &[u8],
        platform: &mut Platform<'_>,
    ) -> Step {
        if self.is_busy() {
            return ask_again(channel);
        }
        self.session.drop_walk(); // UF-58
        let u2f::Judged { request, silent } =
            match u2f::check(apdu, &self.context(channel, platform)) {
                Ok(judged) => judged,
                Err(message) => return Step::Reply(Response { channel, message }),
            };
        if let Some(silent) = silent {
            let evidence = Evidence::of_silence(silent, None).told_with(self.overrides);
            return self.finish_u2f(channel, &request, &evidence, platform);
        }
        match self.session.touches.spend(channel, &request, platform.now) {
            Some(present) => {
                let evidence = Evidence::of_presence(present, None).told_with(self.overrides);
                self.finish_u2f(channel, &request, &evidence, platform)
            }
            None if self.session.transport == Transport::Nfc => {
                self.look_at_tap(channel, &request, platform)
            }
            None => self.ask_for_touch(channel, request, platform.now),
        }
    }

    /// Over NFC the tap decides at once, and nobody is asked (NF-40, UF-22).
    fn look_at_tap(
        &mut self,
        channel: Channel,
        request: &u2f::Request,
        platform: &mut Platform<'_>,
    ) -> Step {
        let Presence::Tapped(present) = self.taps.presence(platform.now) else {
            return ask_again(channel);
        };
        if !request.is_dummy() {
            self.taps.spend(); // NF-41, UF-40, UF-62
        }
        let evidence = Evidence::of_presence(present, None).told_with(self.overrides);
        self.finish_u2f(channel, request, &evidence, platform)
    }

    /// The U2F client waits, under the prompt of its request if that is open.
    fn ask_for_touch(&mut self, channel: Channel, request: u2f::Request, now: Duration) -> Step {
        if let Some((prompt, question)) = self.session.touches.ask_again(channel, &request, now) {
            return Step::Wait(prompt, question);
        }
        let (prompt, question) = (self.new_prompt(), request.question());
        self.session.touches.ask(Touch::new(prompt, channel, request, now));
        Step::Wait(prompt, question)
    }

    /// A touch, or a refusal, for a U2F client that waits right now, or will ask again.
    pub(super) fn decide_u2f(
        &mut self,
        touch: Touch,
        present: Option<UserPresent>,
        platform: &mut Platform<'_>,
    ) -> Step {
        let channel = touch.channel();
        match (present, touch.is_awaited()) {
            (Some(present), true) => {
                let evidence = Evidence::of_presence(present, None).told_with(self.overrides);
                self.finish_u2f(channel, touch.request(), &evidence, platform)
            }
            (Some(present), false) => {
                self.session.touches.keep(touch, present, platform.now);
                Step::Kept
            }
            (None, true) => ask_again(channel),
            (None, false) => Step::Kept,
        }
    }

    fn finish_u2f(
        &mut self,
        channel: Channel,
        request: &u2f::Request,
        evidence: &Evidence,
        platform: &mut Platform<'_>,
    ) -> Step {
        let message = u2f::commit(request, evidence, &mut self.context(channel, platform));
        Step::Reply(Response { channel, message })
    }
}

/// No touch yet: a U2F client asks again.
fn ask_again(channel: Channel) -> Step {
    Step::Reply(Response { channel, message: u2f::ASK_AGAIN.to_vec() })
}
