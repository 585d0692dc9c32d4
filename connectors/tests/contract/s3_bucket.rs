//! A real bucket, filled and looked at without the connector.
//!
//! The server is named by `OUBLIETTE_TEST_S3`, as `http://KEY:SECRET@HOST:PORT`, which `scripts/servers` sets;
//! without it the tests fail and say so.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials as Keys, Region};
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockMode, Tag, Tagging, VersioningConfiguration};
use chrono::{DateTime, Utc};
use oubliette_connectors::predicate::template::KeyTemplate;
use oubliette_connectors::s3::{Credentials, S3Disposer, S3Options, S3Source};
use oubliette_connectors::{DatasetAddress, Location};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

/// How a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Never,
    Enabled,
    Suspended,
    /// Enabled, with Object Lock.
    Locking,
}

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A prefix of its own in a bucket that all tests of one kind share.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    versioning: Versioning,
}

/// One line of a listing: key, version id, whether it is a marker.
pub(crate) type Line = (String, String, bool);

pub(crate) fn endpoint() -> (String, String, String) {
    #[expect(clippy::disallowed_methods, reason = "the test command names the server")]
    let text = std::env::var("OUBLIETTE_TEST_S3").unwrap_or_else(|_| {
        panic!("OUBLIETTE_TEST_S3 is not set: run `scripts/servers start DIR` and source DIR/env")
    });
    let (scheme, rest) = text.split_once("://").expect("an address");
    let (keys, host) = rest.split_once('@').expect("keys in the address");
    let (key, secret) = keys.split_once(':').expect("a key and a secret");
    (format!("{scheme}://{host}"), key.to_owned(), secret.to_owned())
}

/// Keys that not every store has as they are: SeaweedFS makes other keys of them.
pub(crate) fn rare_keys() -> &'static [&'static str] {
    #[expect(clippy::disallowed_methods, reason = "the script that starts the server says what it is")]
    let is_ceph = std::env::var("OUBLIETTE_TEST_S3_KIND").is_ok_and(|kind| kind == "ceph");
    if is_ceph { &["a//b", "//", "\\", " leading", "\u{1}\u{2}", "\u{7f}", "a/", "/"] } else { &[] }
}

pub(crate) fn client() -> Client {
    let (endpoint, key, secret) = endpoint();
    let keys = Keys::new(key, secret, None, None, "tests");
    let builder = Builder::new().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    Client::from_conf(
        builder.endpoint_url(endpoint).force_path_style(true).credentials_provider(keys).build(),
    )
}

