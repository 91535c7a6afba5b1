//! The bare minimum of an exchange over the loopback interface: a process that reads so many bytes, and writes so many.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::terminal;

/// Is that process: serves one connection until it ends.
///
/// # Errors
/// From the operating system.
pub(super) fn run(request: usize, reply: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    terminal::print(format_args!("{}\n", listener.local_addr()?))?;
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let (mut request, reply) = (vec![0; request], vec![0; reply]);
    while stream.read_exact(&mut request).is_ok() {
        stream.write_all(&reply)?;
    }
    Ok(())
}

/// The other end. Dropping it ends both.
pub(super) struct Echo {
    process: Child,
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Echo {
    /// Starts the process and connects to it.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn start(request: usize, reply: usize) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["bench", "--echo", &request.to_string(), &reply.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let output = process.stdout.take().context("a process without output")?;
        BufReader::new(output).read_line(&mut address)?;
        let stream = TcpStream::connect(address.trim())?;
        stream.set_nodelay(true)?;
        Ok(Self { process, stream, request: vec![0; request], reply: vec![0; reply] })
    }

    /// One exchange.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn exchange(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request)?;
        Ok(self.stream.read_exact(&mut self.reply)?)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
