"""A key like each model of FIDO's metadata service, and what clients make of it: a line of a table for each."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import bus
import libfido2
import python_fido2
import suite
from fido2.ctap2 import Ctap2
from keyfob import Keyfob

PIN = "24681357"
WELL = "yes"

# What changes while a key is used: a statement has it as it was on some day.
STATE = {
    "encCredStoreState",
    "encIdentifier",
    "forcePINChange",
    "longTouchForReset",
    "minPINLength",
    "remainingDiscoverableCredentials",
    "uvCountSinceLastPinEntry",
}
BESIDE = {"pinRetries", "powerCycleState"}  # what `keyfob info` tells beside getInfo
STATE_OPTIONS = {"alwaysUv", "bioEnroll", "clientPin", "ep", "uv", "userVerificationMgmtPreview"}

# The lines of a profile that tell what a key is called.
CALLED = ("aaguid = ", "description = ", "firmwareVersion = ", "imitates = ")

ALGORITHMS = {
    -7: "ES256",
    -8: "EdDSA",
    -35: "ES384",
    -36: "ES512",
    -37: "PS256",
    -49: "ML-DSA-65",
    -257: "RS256",
    -65535: "RS1",
}
# What a key like a model says and does not do, and why.
ONLY_SAID = {
    -54: "a number of its maker's own, which nothing public explains",
    -65535: "it signs SHA-1 digests, which no relying party should take",
    "devicePubKey": "withdrawn from WebAuthn before it was finished",
    "enterpriseAttestation": "no extension: the standard has it as the option `ep`",
    "exts": "WebAuthn dropped it after Level 1; it is of no use to a site",
    "loc": "WebAuthn dropped it after Level 1; the key has no place",
    "txAuthSimple": "WebAuthn dropped it after Level 1; it takes a display",
}

ANNOUNCED = """
## What they announce

How many of the {fido2} FIDO2 models tell each algorithm and extension, and whether a key like them has it. What it only says, it passes over when it is asked.

| algorithm or extension | models | has it |
|---|---|---|
"""

BROWSERS = "\n## In browsers\n"  # where the part of browsers.py begins

PAGE = """# Keys like the models

Made by `./dev models` from number {number} of FIDO's metadata, with {versions}: of each model that [`--like`](models.md) can be told, whether such a
key starts, whether its getInfo is what the metadata says, member by member and in order, but for what changes while a key is used, and whether two
clients register with it and sign in, with a PIN where it can have one; and how many cases of [the suite](conformance.md) it passes, where the others do
not apply to it. **{starts} of {models} start, {same} of {fido2} say what their model says, {python} register with python-fido2, {libfido2} with libfido2,
{conform} conform.**

