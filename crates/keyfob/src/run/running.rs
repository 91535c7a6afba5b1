//! Running keys, however they reach a host: their prompts, their control socket, their end.

use std::convert::Infallible;
use std::rc::Rc;

use usbip_server::Server;
use virtual_key::key::Touch;
use virtual_key::keys::{KeySettings, Keys};

use super::conformance_hooks::Hooks;
use super::control_server::Shared;
use super::http_server::HttpServer;
use super::key_options::KeyOptions;
use super::{control_server, descriptors, prompts, removed};
use crate::failure::usage;
use crate::home;
use crate::process::EndSignal;
use crate::say::warn;
use crate::service;
use crate::socket::ListeningSocket;
use crate::state;

/// Keys with everything around them but a host.
pub(crate) struct Running {
    keys: Rc<Keys>,
    /// Before the control socket, whose directory goes when it is empty.
    http: Option<HttpServer>,
    control: ListeningSocket,
    hooks: Option<Hooks>,
    end: EndSignal,
}

impl Running {
    /// Builds keys as `settings` say, and plugs them into `server`.
    ///
    /// # Errors
    /// The memory or the control socket is in use, or not fit to be used.
    pub(crate) fn start(
        server: &Server,
        options: &KeyOptions,
        settings: &KeySettings,
    ) -> anyhow::Result<Self> {
        if options.touch == Touch::Auto {
            warn("--touch auto approves every request without asking; use it for tests only");
        }
        if options.state.is_none() && !options.ephemeral {
            home::warn_of_foreign_home();
        }
        descriptors::provide(settings.memories.len());
        let end = end_signal(options.until_stdin_closes)?;
        let control = control_server::bind(options.control.as_deref())?;
        let http = HttpServer::open(&options.http, control.path(), settings.meter.clone())?;
        let hooks = Hooks::open(options)?;
        Ok(Self {
            keys: Rc::new(Keys::plug_into(server, settings).map_err(state::with_cure)?),
            http,
            control,
            hooks,
            end,
        })
    }

    /// The keys that run.
    pub(crate) fn keys(&self) -> &Rc<Keys> {
        &self.keys
    }

    /// Lets `host` use the keys and people answer for them, until `host` is done or somebody asks for the end. The keys
    /// are unplugged then.
    ///
    /// # Errors
    /// What `host` failed with.
    pub(crate) async fn serve(
        mut self,
        host: impl Future<Output = anyhow::Result<Infallible>>,
    ) -> anyhow::Result<()> {
        let shared = Rc::new(Shared::new(&self.keys));
        let outcome = tokio::select! {
            result = host => result.map(|never| match never {}),
            never = control_server::serve(&mut self.control, &shared) => match never {},
            never = steer(self.http.take(), &shared) => match never {},
            never = removed::guard(self.keys.directories()) => match never {},
            never = prompts::front_end(&self.keys) => match never {},
            never = obey(self.hooks.as_ref(), &self.keys) => match never {},
            never = service::keep_watchdog() => match never {},
            () = self.end.received() => Ok(()),
        };
        service::stopping();
        self.keys.unplug();
        outcome
    }
}

fn end_signal(until_stdin_closes: bool) -> anyhow::Result<EndSignal> {
    let end = EndSignal::listen()?;
    if !until_stdin_closes {
        return Ok(end);
    }
    end.or_end_of_input().map_err(|_| {
        usage(
            "--until-stdin-closes needs a pipe as the standard input stream",
            "leave it out; it is meant for programs that start a key",
        )
    })
}

/// For ever nothing, if nobody is to steer.
async fn steer(http: Option<HttpServer>, shared: &Rc<Shared>) -> Infallible {
    match http {
        Some(http) => http.serve(shared).await,
        None => std::future::pending().await,
    }
}

/// For ever nothing, if nobody is to be obeyed.
async fn obey(hooks: Option<&Hooks>, keys: &Rc<Keys>) -> Infallible {
    match hooks {
        Some(hooks) => hooks.serve(keys).await,
        None => std::future::pending().await,
    }
}
