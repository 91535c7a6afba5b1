//! What happens to the keys, as a stream of server-sent events (HTML standard, section 9.2): each with a name and one line of JSON.
//! Those about credentials have DevTools' names. What a key keeps is compared with what it kept before, once for all who listen, and while
//! anybody does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::CredentialSource;
use futures_util::future::select_all;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use virtual_key::credential_formats::webdriver;
use zeroize::Zeroizing;

use super::answers::Reply;
use super::limits::MAX_UNREAD;
use crate::control::protocol::OpenPrompt;
use crate::run::control_server::Shared;
use crate::run::told::open_prompts;
use crate::secret_json::{self, SecretJson};

/// Tells all who listen what happens. Looking at the keys is one task's work, however many they are.
pub(super) struct Teller {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// Where somebody asks to hear.
#[derive(Clone)]
pub(super) struct Doorbell {
    arrivals: mpsc::UnboundedSender<Arrival>,
}

/// Somebody who wants to hear from now on.
struct Arrival {
    pieces: mpsc::Sender<Bytes>,
    /// Hears that it has begun.
    begun: oneshot::Sender<()>,
}

/// A teller, and the way to it.
pub(super) fn teller() -> (Doorbell, Teller) {
    // No longer than there are places for streams.
    let (sender, arrivals) = mpsc::unbounded_channel();
    (Doorbell { arrivals: sender }, Teller { arrivals })
}

impl Doorbell {
    /// A response that goes on until the client hangs up or is too far behind. What happens from now on is in it. `place` is given back
    /// then.
    pub(super) async fn stream(&self, place: OwnedSemaphorePermit) -> Response<Reply> {
        let (pieces, hears) = mpsc::channel(MAX_UNREAD);
        let (begun, has_begun) = oneshot::channel();
        // A teller that is gone leaves a stream that ends at once.
        let _ = self.arrivals.send(Arrival { pieces, begun });
        let _ = has_begun.await;
        let mut response = Response::new(Reply::Stream(hears, place));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Teller {
    /// Tells what changes, while anybody listens, until the future is dropped.
    pub(super) async fn tell(mut self, shared: &Shared) -> Infallible {
        let mut bell = shared.keys.listen();
        let mut listeners: Vec<mpsc::Sender<Bytes>> = Vec::new();
        let mut known = Known::default();
        let mut arrival = None;
        loop {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() && arrival.is_none() {
                known = Known::default(); // private keys are in it
                arrival = self.arrivals.recv().await;
            }
            let mut changed = pin!(shared.changed.notified());
            changed.as_mut().enable(); // from before the look on
            let now = Known::of(shared, &known.uses).await;
            let events = known.changes(&now);
            listeners.retain(|listener| is_told(listener, &events));
            if let Some(Arrival { pieces, begun }) = arrival.take()
                && is_told(&pieces, &now.open_prompts())
            {
                listeners.push(pieces);
                // It may be gone already.
                let _ = begun.send(());
            }
            known = now;
            tokio::select! {
                // It cannot fail: the keys hold the other end.
                _ = bell.changed() => {}
                () = changed => {}
                Some(new) = self.arrivals.recv() => arrival = Some(new),
                () = one_hangs_up(&listeners) => {}
            }
        }
    }
}

async fn one_hangs_up(listeners: &[mpsc::Sender<Bytes>]) {
    match listeners {
        [] => pending().await,
        some => drop(select_all(some.iter().map(|listener| Box::pin(listener.closed()))).await),
    }
}

/// Whether somebody still listens, and is not too far behind for these.
fn is_told(listener: &mpsc::Sender<Bytes>, events: &[Bytes]) -> bool {
    events.iter().all(|event| listener.try_send(event.clone()).is_ok())
}

/// How things stand.
#[derive(Default)]
struct Known {
    open: Prompts,
    kept: Kept,
    /// How many assertions each key has made.
    uses: BTreeMap<String, u64>,
    /// Whose the last of them were, since somebody looked before.
    used: Vec<Id>,
}

impl Known {
    /// How they stand now, and what was used since keys had made so many assertions.
    async fn of(shared: &Shared, uses: &BTreeMap<String, u64>) -> Self {
        let mut known = Self { open: open_prompts(&shared.keys), ..Self::default() };
        for key in shared.keys.iter() {
            let before = uses.get(key.bus_id()).copied().unwrap_or_default();
            // One that ends tells nothing any more.
            let Ok(kept) = key.kept(before).await else { continue };
            let named = |id| (key.bus_id().to_owned(), id);
            known.uses.insert(key.bus_id().to_owned(), kept.uses);
            known.used.extend(kept.used.into_iter().map(named));
            for source in kept.credentials {
                let members = members(&source);
                known.kept.insert(named(source.id), members);
            }
        }
        known
    }

    /// What tells whoever knew this how things stand `now`.
    fn changes(&self, now: &Self) -> Vec<Bytes> {
        let credentials = of_credentials(&self.kept, &now.kept, &now.used);
        changes(&self.open, &now.open).into_iter().chain(credentials).collect()
    }

    fn open_prompts(&self) -> Vec<Bytes> {
        changes(&Prompts::default(), &self.open)
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

/// A key's bus id, and a credential's id.
type Id = (String, Vec<u8>);

/// What keys keep, and its members.
type Kept = BTreeMap<Id, SecretJson>;

/// What an event tells of a credential.
#[derive(Serialize)]
struct Told<'a> {
    key: &'a str,
    credential: &'a SecretJson,
}

/// As WebDriver tells a credential. One of a relying party whose name is not known has none.
fn members(source: &CredentialSource) -> SecretJson {
    webdriver::to_json(source).unwrap_or_default().into()
}

/// `used`: whose the assertions were that were made meanwhile. A counter that all credentials of a key share is another one for each of
/// them then, which says nothing of the others.
fn of_credentials(before: &Kept, now: &Kept, used: &[Id]) -> Vec<Bytes> {
    let deleted = before.keys().filter(|id| !now.contains_key(id)).map(|(key, id)| {
        let id = Base64UrlUnpadded::encode_string(id);
        event("credentialDeleted", &json!({ "key": key, "credentialId": id }))
    });
    let told = |name, (key, _): &Id, credential| event(name, &Told { key, credential });
    let changed = now.iter().filter_map(|(id, members)| {
        let has_counted = used.iter().any(|(key, _)| *key == id.0);
        match before.get(id) {
            None => Some(told("credentialAdded", id, members)),
            Some(old) if differs(old, members, has_counted) => {
                Some(told("credentialUpdated", id, members))
            }
            Some(_) => None,
        }
    });
    let asserted = used.iter().filter_map(|id| Some((id, now.get(id)?)));
    let asserted = asserted.map(|(id, members)| told("credentialAsserted", id, members));
    deleted.chain(changed).chain(asserted).collect()
}

/// In more than its counter, if the key `has_counted`.
fn differs(old: &Value, new: &Value, has_counted: bool) -> bool {
    let is_told = |(name, _): &(&String, &Value)| !has_counted || *name != "signCount";
    let told = [old, new].map(|all| all.as_object().into_iter().flatten().filter(is_told));
    let [old, new] = told;
    !old.eq(new)
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

    fn names(before: &Kept, now: &Kept, used: &[&str]) -> Vec<String> {
        let name = |event: &Bytes| {
            let text = String::from_utf8_lossy(event);
            text.lines().next().unwrap().trim_start_matches("event: ").to_owned()
        };
        let used: Vec<Id> =
            used.iter().map(|id| ("1-1".to_owned(), id.as_bytes().to_vec())).collect();
        of_credentials(before, now, &used).iter().map(name).collect()
    }

    #[test]
    fn what_is_different_has_the_names_of_devtools() {
        let before = kept(&[("a", 1, "ada"), ("b", 1, "ben")]);
        assert!(names(&before, &before, &[]).is_empty());
        for (now, used, name) in [
            (kept(&[("a", 1, "ada")]), &[][..], "credentialDeleted"),
            (kept(&[("a", 1, "ada"), ("b", 1, "ben"), ("c", 0, "cy")]), &[], "credentialAdded"),
            (kept(&[("a", 1, "ada"), ("b", 2, "ben")]), &["b"], "credentialAsserted"),
            (kept(&[("a", 1, "ada"), ("b", 1, "Benedict")]), &[], "credentialUpdated"),
            (kept(&[("a", 1, "ada"), ("b", 9, "ben")]), &[], "credentialUpdated"),
        ] {
            assert_eq!(names(&before, &now, used), [name]);
        }
    }

    #[test]
    fn an_assertion_is_told_whatever_becomes_of_counters() {
        let never_counts = kept(&[("a", 0, "ada"), ("b", 0, "ben")]);
        let told = names(&never_counts, &never_counts, &["b", "a", "b"]);
        assert_eq!(told, ["credentialAsserted"; 3]);
        let (before, now) =
            (kept(&[("a", 1, "ada"), ("b", 1, "ben")]), kept(&[("a", 2, "ada"), ("b", 2, "ben")]));
        assert_eq!(names(&before, &now, &["a"]), ["credentialAsserted"], "one counter for both");
        assert!(names(&before, &before, &["elsewhere"]).is_empty(), "in its id alone");
    }
}
