//! A card in the hands of a listener that plays the reader. The time is real, and nobody waits for it.

use std::cell::RefMut;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use usbip_server::Timed;

use super::*;

/// Answers each command with the command itself.
#[derive(Default)]
struct Mirror {
    insertion: Option<u32>,
    has_power: bool,
    power_ups: u32,
    command: Option<Vec<u8>>,
    /// It takes its time for responses.
    is_slow: bool,
}

impl Timed for Mirror {
    fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }

    fn handle_timeout(&mut self) {}
}

impl SmartCard for Mirror {
    fn insertion(&self) -> Option<u32> {
        self.insertion
    }

    fn power_on(&mut self) -> Option<Vec<u8>> {
        self.has_power = true;
        self.power_ups += 1;
        self.command = None;
        Some(ATR.to_vec())
    }

    fn power_off(&mut self) {
        self.has_power = false;
        self.command = None;
    }

    fn transmit(&mut self, apdu: &[u8]) {
        self.command = Some(apdu.to_vec());
    }

    fn response(&mut self) -> Option<Vec<u8>> {
        if self.is_slow { None } else { self.command.take() }
    }

    fn abort(&mut self) {
        self.command = None;
    }
}

/// A card, the place where its reader listens, and what was told.
struct Bench {
    card: Laid,
    listener: TcpListener,
    told: Told,
}

/// A card, and what wakes whoever drives it.
type Laid = (Rc<RefCell<Mirror>>, Rc<Notify>);
type Told = mpsc::UnboundedReceiver<String>;

/// A card that lies on the reader which listens at `address`.
fn laid_on(address: SocketAddr) -> (Laid, Told) {
    let mirror = Mirror { insertion: Some(1), ..Mirror::default() };
    let laid: Laid = (Rc::new(RefCell::new(mirror)), Rc::new(Notify::new()));
    let ((card, woken), (tell, told)) = (laid.clone(), mpsc::unbounded_channel());
    tokio::task::spawn_local(async move {
        // Whoever listened may be gone.
        let tell = |event: &Event| drop(tell.send(format!("{event:?}")));
        let card = Card { card: &*card, woken: &woken, atr: &ATR, tell: &tell };
        Reader { address, any_user: false }.hold(&card).await
    });
    (laid, told)
}

impl Bench {
    /// Lays a card on the reader.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (card, told) = laid_on(listener.local_addr().unwrap());
        Self { card, listener, told }
    }

    /// The reader finds the card.
    async fn inserted(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    fn mirror(&self) -> RefMut<'_, Mirror> {
        self.card.0.borrow_mut()
    }

    fn lie(&self, insertion: Option<u32>) {
        self.mirror().insertion = insertion;
        self.wake();
    }

    fn wake(&self) {
        self.card.1.notify_one();
    }
}

async fn send(reader: &mut TcpStream, body: &[u8]) {
    reader.write_all(&message::answer(body).unwrap()).await.unwrap();
}

/// What the card answers; `None`: it is gone.
async fn hear(reader: &mut TcpStream) -> Option<Vec<u8>> {
    let length = reader.read_u16().await.ok()?;
    let mut body = vec![0; length.into()];
    reader.read_exact(&mut body).await.unwrap();
    Some(body)
}

async fn ask(reader: &mut TcpStream, body: &[u8]) -> Option<Vec<u8>> {
    send(reader, body).await;
    hear(reader).await
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() };
    LocalSet::new().block_on(&runtime, test);
}

const OFF: [u8; 1] = [0];
const ON: [u8; 1] = [1];
const RESET: [u8; 1] = [2];
const GET_ATR: [u8; 1] = [4];
const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];
const SELECT: [u8; 4] = [0x00, 0xA4, 0x04, 0x00];

#[test]
fn the_reader_gets_the_atr_gives_power_and_has_its_commands_answered() {
    // NF-60 to NF-63, NF-65
    on_one_thread(async {
        let bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        assert_eq!(ask(&mut reader, &GET_ATR).await, Some(ATR.to_vec()));
        assert!(!bench.mirror().has_power, "asked is not powered");
        send(&mut reader, &ON).await;
        assert_eq!(ask(&mut reader, &SELECT).await, Some(SELECT.to_vec()));
        assert!(bench.mirror().has_power);
        send(&mut reader, &RESET).await;
        assert_eq!(ask(&mut reader, &[9]).await, Some(vec![9]), "a program's command");
        assert_eq!(bench.mirror().power_ups, 2);
        send(&mut reader, &OFF).await;
        ask(&mut reader, &GET_ATR).await;
        assert!(!bench.mirror().has_power);
    });
}

#[test]
fn a_reader_that_hangs_up_at_once_is_no_strangers() {
    // P-22
    on_one_thread(async {
        let mut bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        send(&mut reader, &ON).await;
        drop(reader);
        let told = bench.told.recv().await.unwrap();
        assert!(told.starts_with("Lost"), "{told}");
    });
}

