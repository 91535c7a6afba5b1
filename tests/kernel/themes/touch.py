"""The touch: given, refused, given up."""

import signal
import time

from phrases import attach, registration_that_waits, serve, touched
from places import on_both
from programs import ended, eventually
from report import measured


def a_touch_lets_a_waiting_request_through():
    with serve(touch="ask") as key:
        client = attach().begin_to_register()
        touched(key, client, "").must_succeed()


@on_both
def a_refused_touch_is_told_to_the_client():
    with serve(touch="ask") as key:
        client = registration_that_waits(key, attach())
        key.type("deny").must_succeed()
        ended(client).must_fail_with("FIDO_ERR_OPERATION_DENIED")


@on_both
def an_interrupted_client_leaves_the_key_free_for_the_next():
    with serve(touch="ask") as key:
        device = attach()
        first = registration_that_waits(key, device)
        first.send_signal(signal.SIGINT)
        ended(first)
        interrupted = time.monotonic()
        eventually("the key asks no more", lambda: '"prompt":null' in key.type("status", "--json").must_succeed())
        # One second where the kernel takes its interrupt request back. Where it happened to have none out, the key
        # cannot know, and waits out the 30 s of the request.
        measured("client interrupted to key free", time.monotonic() - interrupted, "s", at_most=31)
        touched(key, device.begin_to_register(), "").must_succeed()
