//! Carries what is to be sent to the collector, and says once when it does not arrive.
//!
//! Floor 8. The library asks from a thread of its own, where there is no reactor: the request is made in the
//! program's runtime. As with webhooks no redirect is followed, and what is said of a failure names no more of the
//! address than host and port.

use crate::notify::webhook::{Address, WebhookError, client, said_by};
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// Sends to one collector.
#[derive(Debug)]
pub(super) struct Post {
    client: Client,
    runtime: Handle,
    host: String,
    reach: Arc<Reach>,
}

impl Post {
    /// Plain HTTP is spoken to any machine whose address says so: no personal data is in it.
    ///
    /// # Errors
    /// Why nothing can be sent there.
    pub(super) fn new(endpoint: &str, runtime: Handle, reach: Arc<Reach>) -> Result<Self, String> {
        let address = Address::parse(endpoint, true).map_err(unusable)?;
        let client = client(&address, None).map_err(unusable)?;
        Ok(Self { client, runtime, host: address.host().to_owned(), reach })
    }
}

fn unusable(error: WebhookError) -> String {
    match error {
        WebhookError::Unusable { reason } => format!("the collector cannot be used: {reason}"),
        other => other.to_string(),
    }
}

#[async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(|_| "the request cannot be made")?;
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.execute(request).await });
        let status = match sent.await? {
            Ok(answer) => answer.status(),
            Err(error) => {
                let reason = said_by(error);
                self.reach.lost(&format!("{} gave no answer: {reason}", self.host));
                return Err(reason.into());
            }
        };
        if status.is_success() {
            self.reach.arrived();
        } else {
            self.reach.lost(&format!("{} answered {}", self.host, status.as_u16()));
        }
        // What else it says is of no use to anybody here.
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}

/// Whether spans arrive. That they do not is said once, until they do again.
#[derive(Debug, Default)]
pub(super) struct Reach {
    is_told: AtomicBool,
}

impl Reach {
    fn arrived(&self) {
        self.is_told.store(false, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, reason: &str) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "spans do not reach the collector and are lost; nothing else suffers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_not_repeated() {
        for address in ["token", "ftp://example.org/token", "http://me:token@example.org/"] {
            let refused = Post::new(address, Handle::current(), Arc::default()).unwrap_err();
            assert!(refused.starts_with("the collector cannot be used"), "{refused}");
            assert!(!refused.contains("token"), "{refused}");
        }
        Post::new("http://collector.example:4318/v1/traces", Handle::current(), Arc::default()).unwrap();
    }
}
