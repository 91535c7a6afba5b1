//! What all requests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState};

use crate::expiring::{Expiring, Seconds};
use crate::password::Turns;
use crate::relying_party::{OriginFault, RelyingParty};
use crate::store::{Store, StoreFault};
use crate::throttle::Throttle;
use crate::token::random_token;

/// Tells the time. Whoever runs the application decides what time it is; tests move it.
pub type Clock = Box<dyn Fn() -> Seconds + Send + Sync>;

/// The application, apart from its pages.
pub struct App {
    pub(crate) store: Store,
    pub(crate) relying_party: RelyingParty,
    pub(crate) hashing: Turns,
    sessions: Mutex<Expiring<String, Session>>,
    ceremonies: Mutex<Expiring<String, (String, Ceremony)>>,
    throttle: Mutex<Throttle>,
    clock: Clock,
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The origin is none.
    #[error(transparent)]
    Origin(#[from] OriginFault),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Somebody is signed in.
#[derive(Clone, Copy)]
struct Session {
    account: i64,
    since: Seconds,
}

/// What a key was asked for. Its answer is judged by this once, by the browser that asked, soon.
pub(crate) enum Ceremony {
    /// A new credential for an account.
    Register { account: i64, state: RegistrationState },
    /// Any credential.
    SignIn { state: AuthenticationState },
    /// A credential of a name; `None`: nobody has that name.
    SignInAs { account: Option<i64>, state: AuthenticationState },
}

impl App {
    /// An application that browsers find at `origin`.
    ///
    /// # Errors
    /// [`StartFault`]
    pub fn new(store: Store, origin: Url, clock: Clock) -> Result<Arc<Self>, StartFault> {
        let relying_party = RelyingParty::new(origin, &store.secret()?)?;
        Ok(Arc::new(Self {
            store,
            relying_party,
            hashing: Turns::new(),
            sessions: Mutex::new(Expiring::new(IDLE, MAX_SESSIONS)),
            ceremonies: Mutex::new(Expiring::new(CEREMONY, MAX_CEREMONIES)),
            throttle: Mutex::new(Throttle::new()),
            clock,
        }))
    }

    pub(crate) fn now(&self) -> Seconds {
        (self.clock)()
    }

    /// Signs somebody in; the session's name, for their browser only.
    pub(crate) fn begin_session(&self, account: i64) -> String {
        let (name, now) = (random_token(), self.now());
        lock(&self.sessions).put(name.clone(), Session { account, since: now }, now);
        name
    }

    /// Whose session this is. Being asked keeps it alive, up to a working day.
    pub(crate) fn session(&self, name: &str) -> Option<i64> {
        let now = self.now();
        let mut sessions = lock(&self.sessions);
        let session = sessions.take(name, now)?;
        if now >= session.since.saturating_add(LONGEST) {
            return None;
        }
        sessions.put(name.to_owned(), session, now);
        Some(session.account)
    }

    pub(crate) fn end_session(&self, name: &str) {
        lock(&self.sessions).take(name, self.now());
        lock(&self.ceremonies).retain(|(owner, _)| owner != name);
    }

    /// Remembers what was asked; `owner` is the cookie of the browser that will bring the answer. The ceremony's name.
    pub(crate) fn begin_ceremony(&self, owner: &str, ceremony: Ceremony) -> String {
        let name = random_token();
        lock(&self.ceremonies).put(name.clone(), (owner.to_owned(), ceremony), self.now());
        name
    }

    /// What was asked. It is forgotten at once: an answer counts only once, whatever becomes of it.
    pub(crate) fn take_ceremony(&self, owner: &str, name: &str) -> Option<Ceremony> {
        let found = lock(&self.ceremonies).take(name, self.now());
        found.filter(|(of, _)| of == owner).map(|(_, ceremony)| ceremony)
    }

    pub(crate) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        lock(&self.throttle)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An unused session ends after half an hour, any session after twelve hours.
const IDLE: Seconds = 30 * 60;
const LONGEST: Seconds = 12 * 60 * 60;
const MAX_SESSIONS: usize = 10_000;

/// A ceremony takes the browser's two minutes and some patience with PINs.
const CEREMONY: Seconds = 5 * 60;
const MAX_CEREMONIES: usize = 10_000;