| model | known by | starts | the same getInfo | python-fido2 | libfido2 | the suite |
|---|---|---|---|---|---|---|
"""


def main():
    options = arguments()
    Keyfob.program = options.keyfob
    bus.choose("usbip")
    models = chosen(options.words)[:: options.every]
    with ProcessPoolExecutor(2, initializer=prepare, initargs=(options.keyfob,)) as two:
        found = in_suite(models, two)
        clients = two.map(heading if options.suite else by_clients, models)
        lines = [[*line, cell] for line, (cell, _) in zip(clients, found)]
    for line in lines:
        if set(line[2:-1]) - {WELL, "–"} or not line[-1].isdecimal():
            print(" | ".join(line))
    print("\n".join(suite.by_case([(line[0], failed) for line, (_, failed) in zip(lines, found)])))
    count = counted(lines)
    if not options.suite:
        print(f"{count[2]} start, {count[3]} are the same, {count[4]} with python-fido2, {count[5]} with libfido2")
    print(f"{count[-1]} of {len(lines)} models conform")
    if options.page:
        lines = beside_the_clients(options.page, lines) if options.suite else lines
        write(options.page, models, lines, counted(lines))
    return 0 if count[-1] == len(lines) and (options.suite or count[2] == len(lines)) else 1


def counted(lines):
    """For each column how many cells say that it went well."""
    return [*(sum(line[column] == WELL for line in lines) for column in range(len(lines[0]) - 1)), sum(line[-1].isdecimal() for line in lines)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keyfob", required=True, metavar="FILE", help="the program under test")
    parser.add_argument("--page", metavar="FILE", help="where the table goes")
    parser.add_argument("--suite", action="store_true", help="nothing but the conformance suite")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="not all of them: the first, and each Nth after it")
    parser.add_argument("words", nargs="*", metavar="WORD", help="words of the names of models; without, all")
    return parser.parse_args()


def prepare(program):
    """In each process: a host of its own."""
    Keyfob.program = program
    bus.choose("usbip")


def chosen(words):
    """The models, as `keyfob models list --json` has them; one has no getInfo, and nothing can be like it."""
    command = ["search", *words] if words else ["list"]
    asked = subprocess.run([Keyfob.program, "models", *command, "--json"], capture_output=True)
    if asked.returncode:  # once more, for people
        sys.exit(subprocess.run([Keyfob.program, "models", *command]).returncode)
    return [model for model in json.loads(asked.stdout) if model["protocolFamily"] == "u2f" or model["versions"]]


def keyfob(*words):
    return subprocess.run([Keyfob.program, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def by_clients(model):
    """A line of the table but for the suite: each client has a new key, which the other has not used."""
    line = heading(model)
    number, has_aaguid = line[1], "aaguid" in model
    with profile_like(number, has_aaguid) as profile:
        attempts = [attempt(number, judge, profile) for judge in (starts, same, with_python_fido2, with_libfido2)]
    return [*line, *(attempts if has_aaguid else [attempts[0], "–", *attempts[2:]])]


def in_suite(models, two):
    """For each model a cell, and what failed of it. Keys that differ in nothing but what they are called are judged once."""
    kinds = list(two.map(kind_of, models))
    first = {kind: heading(model)[1] for kind, model in zip(reversed(kinds), reversed(models))}
    print(f"the suite judges {len(first)} kinds of keys like {len(models)} models", flush=True)
    found = dict(zip(first, two.map(by_suite, first.values())))
    return [found[kind] for kind in kinds]


def kind_of(model):
    """A profile, but for what such a key is called and for what stands there in comments."""
    lines = keyfob("models", "profile", heading(model)[1]).decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith(("#", *CALLED)))


def by_suite(number):
    try:
        passed, failed = suite.judged("--like", number)
        return suite.told(passed, failed), failed
    except Exception as error:  # as below
        return shown(error), {}


def heading(model):
    return [model["description"].replace("|", "\\|"), model.get("aaguid") or model["attestationCertificateKeyIdentifiers"][0]]


@contextmanager
def profile_like(number, has_aaguid):
    """A file with the profile of a key like this model, which says that it is it where models say so."""
    claim = ["--with-its-aaguid"] if has_aaguid else []
    with tempfile.NamedTemporaryFile("wb", suffix=".toml") as profile:
        profile.write(keyfob("models", "profile", number, *claim))
        profile.flush()
        yield profile.name


@contextmanager
def served_like(number, has_aaguid):
    """A new key like this model, for a host to import."""
    with profile_like(number, has_aaguid) as profile, served(profile) as key:
        yield key


def served(profile):
    return Keyfob("serve", "--profile", profile, "--touch", "auto")


def attempt(number, judge, profile):
    """What `judge` says of a new key of this kind; or the last line of what went wrong."""
    try:
        with served(profile) as key:
            return judge(key, number) or WELL
    except Exception as error:  # whatever it is, the table says so
        return shown(error)


@contextmanager
def plugged():
    """The key's device node."""
    bus.attach()
    try:
        yield bus.await_node()
    finally:
        bus.detach()


