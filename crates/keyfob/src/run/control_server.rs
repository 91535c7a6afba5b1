//! The running key's end of the control socket.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ctap_core::Decision;
use ctap_core::consent::Gesture;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};
use usbip_server::Refusals;
use virtual_key::Error;
use virtual_key::key::Touch;
use virtual_key::keys::{Keys, PluggedKey, Prompt};
use virtual_key::power_cycle::power_cycle;
use virtual_key::profile::Profile;

use super::owner;
use super::told::{key_status, open_prompt, open_prompts};
use crate::control::limits::{ACCEPT_BACK_OFF, MAX_REQUEST, PATIENCE, max_clients, max_waiting};
use crate::control::protocol::{Choice, Kind, Refusal, Status};
use crate::control::{Request, Response, bind_default};
use crate::device::Address;
use crate::profiles::warn_of_imitation;
use crate::secret_json;
use crate::socket::{ListeningSocket, Stream, tell_at_once};

/// Opens the control socket of this process at `path`, or where the clients look first.
///
/// # Errors
/// Another key is running there, or the place is not private.
pub(crate) fn bind(path: Option<&Path>) -> anyhow::Result<ListeningSocket> {
    match path {
        Some(path) => ListeningSocket::open(path),
        None => bind_default(),
    }
}

/// What all clients share, those over HTTP too.
pub(super) struct Shared {
    /// The keys that run.
    pub(super) keys: Rc<Keys>,
    /// Where clients wait for a prompt.
    waiting: Semaphore,
    /// Notified when a client has changed a key, which no host may have.
    pub(super) changed: Notify,
}

impl Shared {
    /// For clients of these keys.
    pub(super) fn new(keys: &Rc<Keys>) -> Self {
        let waiting = Semaphore::new(max_waiting(keys.iter().len()));
        let changed = Notify::new();
        Self { keys: Rc::clone(keys), waiting, changed }
    }

    /// Where one client waits for a prompt, until this is dropped.
    fn place_to_wait(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.waiting.try_acquire().map_err(|_| {
            let most = max_waiting(self.keys.iter().len());
            Refusal::new(
                format!(
                    "{most} clients wait for a prompt already, and that is the most there can be"
                ),
                "end one of them, or look for a prompt with `keyfob status`",
            )
            .of(Kind::Busy)
        })
    }
}

