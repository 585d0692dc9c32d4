//! Real servers for tests: one of HTTP, which answers what it was told and keeps what it was sent, and one
//! of TLS with a certificate of its own.
#![expect(clippy::disallowed_methods, reason = "tests read the certificates that they made")]

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What arrived: the head (request line and headers) and the body.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(super) struct Sink {
    pub(super) address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Sink {
    /// Answers the first request with the first of these, and so on, and every further one with the last.
    pub(super) async fn answering(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                kept.lock().unwrap().push(request);
                let answer = &answers[number.min(answers.len() - 1)];
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, received }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// An answer with this status and headers, and no body.
pub(super) fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
}

async fn request(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let received = Received { head: head.to_owned(), body: body.to_owned() };
        let length: usize = received.header("content-length").unwrap_or("0").parse().unwrap();
        if body.len() >= length {
            return received;
        }
    }
}

/// `openssl s_server` with a certificate for `localhost` by an authority of its own. What it is told to
/// say it says to the next client.
pub(super) struct TlsServer {
    child: Child,
    directory: tempfile::TempDir,
    pub(super) port: u16,
}

impl TlsServer {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"];
        make_certificate(directory.path(), &authority);
        let own = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-CA", "ca.pem"];
        let own = [&own[..], &["-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"]].concat();
        let own = [&own[..], &["-addext", "basicConstraints=critical,CA:FALSE"]].concat();
        make_certificate(directory.path(), &own);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-key", "key.pem", "-cert", "cert.pem", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, directory, port };
        server.wait().await;
        server
    }

    /// Until it listens. Each of these connections fails its handshake, which s_server survives.
    async fn wait(&self) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the TLS server did not start");
    }

    /// To be called right before the client that is to hear it: one that fails its handshake swallows it.
    pub(super) fn say(&mut self, answers: &str) {
        self.child.stdin.as_mut().unwrap().write_all(answers.as_bytes()).unwrap();
    }

    /// Says its answer once `mark` has arrived.
    pub(super) fn say_after(&mut self, mark: &'static str, answer: &str) {
        let (mut heard, mut voice) = (self.child.stdout.take().unwrap(), self.child.stdin.take().unwrap());
        let answer = answer.to_owned();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut part = [0; 1024];
            while !String::from_utf8_lossy(&bytes).contains(mark) {
                match heard.read(&mut part) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&part[..count]),
                    _ => return,
                }
            }
            voice.write_all(answer.as_bytes()).unwrap();
            // Held open: at the end of its input the server ends.
            let _ended = heard.read_to_end(&mut bytes);
        });
    }

    /// The authority that signed its certificate.
    pub(super) fn ca(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("ca.pem")).unwrap()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // Already ended, perhaps.
        let _ended = self.child.kill().and_then(|()| self.child.wait().map(drop));
    }
}

fn make_certificate(directory: &std::path::Path, arguments: &[&str]) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2"])
        .args(arguments)
        .current_dir(directory)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}
