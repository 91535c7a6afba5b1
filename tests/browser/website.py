"""The two sites that the browsers visit: the Security info page, and an empty page for ceremonies of one's own."""

import json
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fido2.server import Fido2Server
from fido2.utils import websafe_encode

import programs
from programs import start

PASSWORD = "correct-horse"


class SecurityInfo:
    """A running security-info with the accounts of alice and bob."""

    program = ""  # the path of the program; set once, at the start

    def __enter__(self):
        accounts = [f"--demo-account={name}:{PASSWORD}" for name in ("alice", "bob")]
        self._process = start(self.program, "--listen=127.0.0.1:0", *accounts)
        self.address = self._told_address()
        return self

    def _told_address(self):
        for line in self._process.stdout:
            if "http://" in line:
                return line[line.index("http://") :].split()[0].rstrip("/")
        raise AssertionError("security-info ended without telling its address")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=programs.PATIENCE)


class RelyingParty:
    """A site whose page does nothing but pass ceremonies on; python-fido2 asks, and judges the answers."""

    def __init__(self, browser, address):
        self._browser = browser
        self._server = Fido2Server({"id": "localhost", "name": "A page"}, verify_origin=lambda origin: origin == address)
        self._state = None
        browser.open(address)

    def begin_to_register(
        self, without=(), verified=False, discoverable=False, attachment="cross-platform", extensions=None, **members
    ):
        """Ask the browser for a credential, in the background."""
        options, self._state = self._server.register_begin(
            {"id": b"Alice", "name": "Alice", "displayName": "Alice"},
            [credential for credential in without],
            resident_key_requirement="required" if discoverable else "discouraged",
            user_verification="required" if verified else "discouraged",
            authenticator_attachment=attachment,
            extensions=extensions,
        )
        self._begin("create", options, members)

    def registered(self):
        """The credential that came of it, verified, and what the extensions told."""
        answer = self.answer()
        data = self._server.register_complete(self._state, answer)
        return data.credential_data, data, answer["clientExtensionResults"]

    def begin_to_sign_in(self, credentials=None, verified=False, extensions=None, **members):
        """Ask the browser for an assertion, in the background."""
        options, self._state = self._server.authenticate_begin(
            credentials, "required" if verified else "discouraged", extensions=extensions
        )
        self._begin("get", options, members)

    def signed_in(self, credentials):
        """What the extensions told at a sign-in with one of the credentials, which was verified."""
        answer = self.answer()
        self._server.authenticate_complete(self._state, credentials, answer)
        return answer["clientExtensionResults"]

    def answer(self):
        """What the browser gave the page; nobody was refused."""
        outcome = self._browser.awaited("outcome")
        assert "error" not in outcome, outcome
        return outcome

    def refusal(self):
        """The name of the error that the browser gave the page."""
        return self._browser.awaited("outcome")["error"]

    def _begin(self, ceremony, options, members):
        asked = {**options}["publicKey"] | {"hints": ["security-key"]} | members
        self._browser.evaluate(f"void ask({json.dumps(ceremony)}, {json.dumps(asked, default=websafe_encode)})")


@contextmanager
def relying_party(browser):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield RelyingParty(browser, f"http://localhost:{server.server_port}")
    finally:
        server.shutdown()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(Path(__file__).with_name("page.html").read_bytes())

    def log_message(self, *_):
        """Nothing: what browsers fetch is no news."""