def shown(error):
    lines = [line for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(r"/tmp/\S+", "…", lines[-1]).replace("|", "\\|")[:120]


@cache
def blob():
    """FIDO's metadata."""
    return json.loads(Path(os.environ["KEYFOB_METADATA"]).read_text(encoding="utf-8"))


def starts(_key, _number):
    """A host can have it."""
    with plugged():
        pass


def same(key, number):
    told = json.loads(key.type("info", "--json").must_succeed())
    (stated,) = (entry["metadataStatement"]["authenticatorGetInfo"] for entry in blob()["entries"] if entry.get("aaguid") == number)
    return ", ".join(sorted(differing(stated, told)))


def with_python_fido2(_key, _number):
    with plugged() as node, python_fido2.opened(libfido2.Device(node)) as hid:
        browser = python_fido2.Browser(hid, given_pin(hid))
        browser.sign_in(browser.register())


def given_pin(hid):
    """The PIN that a key has from now on; `None`: it can have none."""
    info = Ctap2(hid).info if has_ctap2(hid) else None
    if info is None or "clientPin" not in info.options or not info.pin_uv_protocols:
        return None
    python_fido2.Platform(hid).pin.set_pin(PIN)
    return PIN


def has_ctap2(hid):
    return bool(hid.capabilities & 4)


def with_libfido2(_key, _number):
    with plugged() as node:
        device = libfido2.Device(node)
        told = device.token("-I").output
        options = device.options() if "options: " in told else []
        pin = PIN if {"clientPin", "noclientPin"} & set(options) else ""
        if pin:
            device.set_pin(pin)
        # fido2-assert asks for a PIN only where it is told that the user is to be verified.
        device.sign(device.register(pin=pin), "-p -v" if "alwaysUv" in options else "-p", pin=pin)


def differing(stated, told):
    """The names of members that differ; what only changes does not count where both have it."""
    stated, told = ({name: value for name, value in info.items() if name not in BESIDE} for info in (stated, told))
    options = stated.pop("options", {}), told.pop("options", {})
    yield from _differing(stated, told, STATE)
    for name in _differing(*options, STATE_OPTIONS):
        yield f"options.{name}"


def _differing(stated, told, state):
    for name in stated.keys() | told.keys():
        is_state = name in state and name in stated and name in told
        if not is_state and plain(name, stated.get(name)) != plain(name, told.get(name)):
            yield name


def plain(name, value):
    """Statements have this address in hexadecimal, and some an AAGUID with hyphens."""
    if name == "aaguid":
        return value.replace("-", "").lower()
    if name == "pinComplexityPolicyURL" and isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})+", value):
        return bytes.fromhex(value).decode()
    return value


def beside_the_clients(path, lines):
    """Lines of the suite alone, behind what the page tells of the same models."""
    rows = [re.split(r"(?<!\\) \| ", row[2:-2]) for row in Path(path).read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    told = {row[1]: row[: PAGE.count("---|") - 1] for row in reversed(rows)}  # further down some stand again, with browsers
    return [[*told[number], cell] for _, number, cell in lines]


def write(path, models, lines, count):
    told = PAGE.format(
        number=blob()["no"],
        versions=bus.versions().partition(", ")[2].replace(", ", " and "),
        models=len(lines),
        fido2=sum("aaguid" in model for model in models),
        starts=count[2],
        same=count[3],
        python=count[4],
        libfido2=count[5],
        conform=count[6],
    )
    write_part(path, told + "".join(f"| {' | '.join(line)} |\n" for line in lines) + announced())


def announced():
    """The table of all algorithms and extensions."""
    infos = [entry["metadataStatement"].get("authenticatorGetInfo", {}) for entry in blob()["entries"]]
    algorithms = Counter(one["alg"] for info in infos for one in info.get("algorithms", []))
    extensions = Counter(name for info in infos for name in info.get("extensions", []))
    lines = [
        f"| {f'{ALGORITHMS[told]} ({told})' if told in ALGORITHMS else told} | {count} | {only_said(told)} |\n"
        for told, count in [*algorithms.most_common(), *extensions.most_common()]
    ]
    return ANNOUNCED.format(fido2=sum(map(bool, infos))) + "".join(lines)


def only_said(told):
    return f"no: {ONLY_SAID[told]}" if told in ONLY_SAID else WELL


def write_part(path, text):
    """Put a part of the page in the place of the one before; the other part stays."""
    page = Path(path)
    clients, mark, browsers = page.read_text(encoding="utf-8").partition(BROWSERS)
    page.write_text(clients + text if text.startswith(BROWSERS) else text + mark + browsers, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
