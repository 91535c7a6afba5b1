"""The program under test: a running key, and the commands that a person types beside it."""

import os
import shutil
import signal
import tempfile
import time

import bus
import programs
from programs import run, start


# What a command says when its key is there.
READY = {"serve": "listening on", "attach": "attached", "card": "the reader"}


class Keyfob:
    """A running `keyfob serve`, `attach` or `card` with a new, empty key; or a `bridge`, which has none of its own."""

    program = ""  # the path of the program; set once, at the start
    user = ()  # the words before a command by which another user runs it

    def __init__(self, command, *options, keep=False):
        self.home = tempfile.mkdtemp(prefix="keyfob-home-")
        self.state = f"{self.home}/keys"  # where the key is kept, if at all
        memory = [] if command == "bridge" else ["--state", self.state] if keep else ["--ephemeral"]
        self.environment = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=self.home)
        started = time.monotonic()
        ready = READY[command] if command != "bridge" else "attached" if bus.is_kernel() else "listening on"
        is_served = ready == "listening on"
        where = bus.serve_options() if is_served else []
        self.process = start(*self.user, self.program, command, *memory, *where, *options, environment=self.environment)
        told, self.said = self._told(ready)
        self.seconds_to_start = time.monotonic() - started
        if is_served:
            bus.served_at(told.split(",")[0])

    def _told(self, words):
        """What stands behind these words in the program's output, and all of it up to there."""
        output = ""
        for line in self.process.stdout:
            output += line
            if words in line:
                return line.partition(words)[2].strip(), output
        raise AssertionError(f"keyfob ended without the words “{words}”:\n{output}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)
        shutil.rmtree(self.home)

    def end(self, how):
        """End the process by a signal; the device goes with it."""
        self.process.send_signal(how)
        self.process.communicate(timeout=programs.PATIENCE)
        bus.await_no_node()

    def type(self, *words):
        """Run a further keyfob command, as the person who holds this key."""
        return run(*self.user, self.program, *words, environment=self.environment)

    def resident_memory(self):
        """In KiB: its own, and the pages of the program that it has touched."""
        return self._memory("VmRSS:")

    def memory_of_its_own(self):
        """In KiB: heap and stacks. The program's pages are left out, for tests run one that is not optimised."""
        return self._memory("RssAnon:")

    def _memory(self, row):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(row))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor_seconds(self):
        """What the process has used so far, its own and the kernel's for it; a hundredth is the unit."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
