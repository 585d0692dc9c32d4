//! The connection to one bucket, with the credentials of one side.
//!
//! Reads are retried by the client with back-off; deletions never are. The store's own clock is read off
//! its answers, and what it says of being overloaded is remembered for the caller to go slower.

use super::fault;
use super::inventory::InventoryOptions;
use crate::error::ConnectorError;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, ConfigBag, Intercept, Region, RuntimeComponents, SharedCredentialsProvider,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use chrono::{DateTime, Utc};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// How a bucket is reached.
#[derive(Debug, Clone, Default)]
pub struct S3Options {
    pub bucket: String,
    pub region: String,
    /// `None`: that of AWS in the region.
    pub endpoint: Option<String>,
    /// The bucket in the path instead of in the name of the host.
    pub path_style: bool,
    /// Certificates in PEM that are believed beside those of the system.
    pub ca: Option<Vec<u8>>,
    /// Whether governance retention is bypassed.
    pub bypass_governance: bool,
    /// By which a plan counts, instead of a listing.
    pub inventory: Option<InventoryOptions>,
}

/// Who asks.
#[derive(Clone, Default)]
pub enum Credentials {
    /// What the environment of the process says: variables, shared files, a web identity, the role of the
    /// machine.
    #[default]
    Environment,
    Anonymous,
    /// A profile of the shared files.
    Profile(String),
    Static {
        access_key: String,
        secret_key: String,
        session_token: Option<String>,
    },
    /// A role that the credentials of the environment may assume.
    Role {
        arn: String,
        external_id: Option<String>,
    },
}

/// Without the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Environment => "Environment",
            Self::Anonymous => "Anonymous",
            Self::Profile(_) => "Profile",
            Self::Static { .. } => "Static(redacted)",
            Self::Role { .. } => "Role",
        })
    }
}

/// Which side of a store asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Reader,
    Writer,
}

/// One bucket, open.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// Repeats what failed in a way that may pass.
    pub(super) reads: Client,
    /// Repeats nothing. Only the writer has one.
    pub(super) writes: Option<Client>,
    pub(super) store: String,
    pub(super) name: String,
    pub(super) bypass_governance: bool,
    heard: Arc<Heard>,
}

/// What the answers of the store told beside their content.
#[derive(Debug, Default)]
struct Heard {
    /// The store's own time in seconds since 1970; 0: never told.
    time: AtomicI64,
    /// Answers that asked to go slower.
    overloaded: AtomicU64,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of one try of a read, and of one deletion of 1000 versions.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);
const READ_ATTEMPTS_MAX: u32 = 5;
const READ_BACK_OFF: Duration = Duration::from_millis(200);

impl Bucket {
    pub(super) async fn open(
        store: &str,
        options: &S3Options,
        credentials: &Credentials,
        side: Side,
    ) -> Result<Self, ConnectorError> {
        let heard = Arc::new(Heard::default());
        let base = config(store, options, credentials, &heard).await?;
        let retries =
            RetryConfig::standard().with_max_attempts(READ_ATTEMPTS_MAX).with_initial_backoff(READ_BACK_OFF);
        let reads = Client::from_conf(base.clone().retry_config(retries).build());
        let writes = (side == Side::Writer)
            .then(|| Client::from_conf(base.retry_config(RetryConfig::disabled()).build()));
        Ok(Self {
            reads,
            writes,
            store: store.to_owned(),
            name: options.bucket.clone(),
            bypass_governance: options.bypass_governance,
            heard,
        })
    }

    /// Another bucket of the same store, with the same credentials.
    pub(super) fn beside(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The store's own time as of its last answer.
    pub(super) fn time(&self) -> Option<DateTime<Utc>> {
        let seconds = self.heard.time.load(Ordering::Relaxed);
        (seconds > 0).then(|| DateTime::from_timestamp(seconds, 0)).flatten()
    }

    /// How often the store asked to go slower since this was asked last.
    pub(super) fn take_overloaded(&self) -> u64 {
        self.heard.overloaded.swap(0, Ordering::Relaxed)
    }

    /// The error of a call; `what` is what it was to do.
    pub(super) fn failed<E>(&self, what: &str, error: &aws_sdk_s3::error::SdkError<E>) -> ConnectorError
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + fmt::Debug,
    {
        fault::of(&self.store, what, error)
    }
}

async fn config(
    store: &str,
    options: &S3Options,
    credentials: &Credentials,
    heard: &Arc<Heard>,
) -> Result<Builder, ConnectorError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let http = http_client(store, options)?;
    let region = Region::new(options.region.clone());
    let mut builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .force_path_style(options.path_style)
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http.clone())
        .interceptor(Listener(Arc::clone(heard)));
    if let Some(endpoint) = &options.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Ok(match provider(credentials, region, http).await {
        Some(provider) => builder.credentials_provider(provider),
        None => builder.allow_no_auth(),
    })
}

async fn provider(
    credentials: &Credentials,
    region: Region,
    http: SharedHttpClient,
) -> Option<SharedCredentialsProvider> {
    use aws_sdk_s3::config::Credentials as Keys;
    Some(match credentials {
        Credentials::Anonymous => return None,
        Credentials::Static { access_key, secret_key, session_token } => SharedCredentialsProvider::new(
            Keys::new(access_key.as_str(), secret_key.as_str(), session_token.clone(), None, "settings"),
        ),
        Credentials::Profile(name) => SharedCredentialsProvider::new(
            aws_config::profile::ProfileFileCredentialsProvider::builder().profile_name(name).build(),
        ),
        Credentials::Environment => SharedCredentialsProvider::new(
            aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
                .region(region)
                .build()
                .await,
        ),
        Credentials::Role { arn, external_id } => {
            let base = aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(http);
            let mut role = aws_config::sts::AssumeRoleProvider::builder(arn.as_str())
                .session_name("oubliette")
                .configure(&base.load().await);
            if let Some(external_id) = external_id {
                role = role.external_id(external_id);
            }
            SharedCredentialsProvider::new(role.build().await)
        }
    })
}

/// One TLS library for all; with the certificates of the system, and those of the settings.
fn http_client(store: &str, options: &S3Options) -> Result<SharedHttpClient, ConnectorError> {
    let mut trust = TrustStore::empty().with_native_roots(true);
    if let Some(pem) = &options.ca {
        if !pem.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) {
            return Err(ConnectorError::Failed {
                store: store.to_owned(),
                reason: "the file of `ca` holds no certificate in PEM".to_owned(),
            });
        }
        trust = trust.with_pem_certificate(pem.clone());
    }
    let context =
        TlsContext::builder().with_trust_store(trust).build().map_err(|_| ConnectorError::Failed {
            store: store.to_owned(),
            reason: "the certificates to believe cannot be used".to_owned(),
        })?;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Ok(aws_smithy_http_client::Builder::new().tls_provider(provider).tls_context(context).build_https())
}

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads the time and the signs of overload off every answer.
#[derive(Debug)]
struct Listener(Arc<Heard>);

impl Intercept for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let date = response.headers().get("date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        if let Some(date) = date {
            self.0.time.store(date.timestamp(), Ordering::Relaxed);
        }
        if matches!(response.status().as_u16(), 429 | 503) {
            self.0.overloaded.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
