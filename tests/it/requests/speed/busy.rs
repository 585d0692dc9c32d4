//! A connection in between that tells how long a PostgreSQL server was at work: from a message of the client until the
//! server says that it is ready for the next one. Where several connections wait at once, the time counts once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Work {
    connections: u32,
    since: Option<Instant>,
    whole: Duration,
}

impl Work {
    fn begin(&mut self) {
        if self.connections == 0 {
            self.since = Some(Instant::now());
        }
        self.connections += 1;
    }

    fn end(&mut self) {
        self.connections -= 1;
        if self.connections == 0 {
            self.whole += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        }
    }
}

pub(super) struct Busy {
    pub(super) port: u16,
    work: Arc<Mutex<Work>>,
}

impl Busy {
    /// Listens on a port of its own and passes on to the server at this one, as long as the tests run.
    pub(super) fn before(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let work: Arc<Mutex<Work>> = Arc::default();
        let known = Arc::clone(&work);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let waits = Arc::new(Mutex::new(false));
                let copy = |stream: &TcpStream| stream.try_clone().unwrap();
                pass_on(copy(&client), copy(&server), (Arc::clone(&known), Arc::clone(&waits)), true);
                pass_on(server, client, (Arc::clone(&known), waits), false);
            }
        });
        Self { port, work }
    }

    /// How long the server was at work so far.
    pub(super) fn seconds(&self) -> f64 {
        self.work.lock().unwrap().whole.as_secs_f64()
    }
}

/// What the server sends when it waits for the client (message `ReadyForQuery`, with the state of the transaction).
fn is_ready(sent: &[u8]) -> bool {
    matches!(sent, [.., b'Z', 0, 0, 0, 5, b'I' | b'T' | b'E'])
}

fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    (work, waits): (Arc<Mutex<Work>>, Arc<Mutex<bool>>),
    is_client: bool,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let sent = &buffer[..read];
            let mut waits = waits.lock().unwrap();
            if is_client && !*waits {
                *waits = true;
                work.lock().unwrap().begin();
            } else if !is_client && *waits && is_ready(sent) {
                *waits = false;
                work.lock().unwrap().end();
            }
            drop(waits);
            if to.write_all(sent).is_err() {
                break;
            }
        }
        let mut waits = waits.lock().unwrap();
        if *waits {
            *waits = false;
            work.lock().unwrap().end();
        }
        let _gone = to.shutdown(Shutdown::Both);
    });
}
