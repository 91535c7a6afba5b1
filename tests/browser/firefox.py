"""Firefox, driven over Marionette: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html.

Its own prompts are reached by a script that runs in the browser's window, Marionette's context "chrome". It is there
before any prompt, and takes calls through files in the profile: while a prompt is open, Marionette runs no script.
"""

import json
import socket

import programs
from browser import Browser, Refused, patiently

FLAGS = [
    "--headless",
    "--marionette",
    "--remote-allow-system-access",  # to its own prompts
]
PREFERENCES = {
    "marionette.port": 0,  # any free one
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "extensions.update.enabled": False,
    "security.notification_enable_delay": 0,  # milliseconds before a prompt's buttons take a click
    "browser.startup.page": 0,
    "browser.newtab.preload": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "app.normandy.enabled": False,
    "ui.prefersReducedMotion": 1,
}


class Firefox(Browser):
    asks_before_the_site_sees_the_model = True
    has_one_of_several_keys_chosen_first = True  # by a touch of its own

    def __init__(self):
        super().__init__()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (self.profile / "user.js").write_text("".join(lines), encoding="utf-8")
        self.start("firefox-esr", *FLAGS, "--profile", str(self.profile))

    @property
    def newest_profile(self):
        """Up to version 140 it takes a key that names a version of CTAP after 2.1 for a U2F key."""
        return "default" if self._version > 140 else "fido2.1"

    def connect(self):
        self._marionette = Marionette(self._port())
        session = self._marionette.call(
            "WebDriver:NewSession", pageLoadStrategy="none", unhandledPromptBehavior="ignore"
        )
        self._version = int(session["capabilities"]["browserVersion"].split(".")[0])
        self._marionette.call("Marionette:SetContext", value="chrome")
        self._script(PROMPTS, str(self._file("call")), str(self._file("result")))
        self._marionette.call("Marionette:SetContext", value="content")

    def _port(self):
        """Firefox takes a free port, and leaves its number in the profile."""
        path = self.profile / "MarionetteActivePort"
        patiently("Firefox opens Marionette's port", lambda: path.exists() and path.read_text())
        return int(path.read_text())

    # ---- The page ---------------------------------------------------------------------------------------------------

    def go(self, address):
        self._marionette.call("WebDriver:Navigate", url=address)

    def evaluate(self, expression):
        return self._script(f"return {expression};")

    def click(self, element):
        self._marionette.call("WebDriver:ElementClick", id=self._found(element))

    def fill(self, element, text):
        found = self._found(element)
        self._marionette.call("WebDriver:ElementClear", id=found)
        self._marionette.call("WebDriver:ElementSendKeys", id=found, text=text)

    def screenshot(self, name):
        self.keep_screenshot(name, self._marionette.call("WebDriver:TakeScreenshot", full=True)["value"])

    def _found(self, element):
        self.await_control(element)
        found = self._marionette.call("WebDriver:FindElement", using="css selector", value=element)
        return next(iter(found["value"].values()))

    def _script(self, script, *arguments):
        return self._marionette.call("WebDriver:ExecuteScript", script=script, args=arguments)["value"]

    # ---- The prompts --------------------------------------------------------------------------------------------------

    def prompt(self):
        return self._in_window("says")

    def type_into_prompt(self, *texts):
        self.in_prompt(f"{len(texts)} fields", lambda: self._pressed("", texts))

    def press_in_prompt(self, label):
        self.in_prompt(label, lambda: self._pressed(label, []))

    def close_error(self):
        """Nothing: the page is told at once."""

    def _pressed(self, label, texts):
        return self._in_window("press", label, texts)

    def _in_window(self, function, *arguments):
        """Call one of the functions in the browser's window."""
        result = self._file("result")
        result.unlink(missing_ok=True)
        call = self._file("call.new")
        call.write_text(json.dumps([function, *arguments]), encoding="utf-8")
        call.rename(self._file("call"))
        patiently(f"Firefox's window answers to “{function}”", result.exists)
        return json.loads(result.read_text(encoding="utf-8"))

    def _file(self, name):
        return self.profile / f"prompts-{name}"


# What the window shows at present: panels that hang from the address bar, and the dialog of a tab.
PROMPTS = """
function prompts() {
    const panels = [...PopupNotifications.panel.children].map(({ notification, button }) => ({
        says: notification.message,
        fields: [],
        buttons: [notification.mainAction, ...(notification.secondaryActions ?? [])].map((action, at) => ({
            label: action.label,
            press: () => (at === 0 ? button.click() : (action.callback({}), notification.remove())),
        })),
    }));
    const box = gBrowser.getTabDialogBox(gBrowser.selectedBrowser);
    const open = [box.getTabDialogManager(), box.getContentDialogManager()].flatMap(manager => manager.dialogs);
    const dialogs = open.map(dialog => dialog._frame.contentWindow.Dialog?.ui).filter(ui => ui).map(ui => ({
        says: ui.infoBody.textContent,
        fields: [ui.loginTextbox, ui.password1Textbox].filter(field => field.closest("[hidden]") === null),
        buttons: [ui.button0, ui.button1].map(button => ({ label: button.label, press: () => button.click() })),
    }));
    return [...panels, ...dialogs];
}

const functions = {
    says: () => prompts().map(prompt => prompt.says).join("\\n"),

    press: (label, texts) => {
        const prompt = prompts().find(prompt => prompt.fields.length === texts.length);
        const button = prompt?.buttons.find(button => label === "" || button.label === label);
        texts.forEach((text, at) => { if (button) prompt.fields[at].value = text; });
        button?.press();
        return button !== undefined;
    },
};

async function takeCalls(call, result) {
    while (!await IOUtils.exists(call)) await new Promise(resolve => setTimeout(resolve, 100));
    const [name, ...rest] = await IOUtils.readJSON(call);
    await IOUtils.remove(call);
    await IOUtils.writeJSON(result, functions[name](...rest), { tmpPath: result + ".new" });
    takeCalls(call, result);
}

void takeCalls(...arguments);
"""


class Marionette:
    """Commands to Firefox: JSON texts, each with its length in front."""

    def __init__(self, port):
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=programs.PATIENCE).makefile("rwb")
        self._number = 0
        self._read()  # it introduces itself

    def call(self, command, **parameters):
        self._number += 1
        text = json.dumps([0, self._number, command, parameters]).encode()
        self._stream.write(b"%d:%b" % (len(text), text))
        self._stream.flush()
        _, number, error, result = self._read()
        assert number == self._number, "Marionette answers in turn"
        if error:
            raise Refused(f"{command}: {error['error']}: {error['message']}")
        return result

    def _read(self):
        length = b""
        while (byte := self._stream.read(1)) != b":":
            length += byte
        return json.loads(self._stream.read(int(length)))
