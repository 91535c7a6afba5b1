//! `security-info`: see `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Parser;
use security_info::{App, Role, Seconds, Store, password, router};
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

Settings are at /admin. RUST_LOG=security_info=debug tells more about what is refused.";

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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("security_info=info"));
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_target(false).init();
    let store = open_store(&options)?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
    let origin = match options.origin {
        Some(origin) => origin,
        None => Url::parse(&format!("http://localhost:{}", listener.local_addr()?.port()))?,
    };
    let app = App::new(store, origin.clone(), Box::new(now))?;
    tracing::info!("open {origin} in a browser; Ctrl-C ends this");
    axum::serve(listener, router(app)).await?;
    Ok(())
}

fn open_store(options: &Options) -> anyhow::Result<Store> {
    let store = match &options.database {
        Some(path) => {
            Store::open(path).with_context(|| format!("cannot use {}", path.display()))?
        }
        None => Store::in_memory()?,
    };
    let people = options.demo_account.iter().map(|login| (login, Role::Person));
    let administrators = options.demo_admin.iter().map(|login| (login, Role::Administrator));
    for (login, role) in people.chain(administrators) {
        let hash = password::hash(&login.password).context("cannot hash a password")?;
        if !store.add_account(&login.name, &hash, role)? {
            tracing::info!("{} has an account already; its password stays as it is", login.name);
        }
    }
    anyhow::ensure!(
        store.has_accounts()?,
        "there is no account to sign in with; add --demo-account alice:correct-horse"
    );
    if options.database.is_none() {
        tracing::info!("accounts and keys are gone when this ends; --database FILE keeps them");
    }
    Ok(store)
}

fn now() -> Seconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Seconds::try_from(since.as_secs()).unwrap_or(Seconds::MAX)
}
