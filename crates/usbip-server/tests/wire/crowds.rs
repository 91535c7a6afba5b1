//! Many connections at once, most of which import nothing: nobody is kept out, and nobody waits for them (P-28).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use usbip_server::{ConnectionError, Server, limits};

use crate::peer::*;

/// The work of the server, counted instead of timed: each list and each answer is one write and about one read. So as long as
/// there are no more lists than answers, the one who uses the device waits at most twice as long as alone.
// P-28
#[test]
fn thirty_two_peers_that_ask_for_lists_without_end_have_none_while_another_is_served() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let (mut vhci, _s1) = attach(&server, &port).await;
        let mut curious: Vec<_> = (0..32).map(|_| connect(&server, 1 << 20)).collect();
        for (stream, _) in &mut curious {
            stream.write_all(&OP_DEVLIST.repeat(1000)).await.expect("open");
        }
        let began = Instant::now();
        for _ in 0..200 {
            vhci.submit_control(setup(0x80, 6, 0x0100, 0, 18), &[]);
            let question = std::mem::take(&mut vhci.outgoing);
            vhci.stream.write_all(&question).await.expect("open");
            vhci.stream.read_exact(&mut [0; 48 + 18]).await.expect("an answer");
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody waited");
        assert_eq!(lists_for(&mut curious).await, 1, "one list beside 200 answers");
        sleep(limits::LIST_PAUSE * 64).await;
        let served = lists_for(&mut curious).await;
        assert!((63..=65).contains(&served), "{served} lists in 64 pauses");
    });
}

/// How many lists have come since the last call.
async fn lists_for(peers: &mut [(DuplexStream, Served)]) -> usize {
    let (mut bytes, mut count) = (vec![0; 1 << 20], 0);
    for (stream, _) in peers {
        count += tokio::select! {
            biased;
            read = stream.read(&mut bytes) => read.expect("open"),
            () = std::future::ready(()) => 0,
        };
    }
    count / (12 + 316)
}

// P-28
#[test]
fn a_list_that_is_not_taken_holds_up_nobody() {
    simulate(async {
        let server = Server::new();
        let (_port, _) = plug(&server, "1-1");
        let mut blocked: Vec<_> = (0..32).map(|_| connect(&server, 16)).collect();
        for (stream, _) in &mut blocked {
            stream.write_all(&OP_DEVLIST).await.expect("open");
        }
        let began = Instant::now();
        let (mut patient, _served) = connect(&server, 1 << 16);
        patient.write_all(&OP_DEVLIST).await.expect("open");
        patient.read_exact(&mut [0; 12 + 316]).await.expect("a list");
        assert!(began.elapsed() <= limits::LIST_PAUSE * 33, "{:?}", began.elapsed());
    });
}

#[test]
fn the_65th_newcomer_takes_the_place_of_the_first() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let mut idle: Vec<_> = Vec::new();
        for _ in 0..limits::MAX_WAITING + limits::MAX_NEWCOMERS {
            idle.push(connect(&server, 64));
            sleep(Duration::from_millis(1)).await;
        }
        assert!(idle.iter().all(|(_, served)| !served.is_finished()), "64 are let in");
        let (mut last, _served) = connect(&server, 1 << 16);
        sleep(Duration::from_millis(1)).await;
        let (_stream, first) = idle.remove(0);
        assert!(matches!(first.await.expect("no panic"), Err(ConnectionError::Displaced)));
        assert!(idle.iter().all(|(_, served)| !served.is_finished()), "the others stay");
        assert_eq!(import(&mut last, "1-1").await.expect("a reply"), 0);
        assert!(port.is_attached());
    });
}

// P-28
#[test]
fn four_connections_may_stay_idle_and_a_fifth_takes_the_place_of_the_oldest() {
    simulate(async {
        let server = Server::new();
        let mut idle: Vec<_> = Vec::new();
        for _ in 0..limits::MAX_WAITING {
            idle.push(connect(&server, 64));
            sleep(Duration::from_millis(1)).await;
        }
        sleep(limits::NEWCOMER * 2).await;
        assert!(idle.iter().all(|(_, served)| !served.is_finished()), "four stay");
        idle.push(connect(&server, 64));
        sleep(limits::NEWCOMER / 2).await;
        assert!(idle.iter().all(|(_, served)| !served.is_finished()), "the fifth has its time");
        sleep(limits::NEWCOMER).await;
        let (_stream, first) = idle.remove(0);
        assert!(matches!(first.await.expect("no panic"), Err(ConnectionError::Displaced)));
        assert!(idle.iter().all(|(_, served)| !served.is_finished()), "the others stay");
    });
}

#[test]
fn an_importer_that_takes_200_ms_gets_in_while_200_others_come_each_second() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let crowding = server.clone();
        let crowd = tokio::task::spawn_local(async move {
            let mut crowd = Vec::new();
            loop {
                crowd.push(connect(&crowding, 64));
                sleep(Duration::from_millis(5)).await;
            }
        });
        for _ in 0..20 {
            let (mut stream, served) = connect(&server, 1 << 16);
            sleep(Duration::from_millis(200)).await;
            assert_eq!(import(&mut stream, "1-1").await.expect("a reply"), 0);
            assert!(port.is_attached());
            drop(stream);
            drop(served.await.expect("no panic"));
        }
        crowd.abort();
    });
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    simulate(async {
        let server = Server::new();
        let (port, _) = plug(&server, "1-1");
        let crowd: Vec<_> = (0..1000).map(|_| connect(&server, 64)).collect();
        let (_vhci, _served) = attach(&server, &port).await;
        sleep(Duration::from_millis(1)).await;
        let waiting = crowd.iter().filter(|(_, served)| !served.is_finished()).count();
        assert!(waiting < limits::MAX_WAITING + limits::MAX_NEWCOMERS, "{waiting}");
        sleep(limits::NEWCOMER).await;
        let waiting = crowd.iter().filter(|(_, served)| !served.is_finished()).count();
        assert_eq!(waiting, limits::MAX_WAITING);
    });
}

#[test]
fn one_import_too_many_is_refused_and_the_last_that_may_be_is_not() {
    simulate(async {
        let server = Server::new();
        let mut attached = Vec::new();
        for number in 1..=limits::MAX_IMPORTS {
            let (port, _) = plug(&server, &format!("1-{number}"));
            attached.push(attach(&server, &port).await);
        }
        let (_port, echo) = plug(&server, "1-999");
        let (mut late, _served) = connect(&server, 1 << 16);
        assert_eq!(import(&mut late, "1-999").await.expect("a reply"), 2);
        assert_eq!(echo.borrow().attached, 0, "it was never powered up");
        attached.pop();
        sleep(Duration::from_millis(1)).await;
        let (mut again, _served) = connect(&server, 1 << 16);
        assert_eq!(import(&mut again, "1-999").await.expect("a reply"), 0);
    });
}