/// Serves every client, each on a task of its own, until the future is dropped.
///
/// Must run in a [`LocalSet`](tokio::task::LocalSet).
pub(super) async fn serve(socket: &mut ListeningSocket, shared: &Rc<Shared>) -> Infallible {
    let (mut clients, mut refusals) = (JoinSet::new(), Refusals::new());
    let most = max_clients(shared.keys.iter().len());
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok(stream) if clients.len() >= most => turn_away(stream, most),
                Ok(stream) => {
                    clients.spawn_local(serve_and_log(stream, Rc::clone(shared)));
                }
                Err(error) => {
                    refusals.tell("a client of the control socket", &error);
                    sleep(ACCEPT_BACK_OFF).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Tells one client too many why it is not heard, at once: nothing is kept for it.
fn turn_away(stream: Stream, most: usize) {
    let what = format!(
        "{most} clients are connected to the control socket already, and that is the most there can be"
    );
    let refusal = Refusal::new(what, "try again when one of them is done");
    let told = secret_json::line(&Response::Error(refusal));
    if let Err(error) = told.map_err(io::Error::from).and_then(|line| tell_at_once(stream, &line)) {
        tracing::info!(%error, "a control connection too many");
    }
}

async fn serve_and_log(stream: Stream, shared: Rc<Shared>) {
    if let Err(error) = serve_one(stream, &shared).await {
        tracing::info!(%error, "control connection ended");
    }
}

/// One request, one response; or none, if the client hangs up before.
async fn serve_one(stream: Stream, shared: &Rc<Shared>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let line = timeout(PATIENCE, read_line(&mut stream)).await??;
    let response = tokio::select! {
        biased; // a client that closes its sending side at once still gets what need not wait
        response = respond(&line, shared) => response,
        () = hang_up(&mut stream) => return Ok(()),
    };
    timeout(PATIENCE, stream.write_all(&secret_json::line(&response)?)).await?
}

async fn read_line(stream: &mut BufReader<Stream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(MAX_REQUEST).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the line is missing or too long")),
    }
}

/// Returns when the client is gone, or says more than it may.
async fn hang_up(stream: &mut BufReader<Stream>) {
    // Whatever it is: bytes, the end, or an error.
    let _ = stream.read(&mut [0]).await;
}

async fn respond(line: &[u8], shared: &Rc<Shared>) -> Response {
    match Request::read(line) {
        Ok(request) => obey(request, shared).await,
        Err(what) => Response::Error(Refusal::new(
            format!("the request is not understood: {what}"),
            "docs/reference.md lists the requests; a keyfob that asks must be of the key's version",
        )),
    }
}

/// Carries out what a client wants, however it asked.
///
/// Must run in a [`LocalSet`](tokio::task::LocalSet).
pub(super) async fn obey(request: Request, shared: &Rc<Shared>) -> Response {
    let keys = &shared.keys;
    let result = match request {
        Request::Touch(touching) => answer(keys, &touching.choice(), touching.decision()).await,
        Request::Deny(choice) => answer(keys, &choice, Decision::Deny).await,
        Request::Wait { key, seconds } => wait(shared, key.as_deref(), seconds).await,
        Request::Prompts { known } => prompts(shared, &known).await,
        Request::Replug { key } => replug(keys, key.as_deref()).await,
        Request::Tap { key, times, milliseconds } => {
            tap(keys, key.as_deref(), times, Duration::from_millis(milliseconds.into())).await
        }
        Request::LayOn { key } => lay_on(keys, key.as_deref()).await,
        Request::TakeOff { key } => take_off(keys, key.as_deref()),
        Request::Status {} => Ok(status(keys)),
        Request::Metadata { key, u2f } => metadata(keys, key.as_deref(), u2f),
        Request::Profile { key } => profile(keys, key.as_deref()),
        change => to_its_end(change, shared).await,
    };
    result.unwrap_or_else(Response::Error)
}

/// A key that is changed is changed whole, though its client hangs up meanwhile: a task of its own does it.
async fn to_its_end(request: Request, shared: &Rc<Shared>) -> Answer {
    let own = Rc::clone(shared);
    let done = spawn_local(async move { change(request, &own).await });
    done.await.unwrap_or_else(|error| {
        let next = "`keyfob status` shows whether the key still runs";
        Err(Refusal::new(format!("it was not done: {error}"), next).of(Kind::Failed))
    })
}

async fn change(request: Request, shared: &Shared) -> Answer {
    let keys = &shared.keys;
    match request {
        Request::SetProfile { key, profile } => set_profile(keys, key.as_deref(), &profile).await,
        owned => {
            let answer = owner::obey(keys, owned).await;
            shared.changed.notify_waiters();
            answer
        }
    }
}

/// What the client hears.
pub(super) type Answer = Result<Response, Refusal>;

async fn answer(keys: &Keys, choice: &Choice, decision: Decision) -> Answer {
    let (key, prompt) = choose(keys, choice)?;
    if matches!(decision, Decision::BadSample(_)) && prompt.question.gesture != Gesture::Finger {
        return Err(Refusal::new(
            "this prompt does not ask for a finger, so it takes no bad sample",
            "`keyfob touch` approves it, `keyfob deny` refuses it",
        ));
    }
    match key.answer(prompt.id, decision).await {
        true => Ok(Response::Done),
        false => Err(no_prompt()),
    }
}

/// The one prompt that is meant: the one of this name, or what the only key that asks asks now. With several keys that do, a
/// guess could approve the wrong one.
fn choose<'a>(keys: &'a Keys, choice: &Choice) -> Result<(&'a PluggedKey, Prompt), Refusal> {
    let is_meant = |prompt: &Prompt| choice.prompt.as_ref().is_none_or(|name| *name == prompt.name);
    let mut open = named(keys, choice.key.as_deref())?.into_iter().filter_map(|key| {
        let prompt = key.prompts().into_iter().find(is_meant)?;
        Some((key, prompt))
    });
    match (open.next(), open.next()) {
        (Some(only), None) => Ok(only),
        (None, _) if choice.prompt.is_some() => Err(Refusal::new(
            "that prompt is no longer open",
            "`keyfob wait` shows the prompt that is open",
        )
        .of(Kind::NoPrompt)),
        (None, _) => Err(no_prompt()),
        (Some(_), Some(_)) => Err(Refusal::new(
            "several keys ask for a touch",
            "choose one with --key or --prompt; `keyfob status` lists them",
        )
        .of(Kind::NoKey)),
    }
}

