//! What Chromium shows after a refusal, closed: until somebody presses Close, the page that asked waits.
//!
//! Chromium's own windows and dialogs are views, and `--enable-ui-devtools` tells of them over a WebSocket, as DevTools do of a page.
//! A sheet is closed where it says one of the known words; one that asks a person something is left to them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::limits::BETWEEN_LOOKS;

/// Closes sheets while it is wanted, until it is dropped. It is one for a session: Chromium tells of its views to one at a time.
pub(super) struct Sheets {
    task: AbortHandle,
    wanted: watch::Sender<bool>,
}

impl Drop for Sheets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sheets {
    /// Those of the Chromium that keeps its files in this directory. One that shows nothing of itself is left alone, which is logged.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub(super) fn close_those_of(profile: &str) -> Self {
        let file = Path::new(profile).join("UIDevToolsActivePort");
        let (wanted, hears) = watch::channel(true);
        let task = spawn_local(async move {
            if let Err(error) = close_all(&file, hears).await {
                tracing::warn!("keyfob cannot close Chromium's dialogs any more: {error:#}");
            }
        });
        Self { task: task.abort_handle(), wanted }
    }

    /// From now on they are to be closed, or not: what the last key has refused still is.
    pub(super) fn want(&self, wanted: bool) {
        self.wanted.send_replace(wanted);
    }
}

async fn close_all(file: &Path, mut wanted: watch::Receiver<bool>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let port = text.lines().next().unwrap_or_default().trim().to_owned();
    let mut views = Views::connect(&port).await?;
    let mut wanted_at = Instant::now();
    loop {
        if *wanted.borrow_and_update() {
            wanted_at = Instant::now();
        } else if wanted_at.elapsed() > SHOWN_WITHIN {
            // It ends with the session.
            wanted.changed().await?;
            continue;
        }
        if let Some(button) = views.button_of_a_refusal().await? {
            // Shortly after it has changed a dialog takes no presses: they could be meant for what was there before.
            sleep(DEAF).await;
            if views.button_of_a_refusal().await? == Some(button) {
                views.press(button).await?;
            }
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Chromium's views.
struct Views {
    socket: WebSocketStream<TcpStream>,
    number: u64,
}

/// A view, by its number.
type Node = u64;

impl Views {
    async fn connect(port: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}/0"), stream).await?;
        let mut views = Self { socket, number: 0 };
        views.call("DOM.enable", json!({})).await?;
        views.call("CSS.enable", json!({})).await?;
        Ok(views)
    }

    /// The button that closes a sheet which tells of a refusal; `None`: there is no such sheet.
    async fn button_of_a_refusal(&mut self) -> anyhow::Result<Option<Node>> {
        let root = self.call("DOM.getDocument", json!({})).await?;
        let Some(dialog) = find(&root["root"], DIALOG) else { return Ok(None) };
        let (labels, buttons) = (all(dialog, "Label"), all(dialog, "MdTextButton"));
        let mut is_refusal = false;
        for label in labels {
            let text = self.property(number(label)?, "Text").await?;
            is_refusal |=
                text.is_some_and(|text| REFUSALS.iter().any(|words| text.contains(words)));
        }
        if !is_refusal {
            return Ok(None);
        }
        for name in ["Close", "Cancel"] {
            for button in &buttons {
                if self.says(button, name).await? {
                    return number(button).map(Some);
                }
            }
        }
        Ok(None)
    }

    async fn says(&mut self, view: &Value, words: &str) -> anyhow::Result<bool> {
        for label in all(view, "Label") {
            if self.property(number(label)?, "Text").await?.as_deref() == Some(words) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A view's properties are, in this protocol, lines of its style sheets.
    async fn property(&mut self, node: Node, name: &str) -> anyhow::Result<Option<String>> {
        let told = self.call("CSS.getMatchedStylesForNode", json!({ "nodeId": node })).await?;
        let rules = told["matchedCSSRules"].as_array().into_iter().flatten();
        let lines = rules.flat_map(|rule| rule["rule"]["style"]["cssProperties"].as_array());
        let value = lines.flatten().find(|line| line["name"] == name);
        Ok(value.and_then(|line| line["value"].as_str()).map(str::to_owned))
    }

    async fn press(&mut self, button: Node) -> anyhow::Result<()> {
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({ "type": kind, "x": 5, "y": 5, "button": "left", "wheelDirection": "none" });
            let at = json!({ "nodeId": button, "event": event });
            self.call("DOM.dispatchMouseEvent", at).await?;
        }
        Ok(())
    }

    /// One command and its answer. What is told unasked is passed over.
    async fn call(&mut self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.number += 1;
        let command = json!({ "id": self.number, "method": method, "params": parameters });
        self.socket.send(Message::text(command.to_string())).await?;
        timeout(PATIENCE, self.answer()).await.context("it does not answer")?
    }

    async fn answer(&mut self) -> anyhow::Result<Value> {
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message? else { continue };
            let mut told: Value = serde_json::from_str(&text)?;
            if told["id"] == self.number {
                return match told.get("error") {
                    // A view that has just gone: the next look finds another one.
                    Some(_) => Ok(Value::Null),
                    None => Ok(told["result"].take()),
                };
            }
        }
        bail!("Chromium closed the connection")
    }
}

fn number(view: &Value) -> anyhow::Result<Node> {
    view["nodeId"].as_u64().ok_or_else(|| anyhow!("a view without a number"))
}

fn children(view: &Value) -> impl Iterator<Item = &Value> {
    view["children"].as_array().into_iter().flatten()
}

/// The first view that has this among its attributes.
fn find<'a>(view: &'a Value, attribute: &str) -> Option<&'a Value> {
    let attributes = view["attributes"].as_array();
    let has_it = attributes.is_some_and(|list| list.iter().any(|one| one == attribute));
    if has_it { Some(view) } else { children(view).find_map(|child| find(child, attribute)) }
}

