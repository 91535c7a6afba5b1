"""What a person does with a browser, a key and the Security info page."""

from browser import patiently
from phrases import plugged_in
from website import PASSWORD

PIN = "correct horse"


def key_for(browser, *options, keys=1):
    """A key of the newest kind that the browser knows, or several, plugged in."""
    return plugged_in("--profile", browser.newest_profile, *options, keys=keys)


class Person:
    """Alice, at one browser, with one key."""

    kind = "usb"  # of key, as the page has them

    def __init__(self, browser, key, site, pin=PIN, name="alice"):
        self.browser, self.key, self.site, self.pin, self.name = browser, key, site, pin, name

    def signs_in_with_the_password(self):
        self.browser.open(f"{self.site.address}/sign-in")
        self.browser.fill("#user-name", self.name)
        self.browser.fill("#password", PASSWORD)
        self.browser.click("#sign-in")
        self.is_signed_in()

    def is_signed_in(self):
        assert self.browser.text("#account-name") == self.name

    def signs_out(self):
        self.browser.click("#sign-out")
        self.browser.await_element("#sign-in-with-key")

    def has_the_key_ready(self):
        """It is in its port."""

    def begins_to_add_a_key(self):
        self.has_the_key_ready()
        for element in ("#add-method", "#method-security-key", f"#kind-{self.kind}", "#create-key"):
            self.browser.click(element)

    def adds_a_key(self, name):
        self.begins_to_add_a_key()
        self.proves_who_they_are()
        self.lets_the_site_see_the_model()
        self.names_the_key(name)

    def names_the_key(self, name):
        self.browser.fill("#key-name", name)
        self.browser.click("#save-name")
        self.browser.await_text("#new-key-name", name)
        self.browser.click("#done")
        self.browser.await_text("[data-test=key-name]", name)

    def begins_to_sign_in_with_the_key_alone(self):
        self.has_the_key_ready()
        self.browser.open(f"{self.site.address}/sign-in")
        self.browser.click("#sign-in-with-key")

    def begins_to_sign_in_with_name_and_key(self):
        self.has_the_key_ready()
        self.browser.open(f"{self.site.address}/sign-in")
        self.browser.fill("#user-name", self.name)
        self.browser.click("#use-key")
        self.browser.await_text("#signing-in-as", self.name)
        self.browser.click("#sign-in-with-key")

    def deletes_the_key(self):
        self.browser.click("[data-test=delete]")
        self.browser.click("#confirm-delete")
        self.browser.await_element("#no-keys")

    # ---- Towards the browser's own prompts ----------------------------------------------------------------------------

    def chooses_a_pin(self):
        """Give a new key its PIN, as Chromium demands, and touch it."""
        self.browser.type_into_prompt(self.pin, self.pin)
        self.touches()

    def proves_who_they_are(self):
        """Type the PIN into the browser's prompt, and touch."""
        self.types_the_pin(self.pin)
        self.touches()

    def types_the_pin(self, pin):
        self.browser.type_into_prompt(pin)

    def lets_the_site_see_the_model(self):
        if self.browser.asks_before_the_site_sees_the_model:
            self.browser.press_in_prompt("Allow")

    def touches(self):
        self.browser.in_prompt("no more to ask than a touch", lambda: _touched(self.key))


class CardHolder(Person):
    """Alice, with a key that is a card. She taps the reader for each request, and leaves the card there: that is the touch."""

    kind = "nfc"

    def has_the_key_ready(self):
        self.key.type("tap").must_succeed()

    def touches(self):
        """There is nothing to touch."""


def touch(key, *which):
    """Touch the key once it asks for it. A browser may take a question back, and put it anew."""
    patiently("the key is touched", lambda: _touched(key, *which))


def _touched(key, *which):
    steps = ("wait", "--timeout", "10", *which), ("touch", *which)
    return all(key.type(*step).status == 0 for step in steps)
