//! The owner of the port that USB/IP tools expect (proc(5): /proc/net/tcp).

use std::fs;

use super::machine::Machine;

/// The name of the program that listens on `port`: `Some(None)` if somebody does whom this user may not know.
pub(super) fn listener(host: &Machine, port: u16) -> Option<Option<String>> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&host.read(table), port))?;
    Some(owner(host, &inode))
}

/// The socket that listens on `port`. Columns: number, local address, remote address, state, …, inode as the tenth.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    let suffix = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == LISTEN;
        listens.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    })
}

fn owner(host: &Machine, inode: &str) -> Option<String> {
    let link = format!("socket:[{inode}]");
    let is_process = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let process = host.names("/proc").into_iter().filter(is_process).find(|pid| {
        let directory = format!("/proc/{pid}/fd");
        host.names(&directory).iter().any(|fd| {
            fs::read_link(host.path(&format!("{directory}/{fd}")))
                .is_ok_and(|target| target.as_os_str() == link.as_str())
        })
    })?;
    Some(format!("{} (process {process})", host.read(&format!("/proc/{process}/comm")).trim()))
}

/// IANA's port for USB/IP, where the kernel's tools look for it.
pub(crate) const STANDARD_PORT: u16 = 3240;
/// TCP_LISTEN of the kernel.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0CA8 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 111 1
   1: 0100007F:0CA8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1
";

    #[test]
    fn the_one_who_listens_is_found_and_not_those_who_are_connected() {
        assert_eq!(listening_inode(TABLE, 3240).as_deref(), Some("222"));
        assert_eq!(listening_inode(TABLE, 22).as_deref(), Some("333"));
        assert_eq!(listening_inode(TABLE, 23), None);
    }

    #[test]
    fn the_process_is_named_if_its_files_can_be_seen() {
        let (_root, host) = Machine::of(&[
            ("/proc/net/tcp", TABLE),
            ("/proc/42/comm", "usbipd\n"),
            ("/proc/42/fd/0", ""),
        ]);
        assert_eq!(listener(&host, 3240), Some(None));
        std::os::unix::fs::symlink("socket:[222]", host.path("/proc/42/fd/3")).unwrap();
        assert_eq!(listener(&host, 3240), Some(Some("usbipd (process 42)".to_owned())));
        assert_eq!(listener(&host, 3241), None);
    }
}
