//! The sender against a real server on this machine, plain and over TLS.

use super::*;
use crate::notify::testing::{Sink, TlsServer, answer};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn target(url: String) -> WebhookTarget {
    WebhookTarget {
        url: Zeroizing::new(url),
        secrets: vec![Zeroizing::new(SECRET.to_owned())],
        ca_pem: None,
        allows_plain_http: false,
    }
}

fn message(id: &'static str) -> WebhookMessage<'static> {
    WebhookMessage { id, content_type: "application/json", body: b"{\"a\":1}" }
}

async fn sent(answers: &[&str]) -> (Sink, Result<WebhookAnswer, WebhookError>) {
    let sink = Sink::answering(answers).await;
    let sender = WebhookSender::new(&target(format!("http://{}/hook?token=t", sink.address))).unwrap();
    let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let answer = sender.send_once(&message("notice-1"), at).await;
    (sink, answer)
}

#[tokio::test]
async fn a_message_arrives_signed() {
    let (sink, outcome) = sent(&["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnote"]).await;
    assert_eq!(outcome.unwrap(), WebhookAnswer { status: 200, body: b"note".to_vec() });
    let received = &sink.received()[0];
    assert!(received.head.starts_with("POST /hook?token=t HTTP/1.1"), "{}", received.head);
    assert_eq!(received.body, "{\"a\":1}");
    assert_eq!(received.header("webhook-id"), Some("notice-1"));
    assert_eq!(received.header("webhook-timestamp"), Some("1790000000"));
    let key = SigningKey::parse(SECRET).unwrap();
    let expected = signature(&key, "notice-1", 1_790_000_000, b"{\"a\":1}");
    assert_eq!(received.header("webhook-signature"), Some(expected.as_str()));
}

#[tokio::test]
async fn during_a_change_of_secrets_both_sign() {
    let sink = Sink::answering(&[&answer("204 No Content", "")]).await;
    let mut target = target(format!("http://{}/", sink.address));
    target.secrets.push(Zeroizing::new("b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk".to_owned()));
    let sender = WebhookSender::new(&target).unwrap();
    sender.send_once(&message("notice-1"), DateTime::UNIX_EPOCH).await.unwrap();
    let received = &sink.received()[0];
    let signatures: Vec<&str> = received.header("webhook-signature").unwrap().split(' ').collect();
    assert_eq!(signatures.len(), 2);
    assert!(signatures[0] != signatures[1] && signatures.iter().all(|one| one.starts_with("v1,")));
}

#[tokio::test]
async fn what_may_pass_is_told_from_a_refusal() {
    for status in ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many"] {
        let error = sent(&[&answer(status, "retry-after: 90\r\n")]).await.1.unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert_eq!(error.asked_wait(), Some(Duration::from_secs(90)), "{error}");
    }
    let (sink, outcome) = sent(&[&answer("401 Unauthorized", "")]).await;
    let error = outcome.unwrap_err();
    assert!(!error.may_pass() && !error.to_string().contains("token"), "{error}");
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = Sink::answering(&[&answer("200 OK", "")]).await;
    let to_other = answer("307 Temporary Redirect", &format!("location: http://{}/\r\n", other.address));
    let (_, outcome) = sent(&[&to_other]).await;
    assert!(matches!(outcome, Err(WebhookError::Refused { status: 307, .. })), "{outcome:?}");
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_named_without_its_token() {
    let sender = WebhookSender::new(&target("http://127.0.0.1:1/hook?token=t".to_owned())).unwrap();
    let error = sender.send_once(&message("notice-1"), DateTime::UNIX_EPOCH).await.unwrap_err();
    let said = error.to_string();
    assert!(error.may_pass() && said.starts_with("127.0.0.1:1 gave no answer"), "{said}");
    assert!(!said.contains("hook") && !said.contains("token"), "{said}");
}

#[tokio::test]
async fn an_id_that_would_blur_the_signature_is_refused() {
    let sender = WebhookSender::new(&target("https://127.0.0.1:1/".to_owned())).unwrap();
    for id in ["", "a.b", "a b", "a\r\nx: y", "é"] {
        let outcome = sender.send_once(&message(id), DateTime::UNIX_EPOCH).await;
        assert!(matches!(outcome, Err(WebhookError::BadMessage { .. })), "{id:?}");
    }
}

async fn over_tls(server: &TlsServer, ca_pem: Option<Vec<u8>>) -> Result<WebhookAnswer, WebhookError> {
    let mut target = target(format!("https://localhost:{}/", server.port));
    target.ca_pem = ca_pem;
    let sender = WebhookSender::new(&target).unwrap();
    sender.send_once(&message("notice-1"), DateTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn a_private_authority_is_believed_only_when_named() {
    let mut server = TlsServer::start().await;
    let other = TlsServer::start().await;
    for ca_pem in [None, Some(other.ca())] {
        let error = over_tls(&server, ca_pem).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    server.say_after("{\"a\":1}", &answer("200 OK", ""));
    let ca = server.ca();
    assert_eq!(over_tls(&server, Some(ca)).await.unwrap().status, 200);
}

#[test]
fn a_file_without_certificates_is_refused() {
    let mut target = target("https://localhost/".to_owned());
    target.ca_pem = Some(b"nothing".to_vec());
    let said = WebhookSender::new(&target).unwrap_err().to_string();
    assert!(said.contains("no certificate in PEM"), "{said}");
}
