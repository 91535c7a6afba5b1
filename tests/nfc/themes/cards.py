"""A key as a card on a reader: real pcscd, real clients."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import bus
from card_reader import card_reader, free_ports
from keyfob import Keyfob
from libfido2 import Device
from phrases import PIN, USER_PRESENT, USER_VERIFIED, set_pin
from places import takes_long
from plain_socket import plain_socket
from programs import ended, run, start
from report import measured, note

HERE = Path(__file__).parents[1]
DEVICE = "--device", "pcsc:"
PROFILES = "default", "bio", "fido2.0"
# In which most goes back and forth.
BUSY_CHAPTERS = "ctaphid make_credential get_assertion u2f get_next_assertion reset".split()
# In which a power cycle must let a PIN be tried again; behind the bridge a tap alone does (docs/conformance-reference.md), and vpcd takes most
# of a second to see one.
CHAPTERS_OF_WRONG_PINS = ["client_pin_retries", "built_in_uv"]
PRESENT_AND_VERIFIED = USER_PRESENT | USER_VERIFIED
SECONDS_OF_A_SUITE = 900  # all chapters, and emulated kernels may run beside it


@contextmanager
def _card_on_a_reader(*options, touch="ask"):
    """The key, and the reader it lies on."""
    with card_reader() as reader, reader.card(*options, touch=touch) as card:
        reader.await_card()
        yield card, reader


@pytest.mark.parametrize("profile", PROFILES)
def a_card_is_found_and_conforms(profile):
    with _card_on_a_reader("--profile", profile, touch="auto") as (card, _):
        assert any(line.startswith("pcsc:") for line in card.type("list").must_succeed().splitlines())
        assert any(line.startswith("Versions:") for line in card.type("info", *DEVICE).must_succeed().splitlines())
        note(f"cases of {profile} on a card", _conforms(card, *DEVICE))


ALWAYS_UV = """extends = "default"
[options]
alwaysUv = true
makeCredUvNotRqd = false
"""


def a_card_that_has_nothing_but_u2f_conforms():
    with _card_on_a_reader("--profile", "u2f-only", touch="auto") as (card, _):
        note("cases of u2f-only on a card", _conforms(card, *DEVICE))


def a_card_that_always_verifies_its_person_conforms_in_what_only_cards_have(tmp_path):
    profile = tmp_path / "always.toml"
    profile.write_text(ALWAYS_UV)
    with _card_on_a_reader("--profile", str(profile), touch="auto") as (card, _):
        note("cases of a card with alwaysUv", _conforms(card, *DEVICE, "--filter", "nf-"))


def what_a_card_says_is_recorded_as_a_reader_hears_it(tmp_path):
    file = str(tmp_path / "card.pcapng")
    with _card_on_a_reader("--record", file, touch="auto") as (card, _):
        card.type("info", *DEVICE).must_succeed()
        steps = card.type("trace", file).must_succeed()
        for words in ["power on", "> SELECT", "> authenticatorGetInfo", "< CTAP2_OK versions"]:
            assert words in steps, f"{words}:\n{steps}"
        shown = run("tshark", "-r", file, environment={"PATH": "/usr/bin", "HOME": str(tmp_path)}).must_succeed()
    assert "ISO 14443 4 Field on" in shown and "I-block" in shown, shown


def a_recording_is_played_to_a_card_which_loses_its_power_where_the_recorded_one_did(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with Keyfob("serve", "--touch", "auto", "--record", file) as key:
        for _ in range(2):
            key.type("info", "--device", _behind(key)).must_succeed()
    with _card_on_a_reader(touch="auto") as (card, _):
        played = card.type("replay", file, *DEVICE)
        assert played.must_succeed().count("done      power cycle") == 1, played.output


def what_a_card_says_is_recorded_on_the_usb_side_of_the_bridge(tmp_path):
    file = str(tmp_path / "bridge.pcapng")
    with _card_on_a_reader(touch="auto") as (card, _), Keyfob("bridge", "--record", file) as bridge:
        card.type("info", "--device", _behind(bridge)).must_succeed()
        steps = card.type("trace", file).must_succeed()
    for words in ["plugged in", "> CTAPHID_INIT", "> authenticatorGetInfo", "< CTAP2_OK versions"]:
        assert words in steps, f"{words}:\n{steps}"


@pytest.mark.parametrize("profile", PROFILES)
def a_card_conforms_behind_the_bridge_in_what_goes_back_and_forth_most(profile):
    note(f"cases of {profile} behind the bridge", _conforms_behind_the_bridge(profile, BUSY_CHAPTERS))


@takes_long
@pytest.mark.timeout(2 * SECONDS_OF_A_SUITE)
@pytest.mark.parametrize("profile", PROFILES)
def a_card_conforms_behind_the_bridge(profile):
    all_chapters = (file.stem for file in (HERE.parents[1] / "crates/ctap-conformance/vectors").glob("*.toml"))
    chapters = [chapter for chapter in all_chapters if chapter not in CHAPTERS_OF_WRONG_PINS]
    note(f"all cases but those of wrong PINs, of {profile} behind the bridge", _conforms_behind_the_bridge(profile, chapters))
    wrong_pins = _conforms_behind_the_bridge(profile, CHAPTERS_OF_WRONG_PINS, is_tapped=True)
    note(f"cases of wrong PINs, of {profile} behind the bridge", wrong_pins)


def _conforms_behind_the_bridge(profile, chapters, is_tapped=False):
    filters = [word for chapter in chapters for word in ("--filter", chapter)]
    with _card_on_a_reader("--profile", profile, touch="auto") as (card, _):
        card.type("bridge", "--list").must_succeed()
        tapping = ["--power-cycle-cmd", f"{card.program} replug"] if is_tapped else []
        with Keyfob("bridge") as bridge:
            return _conforms(card, "--device", _behind(bridge), *tapping, *filters)


def _behind(bridge):
    """The key that a bridge shows, or a keyfob serves, over USB/IP, as --device takes it."""
    return "usbip:" + bridge.said.partition("listening on ")[2].split(",")[0]


def a_bridge_that_has_seen_no_card_yet_offers_no_device():
    with card_reader() as reader, reader.card("--away") as card:
        server = f"127.0.0.1:{free_ports()}"
        bridge = start(card.program, "bridge", "--listen", server)
        try:
            assert "waiting for a FIDO key on a reader" in bridge.stdout.readline()
            asked = time.monotonic()
            card.type("info", "--device", f"usbip:{server}").must_fail_with("lay a key on its reader")
            measured("until a bridge without a card said so", time.monotonic() - asked, "s", at_most=2)
            card.type("tap", "--on").must_succeed()
            assert f"listening on {server}" in bridge.stdout.readline()
            card.type("info", "--device", f"usbip:{server}").must_succeed()
        finally:
            bridge.terminate()
            ended(bridge)


def what_a_key_is_is_told_at_once_while_its_card_is_away():
    with _card_on_a_reader() as (card, reader), Keyfob("bridge") as bridge:
        set_pin(card, _behind(bridge))
        card.type("tap", "--off").must_succeed()
        reader.await_card(there=False)
        asked = time.monotonic()
        told = card.type("info", "--device", _behind(bridge)).must_succeed()
        assert "Set; lay the key on its reader" in told, told
        measured("until what a key behind the bridge is was told", time.monotonic() - asked, "s", at_most=10)


def who_waits_for_a_key_behind_the_bridge_is_told_to_lay_it_on_its_reader(tmp_path):
    file = str(tmp_path / "key.pcapng")
    with Keyfob("serve", "--touch", "auto", "--record", file) as key:
        key.type("select", "--device", _behind(key)).must_succeed()
    with _card_on_a_reader() as (card, reader), Keyfob("bridge") as bridge:
        for command in ["select"], ["replay", file], ["reset", "--force"]:
            card.type("tap", "--off").must_succeed()
            reader.await_card(there=False)
            waiting = start(card.program, *command, "--device", _behind(bridge), environment=card.environment)
            told = waiting.stdout.readline()
            assert told.startswith("Lay the key on its reader"), told
            card.type("tap", "--on").must_succeed()
            ended(waiting).must_succeed()


@pytest.mark.parametrize("gesture", ["tap", "tap twice"])
def a_card_is_erased_after_the_gesture_of_its_make_and_after_no_other(gesture, tmp_path):
    profile = tmp_path / "gesture.toml"
    profile.write_text(f'[reset]\nnfc = "{gesture}"\n')
    reset = "reset", "--force", *DEVICE
    with _card_on_a_reader("--profile", str(profile)) as (card, _):
        set_pin(card, "pcsc:")
        time.sleep(10)  # the tap was too long ago
        card.type(*reset).must_fail_with("keyfob tap")
        if gesture == "tap twice":
            card.type("tap").must_succeed()
            card.type(*reset).must_fail_with("keyfob tap --twice")
            assert "8 attempts remaining" in card.type("info", *DEVICE).must_succeed()
        card.type("tap", *["--twice"] * (gesture == "tap twice")).must_succeed()
        card.type(*reset).must_succeed()
        assert "Not set" in card.type("info", *DEVICE).must_succeed()


def wrong_pins_count_however_often_a_bridge_is_left_or_begun_anew():
    def tries(bridge, pin):
        listing = card.program, "credentials", "list", "--device", _behind(bridge)
        return run(*listing, typed=f"{pin}\n", environment=card.environment)

    with _card_on_a_reader() as (card, reader):
        with Keyfob("bridge") as bridge:
            set_pin(card, _behind(bridge))
            for _ in range(8):  # each is an import of its own, and takes the card's power
                tries(bridge, "1234").must_fail_with("PIN")
        with Keyfob("bridge") as bridge:
            tries(bridge, PIN).must_fail_with("0x34")
            card.type("replug").must_succeed()
            tries(bridge, PIN).must_succeed()


def a_card_that_wants_a_tap_for_each_request_gets_it_from_its_keyfob_or_by_a_command():
    with _card_on_a_reader() as (card, _):
        registrations = *DEVICE, "--filter", "nf-make-credential"
        note("registrations, tapped by the card's keyfob", _conforms(card, *registrations))
        tapping = "--control", "/nobody/there", "--touch-cmd", f"{card.program} tap"
        note("registrations, tapped by a command", _conforms(card, *registrations, *tapping))


def a_card_is_told_of_where_a_key_is_looked_for():
    with _card_on_a_reader() as (card, _):
        card.type("info").must_fail_with("--device pcsc:")
        assert "pcsc:Reader for tests" in card.type("status").must_succeed()
        card.type("fault", "add", "silence").must_fail_with("docs/faults.md")


def _conforms(card, *options):
    """The suite's last line; it finds the card's control socket."""
    suite = [card.program, "conform", "--yes-erase-this-key", *options]
    judged = subprocess.run(
        suite, env=card.environment, capture_output=True, text=True, timeout=SECONDS_OF_A_SUITE, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    return judged.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "version, mode",
    [("0.9.1", ""), ("1.2.0", ""), ("2.2.1", ""), ("2.2.1", "extended"), ("2.2.1", "unpolled")],
)
def python_fido2_registers_signs_in_and_looks_after_a_card(version, mode):
    with _card_on_a_reader():
        seen = _life(version, mode)
    note(f"a registration by python-fido2 {version} {mode}", _told(seen.pop("registration")))
    assert seen == {"flags": PRESENT_AND_VERIFIED, "listed": ["Alice"], "blob": True, "u2f": True}


def a_registration_takes_a_tenth_of_the_time_that_a_plain_socket_needs():
    with card_reader() as reader:
        with reader.card():
            reader.await_card()
            quick = _life("2.2.1")["registration"]
        reader.await_card(there=False)
        with plain_socket(reader.port) as port, reader.card(port=port):
            reader.await_card()
            plain = _life("2.2.1")["registration"]
    note("a registration over a plain socket", _told(plain))
    note("a registration", _told(quick))
    measured("which is of that", quick["milliseconds"] / plain["milliseconds"], "times", at_most=0.1)


def _told(registration):
    return f"{registration['apdus']} APDUs, {registration['milliseconds']} ms"


def _life(version, mode=""):
    """What python-fido2 of this version has seen."""
    python = subprocess.run([HERE / "pythons", version], check=True, capture_output=True, text=True).stdout.strip()
    imported = run(python, "-c", "import fido2.pcsc")
    if "PCSCContext" in imported.errors:
        pytest.skip(f"python-fido2 {version} cannot be imported with this system's pyscard")
    return json.loads(run(python, str(HERE / "life.py"), mode).must_succeed())


def a_tap_lays_the_card_on_the_reader_and_takes_it_off():
    with card_reader() as reader, reader.card("--away") as card:
        reader.await_card(there=False)
        tap = start(card.program, "tap", "--for", "2s", environment=card.environment)
        reader.await_card()
        ended(tap).must_succeed()
        reader.await_card(there=False)


def a_card_that_is_leaving_is_no_failure_of_its_reader():
    """pcscd sees that it is gone up to 0.4 s later, and has it for so long."""
    with _card_on_a_reader() as (card, reader):
        for question in ["list", "info"]:
            card.type("tap", "--off").must_succeed()
            card.type(question, *DEVICE).must_fail_with("no card is on")
            reader.await_card(there=False)
            card.type("tap", "--on").must_succeed()
            reader.await_card()
        card.type("tap", "--off").must_succeed()
        assert "FIDO" not in card.type("bridge", "--list").must_succeed()
        assert "no card is on:\n  pcsc:" in card.type("list").errors


def a_card_that_is_taken_away_in_the_middle_is_told_and_comes_back_whole():
    with _card_on_a_reader("--profile", "bio") as (card, reader):
        set_pin(card, "pcsc:")
        enrolling = start(card.program, "fingerprints", "add", "thumb", *DEVICE, typed=f"{PIN}\n", environment=card.environment)
        card.type("wait").must_succeed()
        card.type("tap", "--off").must_succeed()
        ended(enrolling).must_fail_with("next:")
        card.type("tap", "--on").must_succeed()
        reader.await_card()
        assert "PIN" in card.type("info", *DEVICE).must_succeed()


def a_virtual_authenticator_of_transport_nfc_is_a_card_that_a_browser_sees_as_a_usb_key():
    with card_reader() as reader, _webdriver(reader) as (ask, offers):
        authenticator = {"protocol": "ctap2_1", "transport": "nfc", "hasResidentKey": True}
        with ThreadPoolExecutor() as waiting:
            adding = waiting.submit(ask, "POST", "", authenticator)
            device = "--device", "usbip:" + next(offers)
            while not adding.done():  # a client comes and goes; the answer waits for the first
                assert "nfc" in run(Keyfob.program, "info", *device).must_succeed()
            (key,) = adding.result()
        assert reader.has_card()
        made = run(Keyfob.program, "webauthn", "create", "--origin", "https://example.org", *device, typed=_PASSKEY)
        assert json.loads(made.must_succeed())["response"]["transports"] == ["nfc"]
        ((told,),) = ask("GET", f"/{key}/credentials")
        assert told["rpId"] == "example.org" and told["isResidentCredential"]
        with pytest.raises(urllib.error.HTTPError, match="500"):
            ask("POST", "", {"protocol": "ctap2", "transport": "usb"})
        ask("DELETE", f"/{key}")
        reader.await_card(there=False)


_PASSKEY = json.dumps(
    {
        "challenge": "AAAA",
        "rp": {"id": "example.org", "name": "A site"},
        "user": {"id": "YWRh", "name": "ada", "displayName": "Ada"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "authenticatorSelection": {"residentKey": "required"},
    }
)


@contextmanager
def _webdriver(reader):
    """What asks a proxy for virtual authenticators, and where it offers their keys. Its driver begins a session and nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Driver) as driver:
        Thread(target=driver.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{driver.server_port}"
        words = ["--listen", "127.0.0.1:0", "--serve", "--vpcd", f"127.0.0.1:{reader.port}"]
        proxy = start(Keyfob.program, "webdriver", "--driver", place, *words)
        try:
            said = (line.partition("listening on ")[2].split(",")[0] for line in proxy.stdout if "listening on " in line)
            session = f"http://{next(said)}/session"
            urllib.request.urlopen(session, b"{}").close()

            def ask(method, path, members=None):
                body = json.dumps(members).encode() if members else None
                asked = urllib.request.Request(f"{session}/5e55/webauthn/authenticator{path}", body, method=method)
                with urllib.request.urlopen(asked) as answer:
                    return [json.load(answer)["value"]]

            yield ask, said
        finally:
            proxy.terminate()
            ended(proxy)
            driver.shutdown()


class _Driver(BaseHTTPRequestHandler):
    def _answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = json.dumps({"value": {"ready": True, "build": {}, "sessionId": "5e55", "capabilities": {}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer

    def log_message(self, *_):
        pass


def libfido2_uses_a_card_through_the_bridge():
    with _card_on_a_reader() as (card, _), Keyfob("bridge"):
        bus.attach()
        device = Device(bus.await_node())
        device.set_pin(PIN)
        credential = device.register(pin=PIN)
        card.type("tap").must_succeed()  # a touch for each
        device.sign(credential, pin=PIN)
        card.type("tap", "--off").must_succeed()
        asked = time.monotonic()
        assert "pin retries: undefined" in device.information()  # it asks three questions that only the card can answer
        measured("until fido2-token told what a key is whose card is away", time.monotonic() - asked, "s", at_most=5)
