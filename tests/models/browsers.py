"""A key like each of twenty models of FIDO's metadata service, and what Chromium and Firefox make of it: a line of a table for each."""

import argparse
import resource
import sys
from collections import Counter, namedtuple
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import bus
import models
import programs
import python_fido2
from browser import Browser, Refused, patiently
from chromium import Chromium
from firefox import Firefox
from keyfob import Keyfob
from libfido2 import Device
from website import relying_party

SAMPLE = 20
CAPTURED = "Your fingerprint was captured"
BROWSERS = [Chromium, Firefox]

PAGE = (
    models.BROWSERS
    + """
Made by `./dev models --browsers` with {versions}: {count} models, chosen so that every set of versions, every option with every value that it has, every
algorithm, every preferred one and every extension is among them that any model tells. Each browser registers with a new key at a page that offers
all algorithms, and signs in there; with a PIN where the key can have one, and the page asks for it then. What is written behind "yes" is what the credential signs with, where that is not
ES256. **{registered}.**

| model | known by | versions | Chromium | Firefox |
|---|---|---|---|---|
"""
)


def main():
    options = arguments()
    Keyfob.program, Browser.artefacts = options.keyfob, Path(options.artefacts)
    chosen = sample(models.chosen(options.words))
    with ProcessPoolExecutor(2, initializer=prepare, initargs=(options,)) as two:
        columns = list(two.map(of_browser, [kind.__name__ for kind in BROWSERS], [chosen] * len(BROWSERS)))
    lines = [[*named(model), *made] for model, *made in zip(chosen, *(column.made for column in columns))]
    for line in lines:
        print(" | ".join(line), flush=True)
    if options.page:
        models.write_part(options.page, page(columns, lines))
    return 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keyfob", required=True, metavar="FILE", help="the program under test")
    parser.add_argument("--page", metavar="FILE", help="where the table goes")
    parser.add_argument("--artefacts", required=True, metavar="FOLDER", help="where the browsers' own words go")
    parser.add_argument("words", nargs="*", metavar="WORD", help="words of the names of models; without, all")
    return parser.parse_args()


def prepare(options):
    """In each process: a host of its own, and a browser."""
    models.prepare(options.keyfob)
    Browser.artefacts = Path(options.artefacts)
    programs.PATIENCE = 60  # seconds, for a browser that starts
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))  # Chromium gives up with fewer files


# ---- Which models ---------------------------------------------------------------------------------------------------


def sample(listed):
    """Each time the model that tells most of what none before it told; then one with the options that most have."""
    told = {number_of(model): traits(model) for model in listed}
    common = Counter(options for _, options in told.values())
    seen, chosen, left = set(), [], list(listed)

    def news(model):
        pieces, options = told[number_of(model)]
        return len(pieces - seen), 0 if options in seen else common[options]

    while left and len(chosen) < SAMPLE:
        best = max(left, key=news)
        pieces, options = told[number_of(best)]
        seen |= pieces | {options}
        chosen.append(best)
        left.remove(best)
    return chosen


def traits(model):
    """What a model tells, piece by piece, and its options as a whole."""
    info = info_of(number_of(model))
    options, algorithms = info.get("options", {}), [one["alg"] for one in info.get("algorithms", [])]
    pieces = {("versions", *sorted(info.get("versions", [])))} | {("option", *option) for option in options.items()}
    pieces |= {("algorithm", number) for number in algorithms} | {("preferred", number) for number in algorithms[:1]}
    pieces |= {("extension", name) for name in info.get("extensions", [])}
    return pieces, ("options", *sorted(options.items()))


def info_of(number):
    """A model's getInfo; one of U2F has none."""
    for entry in models.blob()["entries"]:
        if entry.get("aaguid") == number:
            return entry["metadataStatement"].get("authenticatorGetInfo", {})
    return {}


def number_of(model):
    return model.get("aaguid") or model["attestationCertificateKeyIdentifiers"][0]


def named(model):
    versions = info_of(number_of(model)).get("versions", ["U2F_V2"])
    return [model["description"].replace("|", "\\|"), number_of(model), ", ".join(versions)]


# ---- What a browser makes of them -----------------------------------------------------------------------------------

Column = namedtuple("Column", "version made")


def of_browser(kind, chosen):
    """A column of the table."""
    (wanted,) = (browser for browser in BROWSERS if browser.__name__ == kind)
    program = {"Chromium": "chromium", "Firefox": "firefox-esr"}[kind]
    version = programs.run(program, "--version").output.strip()
    browser = wanted.running()
    programs.PATIENCE = 40  # for a key with a sensor, whose first finger Chromium has it learn
    try:
        return Column(version, [judged(browser, model) for model in chosen])
    finally:
        Browser.end_all()


def judged(browser, model):
    number = number_of(model)
    try:
        with models.served_like(number, bool(model.get("aaguid"))), models.plugged() as node, relying_party(browser) as page:
            return registers_and_signs_in(browser, page, given_pin(node))
    except Exception as error:  # whatever it is, the table says so
        return models.shown(error)


def given_pin(node):
    with python_fido2.opened(Device(node)) as hid:
        return models.given_pin(hid)


def registers_and_signs_in(browser, page, pin):
    # Some models say that they are built into a host (`plat`), and Chromium asks no such key for a page that wants one from outside.
    page.begin_to_register(verified=bool(pin), attachment=None)
    await_answer(browser, pin)
    credential, _, _ = page.registered()
    page.begin_to_sign_in([credential], verified=bool(pin))
    await_answer(browser, pin)
    page.signed_in([credential])
    algorithm = credential.public_key.ALGORITHM
    return models.WELL if algorithm == -7 else f"{models.WELL}, {models.ALGORITHMS.get(algorithm, algorithm)}"


def await_answer(browser, pin):
    """Until a ceremony has come to its end. Whoever has the PIN types it once, if the browser wants it; and goes on where Chromium has
    had a key with a sensor learn its first finger."""
    typed = []

    def is_over():
        says = browser.prompt()
        if pin and not typed and "PIN" in says:
            browser.type_into_prompt(pin)
            typed.append(pin)
        if CAPTURED in says:
            browser.press_in_prompt("Next", "Continue", "Done")
        return browser.evaluate("!!outcome")

    try:
        patiently("the page has an answer", is_over)
    except AssertionError:
        says = ""
        with suppress(Refused):  # what it shows may change while it is read
            says = " ".join(browser.prompt().split())
            browser.evaluate("stop.abort()")
        raise AssertionError(f"it says: {says or 'nothing'}") from None


def page(columns, lines):
    made = [[made.startswith(models.WELL) for made in line[3:]] for line in lines]
    counts = [f"{sum(column)} of {len(lines)} register and sign in with {kind.__name__}" for kind, column in zip(BROWSERS, zip(*made))]
    versions = " and ".join(column.version for column in columns)
    told = PAGE.format(versions=versions, count=len(lines), registered=", ".join(counts))
    return told + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
