"""`keyfob notify`: what a person sees, and what a pointer does."""

import json
import os
import re
import shutil
import time
from contextlib import contextmanager

import programs
import pytest

from keyfob import Keyfob
from programs import ended, eventually, in_a_file, start
from screen import NOTIFYD, X11, Managed, Wayland, session, show_notifications

# A click before that is taken for one that was on its way already.
MOMENT = 0.7
SITE = "example.org"


class Desk:
    """A session with a key, its notifications, and somebody who asks."""

    def __init__(self, session, daemon, key, pictures):
        self.session, self.daemon, self.key, self.pictures = session, daemon, key, pictures
        self.device = re.search(r"usbip:\S+", self._until("without root", key)).group()

    @staticmethod
    def _until(words, key):
        return next(line for line in key.process.stdout if words in line)

    def register(self):
        """A site asks for a passkey."""
        options = {
            "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
            "rp": {"id": SITE, "name": "An example"},
            "user": {"id": "YWRh", "name": "ada", "displayName": "Ada"},
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        }
        file = in_a_file(json.dumps(options))
        words = "webauthn", "create", file, "--origin", f"https://{SITE}", "--device", self.device
        return start(Keyfob.program, *words, environment=self.key.environment)

    def shown(self, name):
        """Wait for the notification, and keep a picture of it."""
        eventually("a notification is shown", self.session.notification)
        self._await_stillness()
        self.session.picture(self.pictures / f"{name}.png")
        return self.session.notification()

    def _await_stillness(self):
        """It may slide or fade in, or be drawn after it is there."""
        pictures = self.session.folder / "now.png", self.session.folder / "before.png"
        self.session.picture(pictures[0])

        def is_still():
            shutil.copy(*pictures)
            time.sleep(0.2)
            self.session.picture(pictures[0])
            return pictures[0].read_bytes() == pictures[1].read_bytes()

        eventually("it moves no more", is_still)

    def is_asked(self):
        told = json.loads(self.key.type("status", "--json").must_succeed())
        return told["keys"][0]["prompt"] is not None

    def await_nothing_shown(self):
        eventually("the notification is gone", lambda: self.session.notification() is None)


@contextmanager
def _desk(request, *daemon, kind=X11):
    with session(kind) as where, Keyfob("serve") as key:
        shows = show_notifications(where, *map(str, daemon))
        where.environment["KEYFOB_CONTROL"] = f"{key.home}/keyfob/control"
        notify = where.start(Keyfob.program, "notify")
        assert "shows what the key asks" in notify.stdout.readline()
        yield Desk(where, shows, key, request.config.getoption("--pictures"))


@pytest.fixture
def desk(request):
    """Where notifications have real buttons."""
    with _desk(request, NOTIFYD) as desk:
        yield desk


# Where xfce4-notifyd has the middle of a button: so far from the right edge of its window.
APPROVE, REFUSE = 149, 57


def _button(where, from_the_right):
    x, y, width, height = where
    return x + width - from_the_right, y + height - 31


def a_click_on_approve_makes_the_passkey(desk, request):
    asking = desk.register()
    where = desk.shown("approve")
    if picture := request.config.getoption("--picture"):
        desk.session.picture(picture, where)
    time.sleep(MOMENT)
    desk.session.click(*_button(where, APPROVE))
    assert '"public-key"' in ended(asking).must_succeed()
    desk.await_nothing_shown()


def a_click_on_refuse_is_told_to_the_site(desk):
    asking = desk.register()
    where = desk.shown("refuse")
    time.sleep(MOMENT)
    desk.session.click(*_button(where, REFUSE))
    ended(asking).must_fail_with("OPERATION_DENIED")
    desk.await_nothing_shown()


def a_click_that_was_on_its_way_already_approves_nothing_and_the_next_one_is_read_first(desk):
    asking = desk.register()
    eventually("a notification is shown", desk.session.notification)
    desk.session.click(*_button(desk.session.notification(), APPROVE))
    where = desk.shown("again")
    assert desk.is_asked()
    time.sleep(MOMENT)
    desk.session.click(*_button(where, APPROVE))
    ended(asking).must_succeed()


