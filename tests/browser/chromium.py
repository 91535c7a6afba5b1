"""Chromium, driven over its two DevTools: those of the page, and those of its own windows and dialogs.

The page is https://chromedevtools.github.io/devtools-protocol/. The windows' views are reached likewise, by
`--enable-ui-devtools`; so the dialog for the PIN is a real one, although no screen shows it.
"""

import json
import time
import urllib.request

import websocket

import programs
from browser import Browser, Impossible, Refused, patiently

FLAGS = [
    "--headless=new",  # a window on a virtual screen is drawn in software, and too slow on an emulated processor
    "--no-sandbox",  # it does not start as root otherwise
    "--disable-gpu",
    "--in-process-gpu",  # what draws the dialog's animation: by far the most work that there is
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",  # two more pages, which nobody looks at
    "--ipc-connection-timeout=120",  # seconds; its own processes give up after 15
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",  # screenshots are cut off where they would be
    "--force-prefers-reduced-motion",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
    "--enable-ui-devtools=0",
    "--enable-features=ui-debug-tools-enable-synthetic-events",
    "--enable-logging=stderr",
    "--vmodule=*fido*=2,*ctap*=2,device_event_log*=2",
]
TOUCH = "touch it"  # what the dialog says while it waits for that
DEAF = 0.6  # seconds after a change; for half of one a press counts as meant for what was there before, and for nothing


