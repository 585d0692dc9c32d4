//! A connection in between that can be cut: at both ends, or only at ours, so that the server does not
//! notice and keeps the session with whatever it had begun; or held, so that nothing passes and nobody is told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Both ends of one connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// The server is not to notice that the client is gone.
    lost: Arc<AtomicBool>,
}

/// Listens on a port of its own and passes on to one server; as long as the tests run.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pairs: Arc<Mutex<Vec<Pair>>>,
    held: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pairs, held): (Arc<Mutex<Vec<Pair>>>, Arc<AtomicBool>) = Default::default();
        let (known, holding) = (Arc::clone(&pairs), Arc::clone(&held));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                wait_while(&holding);
                // A server that is down: so is the connection.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().unwrap();
                let lost = Arc::new(AtomicBool::new(false));
                pass_on(copy(&client), copy(&server), Arc::clone(&lost), Arc::clone(&holding));
                pass_on(copy(&server), copy(&client), Arc::default(), Arc::clone(&holding));
                let mut known = known.lock().unwrap();
                known.retain(|pair: &Pair| !pair.is_over());
                known.push(Pair { client, server, lost });
            }
        });
        Self { port, pairs, held }
    }

    /// Cuts every connection at both ends.
    pub(crate) fn cut(&self) {
        for pair in self.pairs.lock().unwrap().drain(..) {
            let _gone = (pair.client.shutdown(Shutdown::Both), pair.server.shutdown(Shutdown::Both));
        }
    }

    /// Cuts every connection at the client's end; the server's end stays open until [`Self::cut`].
    pub(crate) fn lose(&self) {
        for pair in self.pairs.lock().unwrap().iter() {
            pair.lost.store(true, Ordering::SeqCst);
            let _gone = pair.client.shutdown(Shutdown::Both);
        }
    }

    /// Nothing passes from now on, or what waited passes, late.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }
}

impl Pair {
    /// Both ends are closed, and nobody kept the server's open on purpose.
    fn is_over(&self) -> bool {
        !self.lost.load(Ordering::SeqCst)
            && self.client.peer_addr().is_err()
            && self.server.peer_addr().is_err()
    }
}

fn wait_while(held: &AtomicBool) {
    while held.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Until the sender ends; then so does the receiver, unless it is not to notice.
fn pass_on(mut from: TcpStream, mut to: TcpStream, lost: Arc<AtomicBool>, held: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            wait_while(&held);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        if !lost.load(Ordering::SeqCst) {
            let _gone = to.shutdown(Shutdown::Both);
        }
    });
}