def a_click_beside_the_buttons_is_no_answer(desk):
    asking = desk.register()
    x, y, width, _ = desk.shown("beside")
    time.sleep(MOMENT)
    for button in 1, 2, 3:
        desk.session.click(x + width // 2, y + 20, button)
    desk.await_nothing_shown()
    assert desk.is_asked()
    desk.key.type("touch").must_succeed()
    ended(asking).must_succeed()


def what_nobody_answers_is_gone_when_the_key_waits_no_more(desk):
    asking = desk.register()
    desk.shown("late")
    assert asking.wait(timeout=60) != 0
    desk.await_nothing_shown()


def a_program_that_takes_the_place_of_the_first_shows_what_is_still_asked(desk):
    asking = desk.register()
    desk.shown("before")
    desk.daemon.kill()
    desk.daemon.wait()
    desk.await_nothing_shown()
    show_notifications(desk.session, "dunst")
    desk.shown("after")
    desk.key.type("touch").must_succeed()
    ended(asking).must_succeed()
    desk.await_nothing_shown()


@pytest.mark.skipif(os.geteuid() != 0, reason="a systemd of its own takes root")
def its_unit_runs_as_long_as_the_desktop_and_is_back_after_a_crash(request):
    with session(Managed) as where, Keyfob("serve") as key:
        show_notifications(where, NOTIFYD)
        _log_in(where, key)
        desk = Desk(where, None, key, request.config.getoption("--pictures"))
        _asked_and_clicked(desk, "unit", APPROVE).must_succeed()
        where.systemctl("kill", "--signal", "KILL", "keyfob-notify").must_succeed()
        _asked_and_clicked(desk, "unit-again", REFUSE).must_fail_with("OPERATION_DENIED")
        assert where.property("keyfob-notify", "NRestarts") == "1"
        where.systemctl("stop", "desktop.target").must_succeed()
        assert where.property("keyfob-notify", "ActiveState") == "inactive"


def _asked_and_clicked(desk, name, button):
    asking = desk.register()
    where = desk.shown(name)
    time.sleep(MOMENT)
    desk.session.click(*_button(where, button))
    return ended(asking)


def _log_in(where, key):
    """A desktop is a target that has the session's with it; the unit is enabled once, and pointed at this key."""
    unit = programs.run(Keyfob.program, "doctor", "--key-unit", "desktop", environment=key.environment)
    (where.units / "keyfob-notify.service").write_text(unit.must_succeed(), encoding="utf-8")
    (where.units / "desktop.target").write_text("[Unit]\nBindsTo=graphical-session.target\n", encoding="utf-8")
    more = where.units / "keyfob-notify.service.d"
    more.mkdir()
    socket = f"{key.home}/keyfob/control"
    (more / "key.conf").write_text(f"[Service]\nEnvironment=KEYFOB_CONTROL={socket}\n", encoding="utf-8")
    where.systemctl("enable", "keyfob-notify").must_succeed()
    where.systemctl("daemon-reload").must_succeed()
    where.systemctl("start", "desktop.target").must_succeed()
    eventually("its unit runs", lambda: where.property("keyfob-notify", "ActiveState") == "active")


def dunst_approves_by_its_menu_and_by_no_other_click(request, tmp_path):
    choice = tmp_path / "choice"
    menu = _menu(tmp_path, f"[ -e {choice} ] && grep -m 1 Approve")
    settings = tmp_path / "dunstrc"
    settings.write_text(f"[global]\ndmenu = {menu}\n", encoding="utf-8")
    with _desk(request, "dunst", "-conf", settings) as desk:
        asking = desk.register()
        x, y, width, height = desk.shown("dunst")
        time.sleep(MOMENT)
        desk.session.run("dunstctl", "action").must_succeed()
        desk.session.click(x + width // 2, y + height // 2, 2)  # its menu, in which nothing is chosen
        desk.session.click(x + width // 2, y + height // 2)  # closes it
        desk.await_nothing_shown()
        assert desk.is_asked()
        desk.key.type("deny").must_succeed()
        ended(asking).must_fail_with("OPERATION_DENIED")
        choice.touch()
        asking = desk.register()
        desk.shown("dunst-menu")
        time.sleep(MOMENT)
        desk.session.run("dunstctl", "context").must_succeed()
        ended(asking).must_succeed()


def mako_on_wayland_approves_by_its_menu(request, tmp_path):
    with _desk(request, "mako", kind=Wayland) as desk:
        asking = desk.register()
        desk.shown("mako")
        time.sleep(MOMENT)
        desk.session.run("makoctl", "invoke")  # a default action, which there is none
        assert desk.is_asked()
        desk.session.run("makoctl", "menu", str(_menu(tmp_path, "grep -m 1 Approve"))).must_succeed()
        ended(asking).must_succeed()
        desk.await_nothing_shown()


def _menu(folder, script):
    """A program that is given labels, and says which of them a person chose."""
    program = folder / "menu"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program