fn no_prompt() -> Refusal {
    Refusal::new("no prompt is open", "`keyfob wait` blocks until there is one").of(Kind::NoPrompt)
}

async fn wait(shared: &Shared, key: Option<&str>, seconds: Option<u32>) -> Answer {
    let candidates = named(&shared.keys, key)?;
    if candidates.iter().all(|key| key.touch() != Touch::Ask) {
        return Err(Refusal::new(
            "this key does not ask for touches",
            "start it with --touch ask to answer its prompts",
        ));
    }
    let _place = shared.place_to_wait()?;
    let opened = next_prompt(&shared.keys, &candidates);
    match seconds {
        None => Ok(opened.await),
        Some(seconds) => timeout(Duration::from_secs(seconds.into()), opened).await.map_err(|_| {
            Refusal::new(
                format!("no prompt was opened within {seconds} s"),
                "check that the client really waits for a touch",
            )
            .of(Kind::TimedOut)
        }),
    }
}

async fn next_prompt(keys: &Keys, candidates: &[&PluggedKey]) -> Response {
    let mut bell = keys.listen();
    loop {
        for key in candidates {
            if let Some(prompt) = key.prompt() {
                return Response::Prompt(open_prompt(key, prompt));
            }
        }
        // It cannot fail: the keys hold the other end.
        let _ = bell.changed().await;
    }
}

/// Of keys that ask nobody too: that may change.
async fn prompts(shared: &Shared, known: &BTreeSet<String>) -> Answer {
    let _place = shared.place_to_wait()?;
    let mut bell = shared.keys.listen();
    loop {
        let open = open_prompts(&shared.keys);
        if !open.keys().eq(known) {
            return Ok(Response::Prompts { prompts: open.into_values().collect() });
        }
        // It cannot fail: the keys hold the other end.
        let _ = bell.changed().await;
    }
}

/// Whoever unplugs a key wants to go on with it: the answer waits until it is there again, if that is up to this process.
async fn replug(keys: &Keys, key: Option<&str>) -> Answer {
    let only = the_one(keys, key)?;
    if !only.is_held() {
        only.replug();
        return Ok(Response::Done);
    }
    match power_cycle(only).await {
        true => Ok(Response::Done),
        false if only.form().is_card() => Err(Refusal::new(
            "the card was lifted and laid on again, but the reader has not noticed",
            "check that pcscd still runs",
        )
        .of(Kind::Failed)),
        false => Err(Refusal::new(
            "the key was unplugged, and the kernel has not found it again",
            "`sudo dmesg` may say why; start the key again",
        )
        .of(Kind::Failed)),
    }
}

/// Whoever taps waits until it is over; if they go, the card goes with them.
async fn tap(keys: &Keys, key: Option<&str>, times: u8, time: Duration) -> Answer {
    let card = card(keys, key)?;
    laid_on(card, card.tap(times, time).await)
}

