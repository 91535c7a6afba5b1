//! `security-info`: see `--help`.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use security_info::{
    Account, App, Role, Seconds, StartFault, Store, StoreFault, password, router, serve,
};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use url::Url;

/// A small site to try security keys on: accounts, a Security info page, signing in without a password
///
/// It listens on this machine only, unless --listen says otherwise. Open http://localhost:8080 in a browser, with that name: at 127.0.0.1 browsers do not use
/// security keys.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Options {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The address browsers see, if it is not http://localhost:PORT: behind a proxy, for example https://login.example.org
    #[arg(long, value_name = "URL")]
    origin: Option<Url>,

    /// Keep accounts, keys and settings in this SQLite file; without it they are gone when the program ends
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,

    /// Make an account, unless it is there already; may be given several times
    #[arg(long, value_name = "NAME:PASSWORD")]
    demo_account: Vec<Login>,

    /// Likewise, one that may change the settings: switch security keys off, or accept certain models only
    #[arg(long, value_name = "NAME:PASSWORD")]
    demo_admin: Vec<Login>,
}

const AFTER_HELP: &str = "\
Try it:
  security-info --demo-account alice:correct-horse --demo-admin admin:battery-staple
  sudo keyfob attach --touch ask        in another terminal: plugs a virtual key in

Then, in a browser, sign in as alice with the password, choose “Add sign-in method”,
“Security key”, “USB”, follow the browser, and name the key. Sign out, and sign in with the
key alone.

Settings are at /admin. RUST_LOG=security_info=debug shows why something was refused.";

/// A name and a password, as demo accounts have them: anybody on this machine can see them.
#[derive(Clone, Debug)]
struct Login {
    name: String,
    password: String,
}

impl FromStr for Login {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) if !name.trim().is_empty() && !password.is_empty() => {
                Ok(Self { name: name.trim().to_owned(), password: password.to_owned() })
            }
            _ => Err("type a name, a colon and a password, such as alice:correct-horse"),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    start_log();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let words = format!("security-info: {}\nnext: {}\n", fault.what, fault.next);
            // Nobody is there to hear that nobody hears it.
            let _ = io::stderr().write_all(words.as_bytes());
            ExitCode::from(if fault.is_usage { 2 } else { 1 })
        }
    }
}

fn start_log() {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_plain = variable("NO_COLOR").is_some()
        || variable("TERM").is_some_and(|term| term == "dumb")
        || !io::stdout().is_terminal();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("security_info=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(!is_plain);
    log.without_time().with_target(false).init();
}

#[tokio::main]
async fn run(options: &Options) -> Result<(), Fault> {
    let store = open_store(options.database.as_deref())?;
    add_accounts(&store, options)?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| {
        let next = "choose another address with --listen; port 0 takes any free one";
        Fault::new(format_args!("cannot listen on {}: {error}", options.listen), next)
    })?;
    let origin = origin(options, &listener)?;
    let app = App::new(store, origin.clone(), Box::new(now)).map_err(|error| match error {
        StartFault::Origin(_) => {
            Fault::usage(error, "browsers know it by --origin, such as https://login.example.org")
        }
        StartFault::Store(_) => Fault::new(error, DATABASE),
    })?;
    tracing::info!("open {origin} in a browser; Ctrl-C ends this");
    match serve(listener, router(app)).await {}
}

fn origin(options: &Options, listener: &TcpListener) -> Result<Url, Fault> {
    if let Some(origin) = &options.origin {
        return Ok(origin.clone());
    }
    let port = listener.local_addr().map_err(|error| Fault::new(error, "try again"))?.port();
    let origin = Url::parse(&format!("http://localhost:{port}"));
    origin.map_err(|error| Fault::new(error, "give the address that browsers use with --origin"))
}

fn open_store(path: Option<&Path>) -> Result<Store, Fault> {
    let Some(path) = path else {
        tracing::info!(
            "accounts and keys are lost when this program ends; --database FILE keeps them"
        );
        return Store::in_memory().map_err(|error| Fault::new(error, DATABASE));
    };
    let opened = Store::open(path);
    opened.map_err(|error| Fault::new(format_args!("{}: {error}", path.display()), DATABASE))
}

/// Adds the accounts that the command line names, and tells whom the site knows.
fn add_accounts(store: &Store, options: &Options) -> Result<(), Fault> {
    let people = options.demo_account.iter().map(|login| (login, Role::Person));
    let administrators = options.demo_admin.iter().map(|login| (login, Role::Administrator));
    for (login, role) in people.chain(administrators) {
        let hash = password::hash(&login.password).map_err(|error| {
            Fault::new(format_args!("cannot hash a password: {error}"), "try again")
        })?;
        store.add_account(&login.name, &hash, role).map_err(broken)?;
    }
    let accounts = store.accounts().map_err(broken)?;
    if accounts.is_empty() {
        let next = "add --demo-account alice:correct-horse";
        return Err(Fault::usage("there is no account to sign in with", next));
    }
    let logins: Vec<&Login> = options.demo_account.iter().chain(&options.demo_admin).collect();
    accounts.iter().for_each(|account| tracing::info!("{}", introduce(account, &logins)));
    Ok(())
}

/// Says who can sign in, with a password that somebody typed as an example anyway.
fn introduce(account: &Account, logins: &[&Login]) -> String {
    let name = account.name.escape_debug();
    let typed = logins.iter().filter(|login| login.name.eq_ignore_ascii_case(&account.name));
    let typed: Vec<_> = typed.map(|login| login.password.as_str()).collect();
    let fitting = typed.iter().find(|it| password::matches(it, Some(&account.password)));
    let password = match (fitting, typed.is_empty()) {
        (Some(password), _) => format!("password {}", password.escape_debug()),
        (None, true) => "password as set before".to_owned(),
        (None, false) => "password as set before, not the one given now".to_owned(),
    };
    match account.role {
        Role::Administrator => format!("account {name}, {password}; an administrator"),
        Role::Person => format!("account {name}, {password}"),
    }
}

/// Why the site does not start, and what to do about it.
struct Fault {
    what: String,
    next: &'static str,
    /// The command line cannot be meant.
    is_usage: bool,
}

impl Fault {
    fn new(what: impl ToString, next: &'static str) -> Self {
        Self { what: what.to_string(), next, is_usage: false }
    }

    fn usage(what: impl ToString, next: &'static str) -> Self {
        Self { is_usage: true, ..Self::new(what, next) }
    }
}

fn broken(error: StoreFault) -> Fault {
    Fault::new(error, DATABASE)
}

const DATABASE: &str = "choose another file with --database, or leave it out";

fn now() -> Seconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Seconds::try_from(since.as_secs()).unwrap_or(Seconds::MAX)
}