class Chromium(Browser):
    asks_before_the_site_sees_the_model = False  # it only says so
    has_one_of_several_keys_chosen_first = False  # all are asked, the touched one answers

    def __init__(self):
        super().__init__()
        self._shown, self._shown_since = None, 0  # the dialog's labels, and since when they are seen
        self.start("chromium", *FLAGS, f"--user-data-dir={self.profile}", "about:blank")

    def connect(self):
        self._page = DevTools(self._address_of_page())
        self._views = DevTools(f"ws://127.0.0.1:{self._port('UIDevToolsActivePort')}/0")
        for domain in ("DOM", "CSS"):
            self._views.call(f"{domain}.enable")
        if not self._tells_what_its_labels_say():
            raise Impossible("this Chromium does not tell what its dialogs say, 156 does: install security updates")

    def _tells_what_its_labels_say(self):
        labels = [view for view in _nodes(self._views.call("DOM.getDocument")["root"]) if _kind(view).endswith("Label")]
        return any("Text" in self._properties(label) for label in labels)

    def address_of_devtools(self):
        return f"127.0.0.1:{self._port('DevToolsActivePort')}"

    def _address_of_page(self):
        list_of_pages = f"http://{self.address_of_devtools()}/json/list"
        with urllib.request.urlopen(list_of_pages, timeout=programs.PATIENCE) as answer:
            return next(page["webSocketDebuggerUrl"] for page in json.load(answer) if page["type"] == "page")

    def _port(self, file):
        """Chromium takes free ports, and leaves their numbers in its profile."""
        path = self.profile / file
        patiently(f"Chromium writes {file}", lambda: path.exists() and path.read_text())
        return path.read_text().split()[0]

    # ---- The page ---------------------------------------------------------------------------------------------------

    def go(self, address):
        self._page.call("Page.navigate", url=address)

    def evaluate(self, expression):
        options = {"returnByValue": True, "userGesture": True}
        return self._page.call("Runtime.evaluate", expression=expression, **options)["result"].get("value")

    def click(self, element):
        self.await_control(element)
        self.evaluate(f"document.querySelector({json.dumps(element)}).click()")

    def fill(self, element, text):
        self.await_control(element)
        self.evaluate(f"document.querySelector({json.dumps(element)}).select()")
        self._page.call("Input.insertText", text=text)

    def screenshot(self, name):
        patiently("the page has a picture", lambda: self.keep_screenshot(name, self._picture()))

    def _picture(self):
        """Refused while the page is being laid out."""
        return self._page.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]

    # ---- The dialog ---------------------------------------------------------------------------------------------------

    def prompt(self):
        return "\n".join(label["Text"] for label in self._in_dialog("Label") if label["Visible"] == "true")

    def type_into_prompt(self, *texts):
        self.in_prompt(f"{len(texts)} fields", lambda: len(self._in_dialog("PinTextfield")) == len(texts))
        for field, text in zip(self._in_dialog("PinTextfield"), texts):
            for character in text:
                self._type_character(field, character)
        self.press_in_prompt("Next")

    def press_in_prompt(self, *labels):
        """Press the first of these buttons that there is, once the dialog takes presses."""
        self._shown = None
        self.in_prompt(" or ".join(labels), lambda: self._takes_presses() and any(map(self._pressed, labels)))

    def _pressed(self, label):
        button = self._button(label)
        for event in ("mousePressed", "mouseReleased") if button else ():
            at = {"type": event, "x": 5, "y": 5, "button": "left", "wheelDirection": "none"}
            self._views.call("DOM.dispatchMouseEvent", nodeId=button["node"], event=at)
        return button

    def _takes_presses(self):
        """Whether the dialog has been the same for long enough."""
        shows = [(label["node"], label["Text"]) for label in self._in_dialog("Label")]
        if shows != self._shown:
            self._shown, self._shown_since = shows, time.monotonic()
        return time.monotonic() - self._shown_since > DEAF

    def close_error(self):
        self.in_prompt("an error", lambda: TOUCH not in self.prompt())
        self.press_in_prompt("Close", "Cancel")

    def _button(self, label):
        """The button, or the line of a list, that says this."""
        for view in self._dialog("MdTextButton", "WebAuthnHoverButton"):
            says = [self._properties(below) for below in _nodes(view) if _kind(below).endswith("Label")]
            button = self._properties(view)
            if button["Enabled"] == "true" and any(line["Text"] == label for line in says):
                return button
        return None

    def _type_character(self, field, character):
        key = {"type": "keyPressed", "keyCode": 0, "code": 0, "flags": 0, "key": ord(character), "isChar": True}
        self._views.call("DOM.dispatchKeyEvent", nodeId=field["node"], event=key)

    def _in_dialog(self, kind):
        """The properties of all views of a class in the dialog."""
        return [self._properties(view) for view in self._dialog(kind)]

    def _dialog(self, *kinds):
        """The views of these classes in the dialog; none without a dialog."""
        root = self._views.call("DOM.getDocument")["root"]
        dialogs = [node for node in _nodes(root) if "AuthenticatorRequestDialogView" in node.get("attributes", [])]
        views = _nodes(dialogs[0]) if dialogs else []
        self._hide([view for view in views if _kind(view) == "ProgressBar"])
        return [view for view in views if _kind(view) in kinds]

    def _hide(self, views):
        """A bar that moves while a key is awaited would have an emulated processor for itself."""
        for line in [line for view in views for line in self._lines(view)]:
            if (line["name"], line["value"]) == ("Visible", "true"):
                edit = {"styleSheetId": line["sheet"], "range": line["range"], "text": "Visible: false;"}
                self._views.call("CSS.setStyleTexts", edits=[edit])

    def _properties(self, view):
        return {"node": view["nodeId"]} | {line["name"]: line["value"] for line in self._lines(view)}

    def _lines(self, view):
        """A view's properties, as this protocol has them: the lines of its style sheets."""
        rules = self._views.call("CSS.getMatchedStylesForNode", nodeId=view["nodeId"])["matchedCSSRules"]
        sheets = [rule["rule"]["style"] for rule in rules]
        return [line | {"sheet": sheet["styleSheetId"]} for sheet in sheets for line in sheet["cssProperties"]]


class DevTools:
    """Commands to one target over its WebSocket. What it tells unasked is passed over."""

    def __init__(self, address):
        self._socket = websocket.create_connection(address, timeout=programs.PATIENCE, suppress_origin=True)
        self._number = 0

    def call(self, method, **parameters):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv())).get("id") != self._number:
            pass
        if "error" in answer:
            raise Refused(f"{method}: {answer['error']['message']}")
        return answer["result"]


def _kind(view):
    """The class of a view; empty for the root, which is none."""
    _, kind, *_ = view.get("attributes") or ["class", ""]
    return kind


def _nodes(tree):
    """A node and all below it."""
    return [tree] + [node for child in tree.get("children", []) for node in _nodes(child)]
