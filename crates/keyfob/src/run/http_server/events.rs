//! What happens to the keys, as a stream of server-sent events (HTML standard, section 9.2): each with a name and one line of JSON.

use std::collections::BTreeMap;
use std::rc::Rc;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_local;

use super::answers::Reply;
use super::limits::MAX_UNREAD;
use crate::control::protocol::OpenPrompt;
use crate::run::control_server::Shared;
use crate::run::told::open_prompt;

/// A response that goes on until the client hangs up or is too far behind. `place` is given back then.
pub(super) fn stream(shared: Rc<Shared>, place: OwnedSemaphorePermit) -> Response<Reply> {
    let (sender, pieces) = mpsc::channel(MAX_UNREAD);
    spawn_local(async move {
        let _place = place;
        tell(&shared, &sender).await;
    });
    let mut response = Response::new(Reply::Stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Tells what changes, until nobody listens.
async fn tell(shared: &Shared, sender: &mpsc::Sender<Bytes>) {
    let mut bell = shared.keys.listen();
    let mut seen = BTreeMap::new();
    loop {
        let now = prompts(shared);
        for event in changes(&seen, &now) {
            if sender.try_send(event).is_err() {
                return;
            }
        }
        seen = now;
        tokio::select! {
            // It cannot fail: the keys hold the other end.
            _ = bell.changed() => {}
            () = sender.closed() => return,
        }
    }
}

/// All that can be answered, by its name.
type Prompts = BTreeMap<String, OpenPrompt>;

fn prompts(shared: &Shared) -> Prompts {
    let of = |key: &Rc<virtual_key::keys::PluggedKey>| -> Vec<OpenPrompt> {
        key.prompts().into_iter().map(|prompt| open_prompt(key, prompt)).collect()
    };
    shared.keys.iter().flat_map(of).map(|prompt| (prompt.id.clone(), prompt)).collect()
}

fn changes(before: &Prompts, now: &Prompts) -> Vec<Bytes> {
    let closed = before.values().filter(|prompt| !now.contains_key(&prompt.id));
    let closed =
        closed.map(|prompt| event("promptClosed", &json!({ "id": prompt.id, "key": prompt.key })));
    let opened = now.values().filter(|prompt| !before.contains_key(&prompt.id));
    closed.chain(opened.map(|prompt| event("promptOpened", prompt))).collect()
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