/// Whoever lays it on wants to use it: the answer waits until the reader has it.
async fn lay_on(keys: &Keys, key: Option<&str>) -> Answer {
    let card = card(keys, key)?;
    laid_on(card, card.lay_on_and_wait().await)
}

fn laid_on(card: &PluggedKey, outcome: Result<(), Error>) -> Answer {
    outcome.map(|()| Response::Done).map_err(|error| match (error, Address::of_reader(card)) {
        (Error::NotACard, _) => no_card(),
        (_, Some(reader)) if !card.is_attached() => Refusal::new(
            "no host has the reader of this card",
            format!("attach the reader to a kernel with usbip, or use it at once: `--device {reader}`"),
        )
        .of(Kind::Failed),
        _ => Refusal::new(
            "no reader has accepted the card",
            "check that pcscd runs, and that no other card lies on the reader; `keyfob status` shows where this one is",
        )
        .of(Kind::Failed),
    })
}

fn take_off(keys: &Keys, key: Option<&str>) -> Answer {
    card(keys, key)?.take_off();
    Ok(Response::Done)
}

/// The card with this bus id, or the only one.
fn card<'a>(keys: &'a Keys, key: Option<&str>) -> Result<&'a PluggedKey, Refusal> {
    let key = the_one(keys, key)?;
    if key.form().is_card() { Ok(key) } else { Err(no_card()) }
}

fn no_card() -> Refusal {
    Refusal::new(
        "this key is not a card, so it cannot be laid on a reader",
        "start one with `keyfob card`; this one is unplugged and plugged in with `keyfob replug`",
    )
}

fn status(keys: &Keys) -> Response {
    let each = keys.iter().map(|key| key_status(key)).collect();
    Response::Status(Status { touch: keys.touch(), keys: each })
}

fn metadata(keys: &Keys, key: Option<&str>, u2f: bool) -> Answer {
    match the_one(keys, key)?.statements().of(u2f).map_err(owner::refusal)? {
        Some(statement) => Ok(Response::Metadata { statement }),
        None => Err(Refusal::new(
            "this key does not speak U2F",
            "leave out --u2f for the statement about what it speaks",
        )),
    }
}

fn profile(keys: &Keys, key: Option<&str>) -> Answer {
    let profile = the_one(keys, key)?.profile();
    let announced = profile.only_announced().map_err(owner::refusal)?;
    let announced = announced.iter().map(ToString::to_string).collect();
    let name = profile.name().to_owned();
    Ok(Response::Profile { name, profile: profile.to_json(), announced })
}

/// Whoever wants another kind of key wants hosts to find it: it is unplugged and plugged in again.
async fn set_profile(keys: &Keys, key: Option<&str>, name: &str) -> Answer {
    let only = the_one(keys, key)?;
    let profile = Profile::load(name).map_err(owner::refusal)?;
    // What cannot be told of it is refused below.
    let _ = warn_of_imitation(&profile);
    only.set_profile(profile).await.map_err(owner::refusal)?;
    replug(keys, key).await
}

/// The key with this bus id, or the only one.
pub(super) fn the_one<'a>(keys: &'a Keys, bus_id: Option<&str>) -> Result<&'a PluggedKey, Refusal> {
    match named(keys, bus_id)?[..] {
        [only] => Ok(only),
        _ => Err(Refusal::new("there are several keys", "choose one with --key").of(Kind::NoKey)),
    }
}

/// The key with this bus id, or all of them.
fn named<'a>(keys: &'a Keys, bus_id: Option<&str>) -> Result<Vec<&'a PluggedKey>, Refusal> {
    let is_named = |key: &&Rc<PluggedKey>| bus_id.is_none_or(|bus_id| bus_id == key.bus_id());
    let found: Vec<_> = keys.iter().filter(is_named).map(Rc::as_ref).collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            Err(Refusal::new("there is no such key", "`keyfob status` lists the keys")
                .of(Kind::NoKey))
        }
    }
}
