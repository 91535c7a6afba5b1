"""Running other programs: away from any terminal, on a terminal, and in the background."""

import os
import pty
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

_FILES = tempfile.TemporaryDirectory(prefix="keyfob-lines-")  # gone with the tests
SILENT = 5  # seconds without an end, after which a program counts as waiting for ever
PATIENCE = 30  # seconds for any one thing to happen, even on an emulated machine


@dataclass
class Ended:
    """A program's end: what was typed to start it, its exit status, and what it wrote.

    Errors come apart from the output only where the program ran away from a terminal and in the foreground."""

    command: str
    status: int
    output: str
    errors: str = ""

    def must_succeed(self):
        assert self.status == 0, f"{self.command} ended with {self.status}:\n{self.errors}{self.output}"
        return self.output

    def must_fail_with(self, words):
        assert self.status != 0, f"{self.command} succeeded; awaited: {words}"
        said = self.errors + self.output
        assert words in said, f"{self.command} did not say {words} but:\n{said}"


def run(*command, typed="", environment=None):
    """Run a program without a terminal, so that it reads PINs from its standard input."""
    ended = subprocess.run(
        command,
        input=typed,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        start_new_session=True,
    )
    return Ended(" ".join(command), ended.returncode, ended.stdout, ended.stderr)


def outcome(process):
    """The last line that a program in the background says, or `waits` if it does not come to an end."""
    try:
        said, _ = process.communicate(timeout=SILENT)
        return said.strip().splitlines()[-1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "waits"


def start(*command, typed="", environment=None):
    """A program in the background, without a terminal; its errors come with its output."""
    with open(in_a_file(typed), encoding="utf-8") as answers:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background may have it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def ended(process):
    """Wait for the end of a program in the background. One that does not end must not have the next test's key."""
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Ended(" ".join(process.args), process.returncode, output)


def on_a_terminal(*command, answers):
    """Run a program on a terminal of its own and type one answer at each of its prompts."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(command[0], command)
    output, remaining = "", list(answers)
    while text := _read_terminal(terminal):
        output += text
        if text.rstrip().endswith(":") and remaining:
            os.write(terminal, f"{remaining.pop(0)}\n".encode())
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return Ended(" ".join(command), os.waitstatus_to_exitcode(status), output)


def _read_terminal(terminal):
    ready, _, _ = select.select([terminal], [], [], PATIENCE)
    assert ready, "the program on the terminal hangs"
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # how Linux says that a terminal's other side is closed
        return ""


def in_a_file(*lines):
    """A new file with these lines; its path."""
    with tempfile.NamedTemporaryFile("w", dir=_FILES.name, delete=False) as file:
        file.writelines(f"{line}\n" for line in lines)
    return file.name


def eventually(what, condition):
    """Wait for something that the kernel or another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.01)
