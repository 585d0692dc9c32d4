//! What an error of the store means to the caller.
//!
//! Messages of a server may quote keys, which may name people, so only its code is repeated, and only if it
//! looks like one.

use crate::error::ConnectorError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::fmt;

/// The error of one call. `what` is what it was to do, such as "listing the bucket".
pub(super) fn of<E>(store: &str, what: &str, error: &SdkError<E>) -> ConnectorError
where
    E: ProvideErrorMetadata + fmt::Debug,
{
    let unreachable =
        |why: &str| ConnectorError::Unreachable { store: store.to_owned(), reason: format!("{what}: {why}") };
    match error {
        SdkError::TimeoutError(_) => unreachable("no answer in time"),
        SdkError::DispatchFailure(failure) => {
            // The text of the error is read, never repeated.
            let text = format!("{failure:?}");
            if text.contains("CredentialsNotLoaded") || text.contains("ProviderError") {
                let reason = format!("{what}: no credentials were found where the settings say");
                return ConnectorError::Denied { store: store.to_owned(), reason };
            }
            let is_tls = text.contains("InvalidCertificate") || text.contains("CertificateError");
            unreachable(match () {
                () if is_tls => "its certificate is not believed; name its authority with `ca`",
                () if failure.is_timeout() => "no connection in time",
                () if failure.is_io() => "the connection failed or broke",
                () => "no connection",
            })
        }
        SdkError::ResponseError(_) => unreachable("its answer was cut short or cannot be read"),
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let region = raw.headers().get("x-amz-bucket-region").map(code_of);
            of_code(store, what, answer.err().code().unwrap_or_default(), raw.status().as_u16(), region)
        }
        _ => ConnectorError::Failed {
            store: store.to_owned(),
            reason: format!("{what}: the request cannot be made; check bucket, region and endpoint"),
        },
    }
}

/// The meaning of a code and of a status.
fn of_code(store: &str, what: &str, code: &str, status: u16, region: Option<String>) -> ConnectorError {
    let store = store.to_owned();
    let code = code_of(code);
    let named = if code.is_empty() { format!("status {status}") } else { code.clone() };
    let denied = |why: &str| format!("{what}: {why} ({named})");
    match (code.as_str(), status) {
        ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired", _) => {
            ConnectorError::Denied { store, reason: denied("the credentials have expired") }
        }
        (
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException",
            _,
        ) => ConnectorError::Denied { store, reason: denied("the credentials are not those of the store") },
        ("RequestTimeTooSkewed", _) => {
            let why = "the clock of this machine and that of the store differ too much";
            ConnectorError::Denied { store, reason: denied(why) }
        }
        ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "Redirect", _)
        | (_, 301 | 302 | 307) => {
            let of = region.filter(|region| !region.is_empty());
            let of = of.map_or_else(String::new, |region| format!(": it is in '{region}'"));
            let reason =
                denied(&format!("the bucket is not in the region or at the endpoint of the settings{of}"));
            ConnectorError::Failed { store, reason }
        }
        ("NoSuchBucket", _) => ConnectorError::Failed { store, reason: denied("there is no such bucket") },
        (code, status) if is_overload(code, status) => {
            ConnectorError::Busy { store, reason: denied("it asks to go slower") }
        }
        (code, status) if may_pass(code, status) => {
            ConnectorError::Unreachable { store, reason: denied("it failed for the moment") }
        }
        ("QuotaExceeded" | "InsufficientStorage", _) | (_, 507) => {
            ConnectorError::Full { store, reason: denied("no room is left") }
        }
        ("NotImplemented" | "XNotImplemented", _) | (_, 501) => {
            ConnectorError::NotSupported { store, reason: denied("it does not know this call") }
        }
        (_, 401 | 403) => ConnectorError::Denied { store, reason: denied("the right to do so is missing") },
        _ => ConnectorError::Failed { store, reason: denied("it refused") },
    }
}

/// Whether a code of an answer asks to go slower.
pub(super) fn is_overload(code: &str, status: u16) -> bool {
    matches!(
        code,
        "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "OperationAborted"
            | "ServiceUnavailable"
            | "Busy"
    ) || matches!(status, 429 | 503)
}

/// Whether a code of an answer may be another the next time, and leaves open what became of the request.
pub(super) fn may_pass(code: &str, status: u16) -> bool {
    matches!(code, "InternalError" | "InternalServerError" | "RequestTimeout" | "RequestTimeoutException")
        || matches!(status, 408 | 500 | 502 | 504)
}

/// A code as it may be repeated.
pub(super) fn code_of(text: &str) -> String {
    text.chars().filter(|one| one.is_ascii_alphanumeric() || *one == '-').take(CODE_CHARACTERS_MAX).collect()
}

const CODE_CHARACTERS_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, status: u16) -> ConnectorError {
        of_code("files", "listing the bucket", code, status, Some("eu-west-3".to_owned()))
    }

    #[test]
    fn what_may_pass_is_transient_and_nothing_else_is() {
        for (code, status) in [("SlowDown", 503), ("", 503), ("InternalError", 500), ("", 502), ("", 429)] {
            assert!(told(code, status).is_transient(), "{code} {status}");
        }
        for (code, status) in
            [("AccessDenied", 403), ("ExpiredToken", 400), ("PermanentRedirect", 301), ("NoSuchBucket", 404)]
        {
            assert!(!told(code, status).is_transient(), "{code} {status}");
        }
    }

    #[test]
    fn the_cause_is_told_in_words() {
        let says = |code, status, words: &str| {
            let said = told(code, status).to_string();
            assert!(said.contains(words), "{said}");
        };
        says("ExpiredToken", 400, "expired");
        says("PermanentRedirect", 301, "'eu-west-3'");
        says("", 307, "region");
        says("AccessDenied", 403, "the right");
        says("SignatureDoesNotMatch", 403, "credentials");
        says("NoSuchBucket", 404, "no such bucket");
    }

    #[test]
    fn nothing_but_a_code_is_repeated() {
        let said = told("key/anna@example.org is <b>", 400).to_string();
        assert!(!said.contains('@') && !said.contains('/') && !said.contains('<'), "{said}");
    }
}