#[test]
fn a_response_that_takes_its_time_comes_when_it_is_there_and_not_after_power_went() {
    // NF-07
    on_one_thread(async {
        let bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        bench.mirror().is_slow = true;
        send(&mut reader, &ON).await;
        send(&mut reader, &SELECT).await;
        assert_eq!(ask(&mut reader, &GET_ATR).await, Some(ATR.to_vec()), "meanwhile it is there");
        bench.mirror().is_slow = false;
        bench.wake();
        assert_eq!(hear(&mut reader).await, Some(SELECT.to_vec()));
        send(&mut reader, &SELECT).await;
        assert_eq!(hear(&mut reader).await, Some(SELECT.to_vec()));
        bench.mirror().is_slow = true;
        send(&mut reader, &SELECT).await;
        send(&mut reader, &OFF).await;
        ask(&mut reader, &GET_ATR).await;
        bench.mirror().is_slow = false;
        bench.mirror().command = Some(vec![0x90, 0x00]);
        bench.wake();
        assert_eq!(ask(&mut reader, &GET_ATR).await, Some(ATR.to_vec()), "nobody waits for it");
    });
}

#[test]
fn a_card_that_is_taken_off_is_gone_at_once_and_one_that_is_laid_on_again_is_another_one() {
    // NF-64
    on_one_thread(async {
        let bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        send(&mut reader, &ON).await;
        bench.mirror().is_slow = true;
        send(&mut reader, &SELECT).await;
        ask(&mut reader, &GET_ATR).await;
        bench.lie(None);
        assert_eq!(hear(&mut reader).await, None, "in the middle of a command");
        assert!(!bench.mirror().has_power);
        bench.lie(Some(2));
        let mut reader = bench.inserted().await;
        assert_eq!(ask(&mut reader, &GET_ATR).await, Some(ATR.to_vec()));
        bench.lie(Some(3));
        assert_eq!(hear(&mut reader).await, None, "so quickly that nobody saw it away");
        bench.inserted().await;
    });
}

#[test]
fn a_reader_that_goes_takes_the_power_with_it_and_has_the_card_again_when_it_comes_back() {
    on_one_thread(async {
        let mut bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        send(&mut reader, &ON).await;
        ask(&mut reader, &GET_ATR).await;
        drop(reader);
        let mut reader = bench.inserted().await;
        assert!(!bench.mirror().has_power);
        ask(&mut reader, &GET_ATR).await;
        let mut told = Vec::new();
        bench.told.recv_many(&mut told, 9).await;
        assert_eq!(told, ["Inserted", "Lost(None)", "Inserted"]);
    });
}

#[test]
fn a_card_waits_for_a_reader_that_is_not_there_yet_and_says_so_once() {
    on_one_thread(async {
        let before = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = before.local_addr().unwrap();
        drop(before);
        let (card, mut told) = laid_on(address);
        assert!(told.recv().await.unwrap().starts_with("NoReader("));
        let listener = TcpListener::bind(address).await.unwrap();
        let mut reader = listener.accept().await.unwrap().0;
        assert_eq!(ask(&mut reader, &GET_ATR).await, Some(ATR.to_vec()));
        assert_eq!(told.recv().await.unwrap(), "Inserted");
        drop(card);
    });
}

#[test]
fn a_reader_that_breaks_the_rules_loses_the_card() {
    on_one_thread(async {
        let bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        reader.write_all(&[0, 0]).await.unwrap();
        assert_eq!(hear(&mut reader).await, None, "an empty message");
        let mut reader = bench.inserted().await;
        bench.mirror().is_slow = true;
        send(&mut reader, &SELECT).await;
        send(&mut reader, &SELECT).await;
        assert_eq!(hear(&mut reader).await, None, "two commands at a time");
        bench.inserted().await;
    });
}

#[test]
fn the_longest_command_and_response_pass() {
    // NF-66
    on_one_thread(async {
        let bench = Bench::new().await;
        let mut reader = bench.inserted().await;
        let longest = vec![7; 65_535];
        assert_eq!(ask(&mut reader, &longest).await, Some(longest));
    });
}

#[test]
fn pcscd_is_called_until_it_is_there_and_again_when_it_has_ended() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("pcscd.comm");
        let calls = async {
            let listener = UnixListener::bind(&socket).unwrap();
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(&[0]).await.unwrap();
            }
        };
        tokio::select! {
            never = call(&socket) => match never {},
            () = calls => {}
        }
    });
}

#[test]
fn pauses_grow_and_begin_anew() {
    let mut pauses = Pauses::new(Duration::from_millis(50));
    let drawn: Vec<_> = (0..3).map(|_| pauses.next().as_millis()).collect();
    assert_eq!(drawn, [20, 40, 50]);
    pauses.start_over();
    assert_eq!(pauses.next().as_millis(), 20);
}
