"""OpenSSH: somebody who uses it, and a server for them to log in to."""

import os
import shutil
import socket
from pathlib import Path

import machine
from machine import USER, new_folder, write
from phrases import PIN, touched
from programs import ended, run, start


class Person:
    """Somebody with a home folder, whose ssh asks for PINs in a window (SSH_ASKPASS) and not on a terminal."""

    def __init__(self):
        self.home = new_folder(owner=0)
        self.environment = dict(
            os.environ,
            HOME=self.home,
            SSH_ASKPASS=write(f"{self.home}/askpass", ASKPASS, executable=True),
            SSH_ASKPASS_REQUIRE="force",
        )
        self._agent = None
        self.thinks_that_the_pin_is(PIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._agent:
            self._agent.kill()
            self._agent.communicate()
        shutil.rmtree(self.home)

    def thinks_that_the_pin_is(self, pin):
        write(f"{self.home}/pin", f"{pin}\n")

    def asked_for(self, word):
        """The windows that came up so far and had this word."""
        windows = Path(f"{self.home}/windows")
        return [line for line in windows.read_text("utf-8").splitlines() if word in line] if windows.exists() else []

    def begins(self, *command):
        """Run a command in the home folder, in the background."""
        return start("env", "-C", self.home, *command, environment=self.environment)

    def makes_a_key(self, key, kind="ed25519-sk", *options):
        """A new key for ssh; the path of its file."""
        file = f"{self.home}/id_{kind}"
        maker = self.begins("ssh-keygen", "-t", kind, "-f", file, "-N", "", *options)
        touched(key, maker, "").must_succeed()
        return file

    def downloads_keys(self):
        """The resident keys, into files; their paths."""
        ended(self.begins("ssh-keygen", "-K", "-N", "")).must_succeed()
        return sorted(str(file).removesuffix(".pub") for file in Path(self.home).glob("id_*.pub"))

    def starts_an_agent(self):
        self.environment["SSH_AUTH_SOCK"] = f"{self.home}/agent"
        # Debian gives the agent a group that nobody else has. It is taken away, for what has it loads no shim.
        self._agent = self.begins("setpriv", "--no-new-privs", "ssh-agent", "-D", "-a", f"{self.home}/agent")
        assert "SSH_AUTH_SOCK" in self._agent.stdout.readline()

    def begins_to_log_in(self, server, file):
        options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new", f"UserKnownHostsFile={self.home}/known"]
        words = [word for option in options for word in ("-o", option)]
        return self.begins("ssh", "-F", "none", "-i", file, *words, "-p", server.port, f"{USER}@127.0.0.1", "id", "-un")


class Server:
    """An sshd of the test's own on a free port of 127.0.0.1. It knows one user and no password."""

    def __init__(self):
        self._folder = new_folder(owner=0)
        self.port = _free_port()
        os.makedirs("/run/sshd", exist_ok=True)  # where sshd locks itself up
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self._folder}/host").must_succeed()
        configuration = write(f"{self._folder}/configuration", self._configuration())
        folders = ":".join(str(folder) for folder in Path(machine.DOWNLOADS).glob("sshd/**/*-linux-gnu"))
        libraries = dict(os.environ, LD_LIBRARY_PATH=folders)
        program = f"{machine.DOWNLOADS}/sshd/usr/sbin/sshd"
        self._process = start(program, "-D", "-e", "-f", configuration, environment=libraries)
        told = self._process.stdout.readline()
        assert "Server listening" in told, told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate()
        shutil.rmtree(self._folder)

    def accepts(self, *files, options=""):
        """Let who has one of these keys log in as the user; the options are those of authorized_keys."""
        lines = [options + Path(f"{file}.pub").read_text("utf-8") for file in files]
        write(f"{self._folder}/authorized_keys", "".join(lines))

    def _configuration(self):
        lines = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self._folder}/host",
            f"AuthorizedKeysFile {self._folder}/authorized_keys",
            "AuthenticationMethods publickey",
            "UsePAM no",
            "StrictModes no",
            "PidFile none",
            "KexAlgorithms curve25519-sha256",  # the default takes seconds where a processor is emulated
        ]
        helpers = Path(f"{machine.DOWNLOADS}/sshd/usr/lib/openssh")
        lines += [f"{helper}Path {helpers}/{name}" for helper, name in HELPERS if (helpers / name).exists()]
        return "\n".join(lines) + "\n"


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


# What ssh starts to ask a question. It only tells about a touch ("none"), and does not wait for an answer to that.
ASKPASS = """#!/bin/sh
echo "$*" >>"$HOME/windows"
[ "${SSH_ASKPASS_PROMPT-}" = none ] || cat "$HOME/pin"
"""

# Programs that a newer sshd (9.8 and later) consists of, too.
HELPERS = [("SshdSession", "sshd-session"), ("SshdAuth", "sshd-auth")]
