//! A proxy that spoils some of the requests that pass it: answers of a store in trouble, connections that
//! break before and after the store has heard, half answers, requests that are carried out twice.

use super::kills::Numbers;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The store asks to go slower, and has not heard.
    SlowDown,
    /// The store failed; it may have heard.
    InternalError { heard: bool },
    /// The connection breaks.
    Broken { heard: bool },
    /// The answer is cut in the middle.
    Half,
    /// The store hears it twice.
    Twice,
    /// The answer comes late.
    Late,
}

const FAULTS: &[Fault] = &[
    Fault::SlowDown,
    Fault::InternalError { heard: false },
    Fault::InternalError { heard: true },
    Fault::Broken { heard: false },
    Fault::Broken { heard: true },
    Fault::Half,
    Fault::Twice,
    Fault::Late,
];

/// Ends with the test's process.
pub(super) struct Proxy {
    pub(super) endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    spoiling: AtomicBool,
    /// Requests that were spoiled.
    spoiled: AtomicUsize,
    seed: u64,
    /// One request of so many is spoiled.
    one_of: u64,
}

impl Proxy {
    pub(super) fn start(target: &str, seed: u64, one_of: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let target = target.strip_prefix("http://").unwrap().to_owned();
        let shared = Arc::new(Shared {
            target,
            spoiling: AtomicBool::new(false),
            spoiled: AtomicUsize::new(0),
            seed,
            one_of,
        });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, client) in (0_u64..).zip(listener.incoming().flatten()) {
                let shared = Arc::clone(&own);
                // Whatever breaks here is one of the faults.
                thread::spawn(move || drop(serve(client, &shared, number)));
            }
        });
        Self { endpoint, shared }
    }

    pub(super) fn spoil(&self, spoiling: bool) {
        self.shared.spoiling.store(spoiling, Ordering::SeqCst);
    }

    pub(super) fn spoiled(&self) -> usize {
        self.shared.spoiled.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, shared: &Shared, connection: u64) -> std::io::Result<()> {
    let mut numbers = Numbers(shared.seed ^ connection.wrapping_mul(0x0100_0000_01B3));
    while let Some(request) = message(&mut client, true)? {
        let spoiled = shared.spoiling.load(Ordering::SeqCst) && numbers.below(shared.one_of) == 0;
        let at = usize::try_from(numbers.below(FAULTS.len() as u64)).unwrap();
        let fault = FAULTS.get(at).copied().filter(|_| spoiled);
        if fault.is_some() {
            shared.spoiled.fetch_add(1, Ordering::SeqCst);
        }
        let ask = || forward(&shared.target, &request);
        match fault {
            None => client.write_all(&ask()?)?,
            Some(Fault::SlowDown) => client.write_all(&answer(503, "Slow Down", "SlowDown"))?,
            Some(Fault::InternalError { heard }) => {
                if heard {
                    ask()?;
                }
                client.write_all(&answer(500, "Internal Server Error", "InternalError"))?;
            }
            Some(Fault::Broken { heard }) => {
                if heard {
                    ask()?;
                }
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::Half) => {
                let whole = ask()?;
                client.write_all(&whole[..whole.len() / 2])?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::Twice) => {
                ask()?;
                client.write_all(&ask()?)?;
            }
            Some(Fault::Late) => {
                let whole = ask()?;
                thread::sleep(Duration::from_millis(700));
                client.write_all(&whole)?;
            }
        }
    }
    Ok(())
}

fn answer(status: u16, reason: &str, code: &str) -> Vec<u8> {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
    let length = body.len();
    format!("HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Sends a request on a connection of its own; the whole answer.
fn forward(target: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(target)?;
    server.write_all(request)?;
    let is_head = request.starts_with(b"HEAD ");
    let whole = message(&mut server, !is_head)?;
    whole.ok_or_else(|| std::io::Error::other("the server closed the connection"))
}

/// One message of HTTP/1.1, as its bytes; `None` at the end of the connection.
fn message(stream: &mut TcpStream, has_body: bool) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut one)? == 0 {
            return Ok(None);
        }
        bytes.push(one[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    if !has_body {
        return Ok(Some(bytes));
    }
    if let Some(length) = header("content-length:") {
        let from = bytes.len();
        bytes.resize(from + length.parse::<usize>().unwrap(), 0);
        stream.read_exact(&mut bytes[from..])?;
    } else if header("transfer-encoding:").is_some_and(|coding| coding == "chunked") {
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            stream.read_exact(&mut one)?;
            bytes.push(one[0]);
        }
    }
    Ok(Some(bytes))
}
