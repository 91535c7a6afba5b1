"""A screen that nobody sees, with a message bus, a pointer, and a program that shows notifications."""

import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import programs
from programs import eventually

SIZE = 640, 240
NOTIFYD = next(Path("/usr/lib").glob("*/xfce4/notifyd/xfce4-notifyd"), None)


class Screen:
    """What a session has: a display and a bus. All that runs there finds both in its environment."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._running = []
        # The shim that plugs in keys is for the tests' own programs.
        inherited = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "WAYLAND_DISPLAY")}
        self.environment = dict(inherited, HOME=folder, XDG_RUNTIME_DIR=folder, XDG_CONFIG_HOME=f"{folder}/config")
        size = "x".join(map(str, SIZE))
        display = self.start("Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", f"{size}x24")
        self.environment["DISPLAY"] = f":{display.stdout.readline().strip()}"
        address = f"--address=unix:path={folder}/bus"
        bus = self.start("dbus-daemon", "--session", "--nofork", "--nosyslog", "--print-address", address)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()

    def start(self, *command):
        """A program that runs until the session ends."""
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._running.append(process)
        return process

    def run(self, *command):
        return programs.run(*command, environment=self.environment)

    def end(self):
        for process in reversed(self._running):
            process.kill()
            process.communicate()

    def names_on_the_bus(self):
        told = self.run("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
        return re.findall('string "(.*)"', told.must_succeed())

    def notification(self):
        """Left, top, width and height of the window of a notification, or None."""
        found = self.run("xdotool", "search", "--onlyvisible", "--class", "notifyd|dunst").output.split()
        for window in found:
            told = self.run("xdotool", "getwindowgeometry", "--shell", window)
            values = dict(line.split("=") for line in told.output.split())
            if told.status == 0 and int(values["WIDTH"]) > 100:
                return tuple(int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
        return None

    def click(self, x, y, button=1):
        self.run("xdotool", "mousemove", str(x), str(y), "click", str(button)).must_succeed()

    def picture(self, file, part=(0, 0, *SIZE)):
        self.run("scrot", "--overwrite", "--autoselect", ",".join(map(str, part)), str(file)).must_succeed()


@contextmanager
def screen():
    with tempfile.TemporaryDirectory(prefix="keyfob-desktop-") as folder:
        session = Screen(folder)
        try:
            yield session
        finally:
            session.end()


def show_notifications(session, *command):
    """Run a program that does, and wait until it is there."""
    process = session.start(*command)
    eventually("somebody shows notifications", lambda: "org.freedesktop.Notifications" in session.names_on_the_bus())
    return process
