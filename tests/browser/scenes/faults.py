"""A key that does on purpose what real keys were seen to do: what the browser makes of it is what docs/faults.md tells."""

import time

from fault_table import of_recipes
from phrases import plugged_in
from website import relying_party

ASKS_AGAIN = "Insert your security key"
LONG = 5  # seconds after which the dialog counts as what the browser has to say


def recipes_are_taken_as_the_document_tells(browser):
    told = of_recipes(type(browser).__name__)
    assert len(told) > 5, told
    assert {recipe: _outcome_of_registering(browser, recipe) for recipe in told} == told


def _outcome_of_registering(browser, recipe):
    key = plugged_in("--profile", browser.newest_profile, "--touch", "auto")
    with key, relying_party(browser) as page:
        key.type("fault", "add", recipe).must_succeed()
        page.begin_to_register()
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            if outcome := browser.evaluate("outcome"):
                return outcome.get("error", "registers")
            time.sleep(0.2)
        browser.await_prompt(ASKS_AGAIN)
        browser.evaluate("stop.abort()")
        return "asks again"
