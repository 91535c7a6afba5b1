//! What happens to the keys, as a stream of server-sent events (HTML standard, section 9.2): each with a name and one line of JSON.
//! Those about credentials have DevTools' names. What a key keeps is compared with what it kept before, while somebody listens.

use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::CredentialSource;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_local;
use virtual_key::credential_formats::webdriver;
use zeroize::Zeroizing;

use super::answers::Reply;
use super::limits::MAX_UNREAD;
use crate::control::protocol::OpenPrompt;
use crate::run::control_server::Shared;
use crate::run::told::open_prompts;
use crate::secret_json::{self, SecretJson};

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
    let mut open = Prompts::new();
    let mut kept = credentials(shared).await;
    loop {
        let mut changed = pin!(shared.changed.notified());
        changed.as_mut().enable(); // from before the look on
        let (open_now, kept_now) = (open_prompts(&shared.keys), credentials(shared).await);
        let events = changes(&open, &open_now).into_iter().chain(of_credentials(&kept, &kept_now));
        for event in events {
            if sender.try_send(event).is_err() {
                return;
            }
        }
        (open, kept) = (open_now, kept_now);
        tokio::select! {
            // It cannot fail: the keys hold the other end.
            _ = bell.changed() => {}
            () = changed => {}
            () = sender.closed() => return,
        }
    }
}

/// All that can be answered, by its name.
type Prompts = BTreeMap<String, OpenPrompt>;

fn changes(before: &Prompts, now: &Prompts) -> Vec<Bytes> {
    let closed = before.values().filter(|prompt| !now.contains_key(&prompt.id));
    let closed =
        closed.map(|prompt| event("promptClosed", &json!({ "id": prompt.id, "key": prompt.key })));
    let opened = now.values().filter(|prompt| !before.contains_key(&prompt.id));
    closed.chain(opened.map(|prompt| event("promptOpened", prompt))).collect()
}

/// What keys keep: a key's bus id and a credential's id, and its members.
type Kept = BTreeMap<(String, Vec<u8>), SecretJson>;

/// What an event tells of a credential.
#[derive(Serialize)]
struct Told<'a> {
    key: &'a str,
    credential: &'a SecretJson,
}

async fn credentials(shared: &Shared) -> Kept {
    let mut kept = Kept::new();
    for key in shared.keys.iter() {
        // One that ends tells nothing any more.
        for source in key.credentials().await.unwrap_or_default() {
            let members = members(&source);
            kept.insert((key.bus_id().to_owned(), source.id), members);
        }
    }
    kept
}

/// As WebDriver tells a credential. One of a relying party whose name is not known has none.
fn members(source: &CredentialSource) -> SecretJson {
    webdriver::to_json(source).unwrap_or_default().into()
}

/// A counter that all credentials of a key share does not tell which was used: then it is the only one, or nothing is told.
fn of_credentials(before: &Kept, now: &Kept) -> Vec<Bytes> {
    let deleted = before.keys().filter(|id| !now.contains_key(id)).map(|(key, id)| {
        let id = Base64UrlUnpadded::encode_string(id);
        event("credentialDeleted", &json!({ "key": key, "credentialId": id }))
    });
    let counted = |(id, members): &(&(String, Vec<u8>), &SecretJson)| {
        before.get(*id).is_some_and(|old| old["signCount"] != members["signCount"])
    };
    let is_one = now.iter().filter(counted).count() == 1;
    let told = now.iter().filter_map(|(id, members)| {
        let name = match before.get(id) {
            None => "credentialAdded",
            Some(_) if counted(&(id, members)) && is_one => "credentialAsserted",
            Some(old) if differs(old, members) => "credentialUpdated",
            Some(_) => return None,
        };
        Some(event(name, &Told { key: &id.0, credential: members }))
    });
    deleted.chain(told).collect()
}

/// In more than its counter.
fn differs(old: &Value, new: &Value) -> bool {
    fn others(members: &Value) -> impl Iterator<Item = (&String, &Value)> {
        members.as_object().into_iter().flatten().filter(|(name, _)| *name != "signCount")
    }
    !others(old).eq(others(new))
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let line = secret_json::line(data).unwrap_or_default();
    let head = format!("event: {name}\ndata: ");
    let parts = [head.as_bytes(), &line, b"\n"];
    Bytes::from_owner(Zeroizing::new(parts.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(of: &[(&str, u32, &str)]) -> Kept {
        let one = |(id, count, name): &(&str, u32, &str)| {
            let key = ("1-1".to_owned(), id.as_bytes().to_vec());
            (key, json!({ "signCount": count, "userName": name }).into())
        };
        of.iter().map(one).collect()
    }

    fn names(before: &Kept, now: &Kept) -> Vec<String> {
        let name = |event: &Bytes| {
            let text = String::from_utf8_lossy(event);
            text.lines().next().unwrap().trim_start_matches("event: ").to_owned()
        };
        of_credentials(before, now).iter().map(name).collect()
    }

    #[test]
    fn what_is_different_has_the_names_of_devtools() {
        let before = kept(&[("a", 1, "ada"), ("b", 1, "ben")]);
        assert!(names(&before, &before).is_empty());
        for (now, name) in [
            (kept(&[("a", 1, "ada")]), "credentialDeleted"),
            (kept(&[("a", 1, "ada"), ("b", 1, "ben"), ("c", 0, "cy")]), "credentialAdded"),
            (kept(&[("a", 1, "ada"), ("b", 2, "ben")]), "credentialAsserted"),
            (kept(&[("a", 1, "ada"), ("b", 1, "Benedict")]), "credentialUpdated"),
        ] {
            assert_eq!(names(&before, &now), [name]);
        }
    }

    #[test]
    fn of_a_counter_that_all_share_nobody_says_which_was_used() {
        let before = kept(&[("a", 1, "ada"), ("b", 1, "ben")]);
        assert!(names(&before, &kept(&[("a", 2, "ada"), ("b", 2, "ben")])).is_empty());
        let only = kept(&[("a", 1, "ada")]);
        assert_eq!(names(&only, &kept(&[("a", 2, "ada")])), ["credentialAsserted"]);
    }
}
