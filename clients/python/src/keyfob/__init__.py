"""Steers a running keyfob, a virtual FIDO2 security key, over HTTP: waits for what it asks, touches it, refuses, changes it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlencode

KEY = "1-1"  # the bus id of the only key, or of the first one


class Refused(Exception):
    """What keyfob did not do: `error` for programs, `message` and `next` for people."""

    def __init__(self, status, told):
        self.status = status
        self.error, self.message, self.next = (told.get(name, "") for name in ("error", "message", "next"))
        super().__init__(f"{self.message} (next: {self.next})")


class NotStarted(Exception):
    """Why keyfob did not start: `message` says what was wrong, `next` what to do."""

    def __init__(self, message, next_step):
        self.message, self.next = message, next_step
        super().__init__(f"{message} (next: {next_step})")


class NoPrompt(Exception):
    """Nothing was asked in the time that was given."""


class Keyfob:
    """The client of a running keyfob at `address`, HOST:PORT, with the token in the file that it names when it starts."""

    def __init__(self, address, token):
        self._address, self._token = address, token

    def keys(self):
        """Every key, as `keyfob status --json` tells it."""
        return self._ask("GET", "/keys")["keys"]

    def metrics(self):
        """What was counted, in Prometheus' text format."""
        return self._begin("GET", "/metrics", None, patience=30).read().decode()

    def health(self):
        """Nothing; it fails where the server does not go on."""
        self._ask("GET", "/healthz")

    def wait_for_prompt(self, seconds=30, key=None):
        """What is asked now, or next, of this key or of any."""
        path = "/prompt" if key is None else f"/keys/{quote(key)}/prompt"
        prompt = self._ask("GET", f"{path}?{urlencode({'seconds': seconds})}", patience=seconds + 10)
        if prompt is None:
            raise NoPrompt(f"nothing was asked within {seconds} s")
        return prompt

    def touch(self, prompt):
        """Approve this prompt; on a fingerprint sensor, with the finger that fits."""
        self._answer("touch", prompt)

    def finger(self, prompt, number):
        """Place this finger."""
        self._answer("touch", prompt, sample={"finger": number})

    def bad_finger(self, prompt, kind="poor_quality"):
        """Place a finger so that the sensor cannot read it."""
        self._answer("touch", prompt, sample={"bad": kind})

    def deny(self, prompt):
        """Refuse this prompt."""
        self._answer("deny", prompt)

    def replug(self, key=KEY):
        """Unplug the key and plug it in again."""
        self._ask("POST", f"/keys/{quote(key)}/replug", patience=60)

    def tap(self, key=KEY, **members):
        """Tap the reader with a card, until it is off again: `times=1`, `milliseconds=3000`."""
        self._ask("POST", f"/keys/{quote(key)}/tap", members, patience=None)

    def lay_on(self, key=KEY):
        """Lay a card on its reader, and leave it there."""
        self._ask("POST", f"/keys/{quote(key)}/lay-on")

    def take_off(self, key=KEY):
        """Take a card off its reader."""
        self._ask("POST", f"/keys/{quote(key)}/take-off")

    def metadata(self, key=KEY, u2f=False):
        """The FIDO metadata statement of the key, or of its U2F side."""
        return self._ask("GET", f"/keys/{quote(key)}/metadata?u2f={str(u2f).lower()}")

    def profile(self, key=KEY):
        """What kind of key it is: the `name` of its profile, and all that it says."""
        return self._ask("GET", f"/keys/{quote(key)}/profile")

    def set_profile(self, profile, key=KEY):
        """Make it a key of another kind with the same memory, and plug it in again: a built-in profile, or the path of a file."""
        self._ask("PUT", f"/keys/{quote(key)}/profile", {"profile": profile}, patience=60)

    def credentials(self, key=KEY):
        """All that the key keeps, with private keys, in WebDriver's members."""
        found, total = [], 1
        while len(found) < total:
            told = self._ask("GET", f"/keys/{quote(key)}/credentials?{urlencode({'from': len(found)})}")
            total = told["total"] if told["credentials"] else 0
            found += told["credentials"]
        return found

    def add_credential(self, credential, key=KEY):
        """Add one, in the same members. The id of the passkey in whose place it came, or None."""
        return self._ask("POST", f"/keys/{quote(key)}/credentials", credential)["replaced"]

    def change_credential(self, identifier, key=KEY, **members):
        """Change `backupEligibility`, `backupState` or `signCount` of one, from its next assertion on."""
        self._ask("PATCH", f"/keys/{quote(key)}/credentials/{quote(identifier)}", members)

    def remove_credential(self, identifier, key=KEY):
        """Remove the one with this id, in base64url."""
        self._ask("DELETE", f"/keys/{quote(key)}/credentials/{quote(identifier)}")

    def remove_credentials(self, key=KEY):
        """Remove all of them."""
        self._ask("DELETE", f"/keys/{quote(key)}/credentials")

    def enroll_finger(self, number, key=KEY):
        """Enrol a finger, without a PIN."""
        self._ask("POST", f"/keys/{quote(key)}/fingers", {"finger": number})

    def remove_finger(self, number, key=KEY):
        """Remove an enrolled finger."""
        self._ask("DELETE", f"/keys/{quote(key)}/fingers?{urlencode({'finger': number})}")

    def set_policy(self, key=KEY, **members):
        """Say what becomes of questions from now on: `touch="auto"`, "ask" or "deny"."""
        self._ask("PUT", f"/keys/{quote(key)}/policy", members)

    def add_fault(self, key=KEY, **members):
        """Have the key do something wrong on purpose: `kind="busy"`, or `recipe="deaf-to-cancel"`, `requests=2`. The numbers of the faults."""
        return self._ask("POST", f"/keys/{quote(key)}/faults", members)["ids"]

    def faults(self, key=KEY):
        """What is wrong with the key on purpose: dicts with `id` and `fault`."""
        return self._ask("GET", f"/keys/{quote(key)}/faults")["faults"]

    def clear_faults(self, number=None, key=KEY):
        """Take away the fault of this number, or all."""
        which = f"?{urlencode({'fault': number})}" if number is not None else ""
        self._ask("DELETE", f"/keys/{quote(key)}/faults{which}")

    def events(self):
        """Pairs of a name and a dict, as things happen, until the connection ends."""
        response = self._begin("GET", "/events", None, patience=None)
        name = None
        for line in (line.decode().rstrip("\n") for line in response):
            if line.startswith("event: "):
                name = line[len("event: ") :]
            elif line.startswith("data: "):
                yield name, json.loads(line[len("data: ") :])

    def _answer(self, how, prompt, **members):
        self._ask("POST", f"/keys/{quote(prompt['key'])}/{how}", {"prompt": prompt["id"], **members})

    def _ask(self, method, path, body=None, patience=30):
        response = self._begin(method, path, body, patience)
        text = response.read()
        return json.loads(text) if text else None

    def _begin(self, method, path, body, patience):
        connection = http.client.HTTPConnection(self._address, timeout=patience)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, body=text, headers={"Authorization": f"Bearer {self._token}"})
        response = connection.getresponse()
        if response.status >= 400:
            raise Refused(response.status, json.loads(response.read() or b"{}"))
        return response


