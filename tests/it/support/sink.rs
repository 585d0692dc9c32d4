//! A server of HTTP on this machine that answers as it is told, and keeps what it was sent.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Received {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What it answers: the first for the first request, and so on; the last for all that follow.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Vec<String>>>,
}

/// An answer without a body.
pub(crate) fn answer(status: &str) -> String {
    let length = if status.starts_with("204") { "" } else { "content-length: 0\r\n" };
    format!("HTTP/1.1 {status}\r\n{length}connection: close\r\n\r\n")
}

impl Sink {
    pub(crate) fn answering(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Self {
            address: listener.local_addr().unwrap().to_string(),
            received: Arc::default(),
            answers: Arc::new(Mutex::new(answers.iter().map(|one| (*one).to_owned()).collect())),
        };
        let (received, answers) = (Arc::clone(&sink.received), Arc::clone(&sink.answers));
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                let Some(mut stream) = taken(stream, &received) else { continue };
                let mut answers = answers.lock().unwrap();
                let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
                if answer.is_empty() {
                    // Kept open, and never answered.
                    open.push(stream);
                } else {
                    let _gone = stream.write_all(answer.as_bytes());
                }
            }
        });
        sink
    }

    /// It takes every request and says nothing.
    pub(crate) fn silent() -> Self {
        Self::answering(&[""])
    }

    pub(crate) fn answer_from_now(&self, answer: &str) {
        *self.answers.lock().unwrap() = vec![answer.to_owned()];
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn taken(mut stream: TcpStream, received: &Mutex<Vec<Received>>) -> Option<TcpStream> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(buffer.get(..count)?);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = (&bytes[..end], &bytes[end + 4..]);
        let one = Received { head: text(head), body: text(body), bytes: body.to_vec() };
        let length = one.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if one.bytes.len() >= length {
            received.lock().unwrap().push(one);
            return Some(stream);
        }
    }
}
