//! One HTTP request to an address, as somebody else's interface wants it (floor 6).
//!
//! For recipients that know nothing of signed webhooks: method, headers and body are the caller's. As
//! with webhooks it speaks HTTPS, or plain HTTP to this very machine or where that is said; it follows
//! no redirect, and no error names more of the address than host and port. `idempotency-key` is the same in
//! every attempt (draft-ietf-httpapi-idempotency-key-header), so that a repeated request counts once.

use super::webhook::{Address, WebhookError, client, judged, said_by};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One request, with every reference resolved and every place filled in.
pub struct HttpRequest {
    pub method: String,
    pub url: Zeroizing<String>,
    pub headers: BTreeMap<String, Zeroizing<String>>,
    /// JSON.
    pub body: Option<Zeroizing<Vec<u8>>>,
    pub idempotency_key: String,
    /// Certificates in PEM that are believed beside those of the system.
    pub ca_pem: Option<Vec<u8>>,
    pub allows_plain_http: bool,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Sends once.
///
/// # Errors
/// [`WebhookError`]; with [`WebhookError::may_pass`] the same request is worth another attempt.
pub async fn send_once(request: &HttpRequest) -> Result<u16, WebhookError> {
    let unusable = |reason: &str| WebhookError::Unusable { reason: reason.to_owned() };
    let address = Address::parse(&request.url, request.allows_plain_http)?;
    let client: Client = client(&address, request.ca_pem.as_deref())?;
    let method = request.method.parse().map_err(|_| unusable("its method is none"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|_| unusable("the name of a header is none"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| unusable("the value of a header is none"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let mut sending = client
        .request(method, address.url())
        .headers(headers)
        .header("idempotency-key", request.idempotency_key.as_str());
    if let Some(body) = &request.body {
        sending = sending.header(CONTENT_TYPE, "application/json").body(body.to_vec());
    }
    let host = address.host().to_owned();
    let answer = sending
        .send()
        .await
        .map_err(|error| WebhookError::NoAnswer { host: host.clone(), reason: said_by(error) })?;
    Ok(judged(&host, answer).await?.status)
}