@contextmanager
def start(*command, program="keyfob"):
    """A keyfob of one's own, such as `start("attach", "--profile", "bio")`, steered and with nothing on it; it ends in the end.

    What it says when it starts, such as where it listens, is in the client's `said`. Raises `NotStarted`, with keyfob's own words."""
    with tempfile.TemporaryDirectory(prefix="keyfob-") as home:
        always = ["--ephemeral", "--until-stdin-closes", "--http", "127.0.0.1:0"]
        environment = dict(os.environ, HOME=home, XDG_RUNTIME_DIR=home)
        environment.pop("KEYFOB_CONTROL", None)
        with _Program([program, *command, *always], environment) as running:
            yield _steered(running, is_attached="attach" in command)


@contextmanager
def webdriver(driver="chromedriver", *options, program="keyfob"):
    """`keyfob webdriver` before a driver, a program or the URL of one that runs: where it listens, HOST:PORT; it ends in the end.

    Raises `NotStarted`, with keyfob's own words."""
    words = ["webdriver", "--driver", driver, "--listen", "127.0.0.1:0", *options]
    with _Program([program, *words]) as running:
        try:
            yield _listening(running)
        finally:
            running.process.send_signal(signal.SIGTERM)


class _Program:
    """A program that runs, and what it says; it ends in the end."""

    def __init__(self, words, environment=None):
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        try:
            self.process = subprocess.Popen(words, env=environment, text=True, **pipes)
        except OSError as error:
            what = f"cannot start {words[0]}: {error.strerror}"
            raise NotStarted(what, "install keyfob, or name the program: --keyfob-program, or program=") from None
        self._errors = []
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self._hearing.join(timeout=30)
        self.process.stdout.close()

    def _hear(self):
        """What it warns of is for whoever runs the test, too."""
        for line in self.process.stderr:
            self._errors.append(line)
            sys.stderr.write(line)
            if "is plugged in, but " in line:
                self.process.terminate()  # nobody finds that key

    def not_started(self):
        """Why it ended, in its own words: its last two lines, `keyfob: ...` and `next: ...`."""
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self._hearing.join(timeout=30)
        what, _, further = "".join(self._errors).strip().rpartition("\nnext: ")
        if not what:
            return NotStarted(further or f"keyfob ended with {self.process.returncode}", "run the same words on a terminal")
        return NotStarted(("\n" + what).rpartition("\nkeyfob: ")[2], further)


def _listening(running):
    for line in running.process.stdout:
        if line.startswith("listening on ") and ", in front of " in line:
            # Nobody may wait for a reader.
            threading.Thread(target=_drain, args=[running.process.stdout], daemon=True).start()
            return line[len("listening on ") :].split(",")[0]
    raise running.not_started()


def _drain(stream):
    with suppress(ValueError):  # closed meanwhile
        for _ in stream:
            pass


def _steered(running, is_attached):
    """The client, when the key says where it is steered and, if it is to be on this machine, that it is attached."""
    said, client = [], None
    for line in running.process.stdout:
        said.append(line.rstrip("\n"))
        if line.startswith("steered at http://"):
            address, file = line[len("steered at http://") :].strip().split(" with the token in ")
            with open(file, encoding="ascii") as token:
                client = Keyfob(address, token.read().strip())
        if client and (not is_attached or any(words.startswith("attached ") for words in said)):
            client.said = said
            return client
    raise running.not_started()
