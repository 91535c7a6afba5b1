"""Debian's FIDO clients (fido2-token, fido2-cred, fido2-assert) as methods of the device they talk to."""

import base64
import re
import secrets
import subprocess
from dataclasses import dataclass

import programs
from programs import in_a_file, on_a_terminal, run, start


def version():
    told = run("fido2-token", "-V")
    return (told.output + told.errors).strip()


class Device:
    """A security key at a device node, seen through libfido2's tools."""

    def __init__(self, node):
        self.node = node

    def token(self, *arguments, pin=""):
        """What fido2-token has no method for below."""
        return run("fido2-token", *arguments, self.node, typed=f"{pin}\n")

    def information(self):
        return self.token("-I").must_succeed()

    def passkeys(self, site, pin):
        """A line for each passkey that the key keeps for a site."""
        return self.token("-L", "-k", site, pin=pin).must_succeed().splitlines()

    def pin_retries(self):
        return int(re.search(r"pin retries: (\d+)", self.information())[1])

    def options(self):
        """Those of getInfo, as the tool prints them: a name with "no" in front is one that is off."""
        return re.search(r"^options: (.*)$", self.information(), re.M)[1].split(", ")

    def set_pin(self, pin):
        on_a_terminal("fido2-token", "-S", self.node, answers=[pin, pin]).must_succeed()

    def change_pin(self, old, new):
        self._changed_pin(old, new).must_succeed()

    def refuses_to_change_pin(self, error, old, new):
        self._changed_pin(old, new).must_fail_with(error)

    def _changed_pin(self, old, new):
        return on_a_terminal("fido2-token", "-C", self.node, answers=[old, new, new])

    def begin_to_enrol(self, pin):
        """The enrolment of a finger, in the background."""
        return start("fido2-token", "-S", "-e", self.node, typed=pin)

    def register(self, site="example.com", user="Alice", options="", pin="", algorithm="es256"):
        """Make a credential and have its attestation verified."""
        request = _registration(self.node, site, user, options, algorithm)
        made = run(*request, typed=f"{pin}\n").must_succeed()
        return _verified_credential(user, made.splitlines(), options, algorithm)

    def refuses_to_register(self, error, options="", pin="", user="Alice"):
        request = _registration(self.node, "example.com", user, options, "es256")
        run(*request, typed=f"{pin}\n").must_fail_with(error)

    def begin_to_register(self, options="", pin=""):
        """A registration in the background."""
        return start(*_registration(self.node, "example.com", "Alice", options, "es256"), typed=pin)

    def outcome_of_registering(self):
        """`registers`, the error that it ends with, or `waits` if it does not end."""
        made = start(*_registration(self.node, "example.com", "Alice", "", "es256"))
        try:
            lines, _ = made.communicate(timeout=programs.SILENT)
        except subprocess.TimeoutExpired:
            made.kill()
            made.communicate()
            return "waits"
        verified = run("fido2-cred", "-V", "-i", in_a_file(*lines.splitlines()), "es256")
        said = lines if made.returncode else verified.errors
        return "registers" if made.returncode == verified.status == 0 else said.split()[-1]

    def sign(self, credential, options="-p", pin=""):
        """Sign in with one credential that is named, and have the assertion verified."""
        got = run(*_signing(self.node, credential, options), typed=f"{pin}\n").must_succeed()
        return _verified_assertion(got.splitlines(), credential, options)

    def begin_to_sign(self, credential, options="-p", pin=""):
        """A sign-in in the background."""
        return start(*_signing(self.node, credential, options), typed=pin)

    def secret(self, credential, salt, options="-p -h", pin=""):
        """Sign in for the secret that goes with a salt of 32 bytes, or for those that go with two salts."""
        request = _signing(self.node, credential, options, _base64(salt))
        got = run(*request, typed=f"{pin}\n").must_succeed().splitlines()
        _verified_assertion(got, credential, options)
        return base64.b64decode(got[4])

    def refuses_to_discover(self, error, credentials, options="-p", pin=""):
        run(*_discovery(self.node, credentials, options), typed=f"{pin}\n").must_fail_with(error)

    def refuses_to_sign(self, error, credential, options="-p", pin=""):
        run(*_signing(self.node, credential, options), typed=f"{pin}\n").must_fail_with(error)

    def discover(self, credentials, options="-p", pin=""):
        """Sign in at a site without naming a credential; the verified assertions, in the key's order.

        `credentials` are all that the site may get, by user."""
        got = run(*_discovery(self.node, credentials, options), typed=f"{pin}\n").must_succeed()
        lines = got.splitlines()
        owners = {credential.user: credential for credential in credentials}
        assertions = [lines[at : at + 5] for at in range(0, len(lines), 5)]
        return [_verified_assertion(five, owners[_text(five[4])], options) for five in assertions]


@dataclass
class Credential:
    """A credential whose attestation was verified."""

    site: str
    user: str
    format: str
    identifier: str
    flags: int
    public_key: str  # the path of a file
    algorithm: str
    discoverable: bool
    large_blob_key: str


@dataclass
class Assertion:
    """A sign-in whose signature was verified."""

    user: str
    flags: int
    counter: int


# ---- The tools' own formats: see fido2-cred(1) and fido2-assert(1) ---------------------------------------------------


def _registration(node, site, user, options, algorithm):
    parameters = in_a_file(_challenge(), site, user, _base64(user.encode()))
    return ["fido2-cred", "-M", "-i", parameters, *options.split(), node, algorithm]


def _verified_credential(user, lines, options, algorithm):
    large_blob_key = in_a_file(lines.pop()) if "-b" in options.split() else ""
    checks = [option for option in options.split() if option not in ("-r", "-b", "-u")]
    verified = run("fido2-cred", "-V", "-i", in_a_file(*lines), *checks, algorithm).must_succeed()
    _, site, form, authenticator_data, *_ = lines
    identifier, *public_key = verified.splitlines()
    flags, _ = _authenticator_data(authenticator_data)
    file = in_a_file(*public_key)
    return Credential(site, user, form, identifier, flags, file, algorithm, "-r" in options.split(), large_blob_key)


def _signing(node, credential, options, *salt):
    parameters = in_a_file(_challenge(), credential.site, credential.identifier, *salt)
    return ["fido2-assert", "-G", "-i", parameters, *options.split(), node]


def _discovery(node, credentials, options):
    parameters = in_a_file(_challenge(), credentials[0].site)
    return ["fido2-assert", "-G", "-r", "-i", parameters, *options.split(), node]


def _verified_assertion(lines, credential, options):
    checks = [option for option in options.split() if option in ("-h", "-p", "-v")]
    files = in_a_file(*lines[:4]), credential.public_key
    run("fido2-assert", "-V", "-i", files[0], *checks, files[1], credential.algorithm).must_succeed()
    return Assertion(credential.user, *_authenticator_data(lines[2]))


def _authenticator_data(line):
    """Flags and counter; the tools wrap the data in a CBOR byte string, and its first 32 bytes name the site."""
    data = base64.b64decode(line)
    data = data[2:] if data[0] == 0x58 else data[3:]
    return data[32], int.from_bytes(data[33:37], "big")


def _challenge():
    return _base64(secrets.token_bytes(32))


def _base64(data):
    return base64.b64encode(data).decode()


def _text(line):
    return base64.b64decode(line).decode()
