//! The signature of a message, as Standard Webhooks has it.
//!
//! Floor 6; pure. `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

use super::WebhookError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Shorter keys can be guessed, longer ones are hashed first (RFC 2104), which receivers need not do.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const PREFIX: &str = "whsec_";

/// A shared key. It is never printed.
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey(redacted)")
    }
}

impl SigningKey {
    /// Reads `whsec_` and base64, or base64 alone.
    ///
    /// # Errors
    /// [`WebhookError::Unusable`] for another form, or fewer than 24 or more than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let text = text.trim();
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map(Zeroizing::new);
        match bytes {
            Ok(bytes) if KEY_BYTES.contains(&bytes.len()) => Ok(Self(bytes)),
            _ => Err(WebhookError::Unusable {
                reason: "its secret is not the base64 of 24 to 64 bytes (openssl rand -base64 32)".to_owned(),
            }),
        }
    }
}

/// The value of `webhook-signature`: one signature, for one key. `timestamp` is in seconds since 1970.
#[must_use]
pub fn signature(key: &SigningKey, id: &str, timestamp: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length; these have 64 bytes at most.
    let mut block = Zeroizing::new([0_u8; 64]);
    for (target, byte) in block.iter_mut().zip(key.0.iter()) {
        *target = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    mac.update(id.as_bytes());
    mac.update(format!(".{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        // The example of the Standard Webhooks documents and libraries.
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let found = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(found, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn weak_and_unreadable_secrets_are_refused() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all!", "c2hvcnQ="] {
            let said = SigningKey::parse(text).unwrap_err().to_string();
            assert!(said.contains("24 to 64 bytes") && (text.is_empty() || !said.contains(text)), "{said}");
        }
    }
}
