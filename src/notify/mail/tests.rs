//! Mail against real servers on this machine: one in clear, one over TLS.

use super::*;
use crate::notify::testing::TlsServer;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

fn target(port: u16, transport: MailTransport) -> MailTarget {
    MailTarget {
        server: "localhost".to_owned(),
        port,
        transport,
        login: None,
        from: "oubliette@example.org".to_owned(),
        to: vec!["Data protection <dpo@example.org>".to_owned(), "ops@example.org".to_owned()],
        ca_pem: None,
    }
}

/// A mail server that answers every command with `answer`, and mails with 250.
async fn server(answer: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 sink\r\n").await.unwrap();
            let (mut line, mut is_data) = (String::new(), false);
            while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
                kept.lock().unwrap().push(line.trim_end().to_owned());
                let ends = line == ".\r\n";
                let starts = line == "DATA\r\n";
                if starts {
                    stream.write_all(b"354 go\r\n").await.unwrap();
                } else if !is_data || ends {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                is_data = starts || (is_data && !ends);
                line.clear();
            }
        }
    });
    (port, lines)
}

async fn sent(answer: &'static str, transport: MailTransport) -> (Vec<String>, Result<(), MailError>) {
    let (port, lines) = server(answer).await;
    let sender = MailSender::new(&target(port, transport)).unwrap();
    let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let outcome = sender.send_once("notice-1", "Un plan attend", "Voilà\n", at).await;
    let lines = lines.lock().unwrap().clone();
    (lines, outcome)
}

#[tokio::test]
async fn a_mail_arrives_with_an_id_that_stays_the_same() {
    let (lines, outcome) = sent("250 ok\r\n", MailTransport::Plain).await;
    outcome.unwrap();
    for expected in [
        "MAIL FROM:<oubliette@example.org>",
        "RCPT TO:<dpo@example.org>",
        "RCPT TO:<ops@example.org>",
        "Message-ID: <notice-1@example.org>",
        "Subject: Un plan attend",
        "Date: Mon, 21 Sep 2026 14:13:20 +0000",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not in {lines:#?}");
    }
}

#[tokio::test]
async fn what_may_pass_and_what_does_not() {
    let (_, outcome) = sent("451 later, dpo@example.org\r\n", MailTransport::Plain).await;
    let error = outcome.unwrap_err();
    assert!(error.may_pass() && !error.to_string().contains("dpo"), "{error}");
    let (_, outcome) = sent("550 unknown dpo@example.org\r\n", MailTransport::Plain).await;
    let error = outcome.unwrap_err();
    assert!(!error.may_pass() && !error.to_string().contains("dpo"), "{error}");
    let sender = MailSender::new(&target(1, MailTransport::Plain)).unwrap();
    let error = sender.send_once("notice-1", "x", "y", DateTime::UNIX_EPOCH).await.unwrap_err();
    assert!(error.may_pass(), "{error}");
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let (lines, outcome) = sent("250 ok\r\n", MailTransport::StartTls).await;
    assert!(outcome.is_err());
    assert!(!lines.iter().any(|line| line.starts_with("MAIL")), "{lines:?}");
}

#[tokio::test]
async fn over_tls_only_a_known_authority_is_believed() {
    let mut server = TlsServer::start().await;
    let mut wanted = target(server.port, MailTransport::Tls);
    let error = MailSender::new(&wanted).unwrap().send_once("notice-1", "x", "y", DateTime::UNIX_EPOCH).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    wanted.ca_pem = Some(server.ca());
    // All at once: each answer waits for the client to ask.
    server.say("220 sink\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n");
    let sender = MailSender::new(&wanted).unwrap();
    sender.send_once("notice-1", "x", "y", DateTime::UNIX_EPOCH).await.unwrap();
}

#[test]
fn addresses_and_authorities_are_checked_at_once() {
    let mut bad = target(1, MailTransport::Tls);
    bad.ca_pem = Some(b"nothing".to_vec());
    assert!(MailSender::new(&bad).unwrap_err().to_string().contains("no certificate in PEM"));
    let mut bad = target(1, MailTransport::Tls);
    bad.to = vec!["secret at nowhere".to_owned()];
    let said = MailSender::new(&bad).unwrap_err().to_string();
    assert!(said.contains("not valid") && !said.contains("secret"), "{said}");
}
