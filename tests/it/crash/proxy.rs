//! A connection in between that can be cut: at both ends, or only at ours, so that the server does not
//! notice and keeps the session with whatever it had begun.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Both ends of one connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// The server is not to notice that the client is gone.
    lost: Arc<AtomicBool>,
}

/// Listens on a port of its own and passes on to one server; as long as the tests run.
pub(super) struct Proxy {
    pub(super) port: u16,
    pairs: Arc<Mutex<Vec<Pair>>>,
}

impl Proxy {
    pub(super) fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let pairs: Arc<Mutex<Vec<Pair>>> = Arc::default();
        let known = Arc::clone(&pairs);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down: so is the connection.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().unwrap();
                let lost = Arc::new(AtomicBool::new(false));
                pass_on(copy(&client), copy(&server), Arc::clone(&lost));
                pass_on(copy(&server), copy(&client), Arc::default());
                known.lock().unwrap().push(Pair { client, server, lost });
            }
        });
        Self { port, pairs }
    }

    /// Cuts every connection at both ends.
    pub(super) fn cut(&self) {
        for pair in self.pairs.lock().unwrap().drain(..) {
            let _gone = (pair.client.shutdown(Shutdown::Both), pair.server.shutdown(Shutdown::Both));
        }
    }

    /// Cuts every connection at the client's end; the server's end stays open until [`Self::cut`].
    pub(super) fn lose(&self) {
        for pair in self.pairs.lock().unwrap().iter() {
            pair.lost.store(true, Ordering::SeqCst);
            let _gone = pair.client.shutdown(Shutdown::Both);
        }
    }
}

/// Until the sender ends; then so does the receiver, unless it is not to notice.
fn pass_on(mut from: TcpStream, mut to: TcpStream, lost: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        if !lost.load(Ordering::SeqCst) {
            let _gone = to.shutdown(Shutdown::Both);
        }
    });
}