/// This view and all below it whose class ends like this.
fn all<'a>(view: &'a Value, class: &str) -> Vec<&'a Value> {
    let is_it = view["attributes"][1].as_str().is_some_and(|name| name.ends_with(class));
    let below = children(view).flat_map(|child| all(child, class));
    is_it.then_some(view).into_iter().chain(below).collect()
}

const DIALOG: &str = "AuthenticatorRequestDialogView";

/// What a sheet says that tells of a refusal, in Chromium 156.
const REFUSALS: [&str; 10] = [
    "Something went wrong",
    "Try a different security key",
    "Try a different device",
    "You already registered this device",
    "that's not registered with this website",
    "can't be used with this site",
    "The request timed out",
    "does not have enough space",
    "Your security key is locked",
    "No passkeys available",
];
/// For half of a second after a change a press counts for nothing.
const DEAF: Duration = Duration::from_millis(600);
/// For Chromium to show what a key has refused: it takes about a second, and much longer where it is emulated.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
/// For Chromium to answer; an emulated machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_of_a_dialog_are_found_by_their_classes() {
        let label = |node: u64| json!({ "nodeId": node, "attributes": ["class", "StyledLabel"] });
        let tree = json!({ "nodeId": 1, "children": [
            { "nodeId": 2, "attributes": ["name", DIALOG], "children": [
                label(3),
                { "nodeId": 4, "attributes": ["class", "MdTextButton"], "children": [label(5)] },
            ] },
            label(6),
        ] });
        let dialog = find(&tree, DIALOG).unwrap();
        let numbers = |class| -> Vec<u64> {
            all(dialog, class).into_iter().map(|view| number(view).unwrap()).collect()
        };
        assert_eq!((numbers("Label"), numbers("MdTextButton")), (vec![3, 5], vec![4]));
        assert!(find(&label(7), DIALOG).is_none());
    }
}
