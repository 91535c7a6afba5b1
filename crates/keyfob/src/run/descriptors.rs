//! File descriptors: how many the keys and their clients take, and what is done where this process may open fewer.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::control::limits::max_clients;
use crate::say::warn;

/// Lets this process open as many files as so many keys take, which may be more than the soft limit: that is low for the sake of
/// programs that use select(2). Where the hard limit is too low for it, that is said.
pub(super) fn provide(keys: usize) {
    let (needed, limit) = (needed(keys), getrlimit(Resource::Nofile));
    let may_open = limit.maximum.map_or(needed, |most| most.min(needed));
    if limit.current.is_some_and(|current| current < may_open) {
        // What it cannot have it does without, and says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(may_open), ..limit });
    }
    if let Some(sentence) = lack(getrlimit(Resource::Nofile).current, needed, keys) {
        warn(sentence);
    }
}

fn lack(limit: Option<u64>, needed: u64, keys: usize) -> Option<String> {
    let limit = limit.filter(|limit| *limit < needed)?;
    Some(format!(
        "this process may open {limit} files, and {keys} keys with their hosts and clients take up to {needed}: it \
         may not start, or refuse the last ones\nnext: raise the hard limit (`ulimit -Hn`, or LimitNOFILE={needed} of a \
         service), or have fewer keys with --keys"
    ))
}

/// Those of each key: four of its memory, one of its host. Those of clients: at the control socket, and over HTTP. And some for the rest.
fn needed(keys: usize) -> u64 {
    let clients = max_clients(keys).saturating_mul(2);
    let all = keys.saturating_mul(OF_A_KEY).saturating_add(clients).saturating_add(REST);
    u64::try_from(all).unwrap_or(u64::MAX)
}

const OF_A_KEY: usize = 5;

/// Streams, sockets, the runtime, hosts that come and go, and what is opened for a moment.
const REST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::state::MAX_KEYS;

    #[test]
    fn a_key_or_two_do_with_what_every_process_has_and_a_farm_with_a_usual_hard_limit() {
        assert!(needed(2) < 256);
        assert!(needed(MAX_KEYS.into()) < 4096);
    }

    #[test]
    fn where_it_is_too_little_the_number_and_the_next_step_are_said() {
        assert_eq!(lack(None, 300, 9), None);
        assert_eq!(lack(Some(300), 300, 9), None);
        let said = lack(Some(299), 300, 9).unwrap();
        assert!(said.starts_with("this process may open 299 files, and 9 keys"), "{said}");
        assert!(said.contains("\nnext: ") && said.contains("LimitNOFILE=300"), "{said}");
    }
}