impl Place {
    pub(crate) async fn new(versioning: Versioning) -> Self {
        static MADE: [OnceCell<()>; 4] =
            [OnceCell::const_new(), OnceCell::const_new(), OnceCell::const_new(), OnceCell::const_new()];
        let bucket = format!("contract-{versioning:?}").to_lowercase();
        let client = client();
        MADE[versioning as usize].get_or_init(|| make(client.clone(), bucket.clone(), versioning)).await;
        let number = PLACES.fetch_add(1, Ordering::SeqCst);
        let prefix = format!("{}-{number:04}/", std::process::id());
        Self { client, bucket, prefix, versioning }
    }

    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            bucket: self.bucket.clone(),
            region: "us-east-1".to_owned(),
            endpoint: Some(endpoint().0),
            path_style: true,
            ..S3Options::default()
        }
    }

    pub(crate) fn credentials() -> Credentials {
        let (_, access_key, secret_key) = endpoint();
        Credentials::Static { access_key, secret_key, session_token: None }
    }

    pub(crate) async fn source(&self) -> S3Source {
        S3Source::open("bucket", &self.options(), &Self::credentials()).await.unwrap()
    }

    pub(crate) async fn disposer(&self) -> S3Disposer {
        S3Disposer::open("bucket", &self.options(), &Self::credentials()).await.unwrap()
    }

    /// A dataset of the keys of this place that match the template below its prefix.
    pub(crate) fn address(&self, template: &str) -> DatasetAddress {
        let template = format!("{}{template}", self.prefix);
        DatasetAddress {
            store: "bucket".to_owned(),
            dataset: "bucket.objects".to_owned(),
            location: Location::Objects { key: KeyTemplate::parse(&template).unwrap() },
        }
    }

    /// Writes one object; its version id.
    pub(crate) async fn put(&self, key: &str, content: &str) -> String {
        self.put_tagged(key, content, &[]).await
    }

    pub(crate) async fn put_tagged(&self, key: &str, content: &str, tags: &[(&str, &str)]) -> String {
        let body = content.as_bytes().to_vec().into();
        let call =
            self.client.put_object().bucket(&self.bucket).key(format!("{}{key}", self.prefix)).body(body);
        let put = call.send().await.unwrap();
        let id = put.version_id().unwrap_or("null").to_owned();
        if !tags.is_empty() {
            self.tag(key, &id, tags).await;
        }
        id
    }

    pub(crate) async fn tag(&self, key: &str, id: &str, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(name, value)| Tag::builder().key(*name).value(*value).build().unwrap());
        let tagging = Tagging::builder().set_tag_set(Some(tags.collect())).build().unwrap();
        let call = self.client.put_object_tagging().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
        let call = call.set_version_id((self.versioning != Versioning::Never).then(|| id.to_owned()));
        call.tagging(tagging).send().await.unwrap();
    }

    /// Deletes as an owner does: a marker where there are versions.
    pub(crate) async fn hide(&self, key: &str) {
        let key = format!("{}{key}", self.prefix);
        self.client.delete_object().bucket(&self.bucket).key(key).send().await.unwrap();
    }

    pub(crate) async fn remove(&self, key: &str, id: &str) {
        let call = self.client.delete_object().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
        call.version_id(id).send().await.unwrap();
    }

    pub(crate) async fn retain(&self, key: &str, id: &str, mode: ObjectLockMode, until: DateTime<Utc>) {
        use aws_sdk_s3::types::{ObjectLockRetention, ObjectLockRetentionMode};
        let mode = ObjectLockRetentionMode::from(mode.as_str());
        let until = aws_sdk_s3::primitives::DateTime::from_secs(until.timestamp());
        let retention = ObjectLockRetention::builder().mode(mode).retain_until_date(until).build();
        let call =
            self.client.put_object_retention().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
        call.version_id(id).retention(retention).send().await.unwrap();
    }

    pub(crate) async fn hold(&self, key: &str, id: &str) {
        use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};
        let hold = ObjectLockLegalHold::builder().status(ObjectLockLegalHoldStatus::On).build();
        let call =
            self.client.put_object_legal_hold().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
        call.version_id(id).legal_hold(hold).send().await.unwrap();
    }

    /// Everything of this place, in one listing, without its prefix.
    pub(crate) async fn lines(&self) -> BTreeSet<Line> {
        let call = self.client.list_object_versions().bucket(&self.bucket).prefix(&self.prefix);
        let page = call.max_keys(1000).send().await.unwrap();
        assert_ne!(page.is_truncated(), Some(true), "a test has few objects");
        let own = |key: Option<&str>| key.unwrap().strip_prefix(&self.prefix).unwrap().to_owned();
        let versions = page.versions().iter();
        let versions =
            versions.map(|one| (own(one.key()), one.version_id().unwrap_or("null").to_owned(), false));
        let markers = page.delete_markers().iter();
        let markers =
            markers.map(|one| (own(one.key()), one.version_id().unwrap_or("null").to_owned(), true));
        versions.chain(markers).collect()
    }

    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        self.lines().await.into_iter().map(|(key, ..)| key).collect()
    }

    /// Begins an upload that is never finished.
    pub(crate) async fn begin_upload(&self, key: &str) -> String {
        let call = self.client.create_multipart_upload().bucket(&self.bucket);
        let begun = call.key(format!("{}{key}", self.prefix)).send().await.unwrap();
        begun.upload_id().unwrap().to_owned()
    }

    pub(crate) async fn uploads(&self) -> usize {
        let call = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(&self.prefix);
        call.send().await.unwrap().uploads().len()
    }

    /// The time and the tag of content of a version, as a listing tells them.
    pub(crate) async fn stamp(&self, key: &str) -> (i64, String) {
        let key = format!("{}{key}", self.prefix);
        let page = self.client.list_object_versions().bucket(&self.bucket).prefix(&key).send().await.unwrap();
        let found = page.versions().iter().find(|one| one.key() == Some(&key)).unwrap();
        let millis = found.last_modified().unwrap().to_millis().unwrap();
        (millis, found.e_tag().unwrap().trim_matches('"').to_owned())
    }
}

async fn make(client: Client, bucket: String, versioning: Versioning) {
    let call = client.create_bucket().bucket(&bucket);
    let lock = (versioning == Versioning::Locking).then_some(true);
    // Another process of the same server may have made it.
    let _made_before = call.set_object_lock_enabled_for_bucket(lock).send().await;
    let set = |status| {
        let configuration = VersioningConfiguration::builder().status(status).build();
        client.put_bucket_versioning().bucket(&bucket).versioning_configuration(configuration).send()
    };
    match versioning {
        Versioning::Never => {}
        Versioning::Enabled | Versioning::Locking => {
            drop(set(BucketVersioningStatus::Enabled).await.unwrap());
        }
        Versioning::Suspended => {
            set(BucketVersioningStatus::Enabled).await.unwrap();
            set(BucketVersioningStatus::Suspended).await.unwrap();
        }
    }
}
