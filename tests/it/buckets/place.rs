//! A prefix of its own in a real bucket, filled and listed without the connector, and a project over it.
//!
//! The server is named by `OUBLIETTE_TEST_S3`, which `scripts/servers` sets; without it the tests fail and say so.

use crate::support::Project;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockRetention,
    ObjectLockRetentionMode, VersioningConfiguration,
};
use connectors::{RecordKey, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static PLACES: AtomicU32 = AtomicU32::new(0);
static BUCKETS: [OnceCell<()>; 2] = [OnceCell::const_new(), OnceCell::const_new()];

/// Key without the prefix, and the second part of the record key.
pub(crate) type Line = (String, String);

#[derive(Debug)]
pub(crate) struct Place {
    client: Client,
    pub(crate) bucket: &'static str,
    pub(crate) prefix: String,
}

/// `http://HOST:PORT`, key and secret of the server of the tests.
#[track_caller]
pub(crate) fn server() -> (String, String, String) {
    let text = std::env::var("OUBLIETTE_TEST_S3").unwrap_or_else(|_| {
        panic!("OUBLIETTE_TEST_S3 is not set: run `scripts/servers start DIR` and source DIR/env")
    });
    parts(&text)
}

/// The same of an address with key and secret in it.
pub(crate) fn parts(text: &str) -> (String, String, String) {
    let (keys, host) = text.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (key, secret) = keys.split_once(':').unwrap();
    (format!("http://{host}"), key.to_owned(), secret.to_owned())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

impl Place {
    /// With versions, and Object Lock if `locking`.
    pub(crate) fn new(locking: bool) -> Self {
        let client = client(server());
        let bucket = if locking { "it-locking" } else { "it-versions" };
        wait(BUCKETS[usize::from(locking)].get_or_init(|| make(&client, bucket, locking)));
        let number = PLACES.fetch_add(1, Ordering::SeqCst);
        Self { client, bucket, prefix: format!("{}-{number:05}/", std::process::id()) }
    }

    /// On a server that only one test uses; a bucket with versions.
    pub(crate) fn on(address: &str) -> Self {
        let (client, bucket) = (client(parts(address)), "it-own");
        wait(make(&client, bucket, false));
        Self { client, bucket, prefix: String::new() }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Writes one version.
    pub(crate) fn put(&self, key: &str, content: &str) -> Line {
        let call = self.client.put_object().bucket(self.bucket).key(self.key(key));
        let put = wait(call.body(content.as_bytes().to_vec().into()).send()).unwrap();
        (key.to_owned(), put.version_id().unwrap().to_owned())
    }

    /// The same where the server may be away.
    pub(crate) fn try_put(&self, key: &str) -> Option<Line> {
        let call = self.client.put_object().bucket(self.bucket).key(self.key(key));
        let put = wait(call.body(key.as_bytes().to_vec().into()).send()).ok()?;
        Some((key.to_owned(), put.version_id()?.to_owned()))
    }

    /// Writes many at once, in the order given for each key.
    pub(crate) fn put_all(&self, keys: &[String]) -> Vec<Line> {
        use std::sync::Mutex;
        let lines = Mutex::new(Vec::with_capacity(keys.len()));
        wait(async {
            for chunk in keys.chunks(32) {
                let mut writing = tokio::task::JoinSet::new();
                for key in chunk {
                    let call = self.client.put_object().bucket(self.bucket).key(self.key(key));
                    let call = call.body(key.as_bytes().to_vec().into());
                    let key = key.clone();
                    writing.spawn(async move {
                        (key, call.send().await.unwrap().version_id().unwrap().to_owned())
                    });
                }
                while let Some(line) = writing.join_next().await {
                    lines.lock().unwrap().push(line.unwrap());
                }
            }
        });
        lines.into_inner().unwrap()
    }

    /// Puts a delete marker on top.
    pub(crate) fn hide(&self, key: &str) -> Line {
        let call = self.client.delete_object().bucket(self.bucket).key(self.key(key));
        let marker = wait(call.send()).unwrap().version_id().unwrap().to_owned();
        (key.to_owned(), format!("~marker;{marker}"))
    }

    /// Deletes one version for good.
    pub(crate) fn remove(&self, (key, id): &Line) {
        let call = self.client.delete_object().bucket(self.bucket).key(self.key(key)).version_id(id);
        wait(call.send()).unwrap();
    }

    pub(crate) fn begin_upload(&self, key: &str) -> Line {
        let call = self.client.create_multipart_upload().bucket(self.bucket).key(self.key(key));
        let begun = wait(call.send()).unwrap().upload_id().unwrap().to_owned();
        (key.to_owned(), format!("upload;{begun}"))
    }

    pub(crate) fn retain(&self, (key, id): &Line, mode: ObjectLockRetentionMode, until: i64) {
        let until = DateTime::from_secs(until);
        let retention = ObjectLockRetention::builder().mode(mode).retain_until_date(until).build();
        let call = self.client.put_object_retention().bucket(self.bucket).key(self.key(key)).version_id(id);
        wait(call.retention(retention).send()).unwrap();
    }

    pub(crate) fn hold(&self, (key, id): &Line) {
        let hold = ObjectLockLegalHold::builder().status(ObjectLockLegalHoldStatus::On).build();
        let call = self.client.put_object_legal_hold().bucket(self.bucket).key(self.key(key)).version_id(id);
        wait(call.legal_hold(hold).send()).unwrap();
    }

    /// Every object as it is now, as files below a directory: what a plain copy of a bucket is.
    pub(crate) fn download(&self, directory: &std::path::Path) {
        let keys: BTreeSet<String> = self.lines().into_iter().map(|(key, _)| key).collect();
        for key in keys {
            let call = self.client.get_object().bucket(self.bucket).key(self.key(&key));
            let bytes = wait(async { call.send().await.unwrap().body.collect().await.unwrap().to_vec() });
            let path = directory.join(&key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Under which retention a version is, and until when in seconds.
    pub(crate) fn retention(&self, (key, id): &Line) -> (ObjectLockRetentionMode, i64) {
        let call = self.client.get_object_retention().bucket(self.bucket).key(self.key(key)).version_id(id);
        let told = wait(call.send()).unwrap().retention.unwrap();
        (told.mode.unwrap(), told.retain_until_date.unwrap().secs())
    }

    /// Everything there is under the prefix.
    pub(crate) fn lines(&self) -> BTreeSet<Line> {
        self.listing().into_keys().collect()
    }

    /// Everything there is under the prefix, each with the tag of its content, its size and its time.
    pub(crate) fn listing(&self) -> BTreeMap<Line, String> {
        let own = |key: Option<&str>| key.unwrap().strip_prefix(&self.prefix).unwrap().to_owned();
        let mut lines = BTreeMap::new();
        let mut after: (Option<String>, Option<String>) = (None, None);
        loop {
            let call = self.client.list_object_versions().bucket(self.bucket).prefix(&self.prefix);
            let call = call.set_key_marker(after.0).set_version_id_marker(after.1);
            // In one page where the store allows: SeaweedFS leaves keys out at the end of one.
            let page = wait(call.max_keys(1_000_000).send()).unwrap();
            let id = |id: Option<&str>| id.unwrap().to_owned();
            lines.extend(page.versions().iter().map(|one| {
                let told = format!("{:?} {:?} {:?}", one.e_tag(), one.size(), kept_time(one.last_modified()));
                ((own(one.key()), id(one.version_id())), told)
            }));
            lines.extend(page.delete_markers().iter().map(|one| {
                let part = format!("~marker;{}", id(one.version_id()));
                ((own(one.key()), part), format!("{:?}", one.last_modified()))
            }));
            if page.is_truncated() != Some(true) {
                break;
            }
            after =
                (page.next_key_marker().map(str::to_owned), page.next_version_id_marker().map(str::to_owned));
        }
        let call = self.client.list_multipart_uploads().bucket(self.bucket).prefix(&self.prefix);
        let uploads = wait(call.send()).unwrap();
        lines.extend(
            uploads
                .uploads()
                .iter()
                .map(|one| ((own(one.key()), format!("upload;{}", one.upload_id().unwrap())), String::new())),
        );
        lines
    }

    /// The canonical key of a record, as commitments stand on it.
    pub(crate) fn canonical(&self, (key, part): &Line) -> String {
        RecordKey::of(vec![Value::Text(self.key(key)), Value::Text(part.clone())]).canonical()
    }

    /// A project over this place. `endpoint` is that of the server, or of something before it.
    pub(crate) fn project(&self, endpoint: &str, more: &str, data_map: &str, rules: &str) -> Project {
        let (_, key, secret) = server();
        let settings = SETTINGS
            .replace("BUCKET", self.bucket)
            .replace("ENDPOINT", endpoint)
            .replace("KEY", &key)
            .replace("SECRET", &secret)
            .replace("MORE", more);
        Project::new(&settings, &data_map.replace("PREFIX/", &self.prefix), &format!("{POLICY}{rules}"))
    }
}

fn client((endpoint, key, secret): (String, String, String)) -> Client {
    let keys = Credentials::new(key, secret, None, None, "tests");
    let builder = Builder::new().behavior_version(BehaviorVersion::latest());
    let builder = builder.region(Region::new("us-east-1")).endpoint_url(endpoint).force_path_style(true);
    Client::from_conf(builder.credentials_provider(keys).build())
}

async fn make(client: &Client, bucket: &str, locking: bool) {
    // An earlier run of the tests on the same server may have made it.
    let call = client.create_bucket().bucket(bucket);
    let _made_before = call.set_object_lock_enabled_for_bucket(locking.then_some(true)).send().await;
    let configuration = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = client.put_bucket_versioning().bucket(bucket).versioning_configuration(configuration);
    call.send().await.unwrap();
}

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: P0D}
  exports:
    kind: s3
    bucket: BUCKET
    endpoint: "ENDPOINT"
    path_style: true
    reader: {access_key: "KEY", secret_key: "SECRET"}
    writer: {access_key: "KEY", secret_key: "SECRET"}
    backups_kept: P0D
    MORE
"#;

const POLICY: &str = r"
policy: exports
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
";

/// A year by number: of six five are long past, and one is this one. Of 25 one is yet to come.
pub(crate) fn year(number: usize) -> i32 {
    match number {
        at if at % 25 == 24 => 2099,
        at if at % 6 == 5 => chrono::Datelike::year(&chrono::Utc::now()),
        at => 2010 + i32::try_from(at % 6).unwrap(),
    }
}

/// Whether what was made in that year is past its three years.
pub(crate) fn is_past(year: i32) -> bool {
    year < 2020
}

/// A rule that purges a record type three years after it was made.
pub(crate) fn rule(record_type: &str) -> String {
    format!(
        "  - {{id: {record_type}, record_type: {record_type}, title: {{fr: T, en: T}}, purpose: {{fr: P, en: P}}, \
         legal_basis: eu-gdpr:A6-1-f, starts_from: made, retain_for: P3Y, disposition: purge, \
         guards: {{max_share: 100%}}}}\n"
    )
}

/// Ceph 16 gives a version that comes to the top, since the one above it went, the time of that.
fn kept_time(time: Option<&DateTime>) -> Option<&DateTime> {
    let is_ceph = std::env::var("OUBLIETTE_TEST_S3_KIND").is_ok_and(|kind| kind == "ceph");
    time.filter(|_| !is_ceph)
}
