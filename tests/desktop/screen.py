"""Screens that nobody sees, each with a message bus and a program that shows notifications; one of them has a pointer."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import programs
from programs import eventually

SIZE = 640, 240
NOTIFYD = next(Path("/usr/lib").glob("*/xfce4/notifyd/xfce4-notifyd"), None)


class Session:
    """A display and a bus. All that runs there finds both in its environment."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._running = []
        # The shim that plugs in keys is for the tests' own programs.
        foreign = "LD_PRELOAD", "DISPLAY", "WAYLAND_DISPLAY"
        inherited = {name: value for name, value in os.environ.items() if name not in foreign}
        self.environment = dict(inherited, HOME=folder, XDG_RUNTIME_DIR=folder, XDG_CONFIG_HOME=f"{folder}/config")

    def begin(self):
        self.environment |= self._display()
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._bus()

    def _bus(self):
        address = f"--address=unix:path={self.folder}/bus"
        bus = self.start("dbus-daemon", "--session", "--nofork", "--nosyslog", "--print-address", address)
        return bus.stdout.readline().strip()

    def start(self, *command, environment=None, **others):
        """A program that runs until the session ends."""
        process = subprocess.Popen(
            command,
            env=environment or self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            **others,
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


class X11(Session):
    def _display(self):
        size = "x".join(map(str, SIZE))
        display = self.start("Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", f"{size}x24")
        return {"DISPLAY": f":{display.stdout.readline().strip()}"}

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


class Managed(X11):
    """With a systemd of its user, whose bus it is: a real one, in a mount namespace of its own. That takes root."""

    def _bus(self):
        self.units = self.folder / "config/systemd/user"
        self.units.mkdir(parents=True)
        manager = Path(__file__).with_name("manager")
        self.manager = self.start("unshare", "--mount", manager, self.folder.name)
        eventually("systemd is there", lambda: self.systemctl("is-system-running").output.strip() == "running")
        return f"unix:path={self.folder}/bus"

    def end(self):
        self.systemctl("exit")
        eventually("systemd is gone, and its control group", lambda: self.manager.poll() is not None)
        super().end()

    def systemctl(self, *words):
        return self.run("nsenter", "--mount", "--target", str(self.manager.pid), "systemctl", "--user", *words)

    def property(self, unit, name):
        return self.systemctl("show", "--value", "--property", name, unit).must_succeed().strip()


class Wayland(Session):
    """sway, with mako: it tells by itself what it shows."""

    def _display(self):
        place = self.folder / "wayland"
        place.mkdir(mode=0o700)
        settings = place / "sway"
        settings.write_text(f"output HEADLESS-1 mode {SIZE[0]}x{SIZE[1]}\nxwayland disable\n", encoding="utf-8")
        somebody = {}
        if os.geteuid() == 0:  # as whom it does not run
            somebody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            self.folder.chmod(0o711)
            shutil.chown(place, "nobody")
        drawn = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        own = dict(self.environment, HOME=str(place), XDG_RUNTIME_DIR=str(place)) | drawn
        self.start("sway", "-c", str(settings), environment=own, **somebody)
        eventually("there is a display", (place / "wayland-1").exists)
        return {"WAYLAND_DISPLAY": str(place / "wayland-1")}

    def notification(self):
        """What mako tells of the first one, or None."""
        (shown,) = json.loads(self.run("makoctl", "list").must_succeed())["data"]
        return shown[0] if shown else None

    def picture(self, file):
        self.run("grim", str(file)).must_succeed()


@contextmanager
def session(kind):
    with tempfile.TemporaryDirectory(prefix="keyfob-desktop-") as folder:
        where = kind(folder)
        try:
            where.begin()
            yield where
        finally:
            where.end()


def show_notifications(where, *command):
    """Run a program that does, and wait until it is there."""
    process = where.start(*command)
    eventually("somebody shows notifications", lambda: "org.freedesktop.Notifications" in where.names_on_the_bus())
    return process
