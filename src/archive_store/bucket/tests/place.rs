//! A prefix of its own in a bucket of the tests' server, and what an intruder may do there.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use connectors::s3::files::BucketFiles;
use connectors::s3::{Credentials, S3Options};

use crate::archive_store::testing::{RUNTIME, wait};
use crate::archive_store::{BucketLock, BucketPlace, BucketReader};
use crate::clock::SystemClock;

const BUCKETS: [&str; 2] = ["lib-archives", "lib-locked-archives"];
static PLACES: AtomicU32 = AtomicU32::new(0);
static SERVER: LazyLock<Server> = LazyLock::new(Server::find);

struct Server {
    endpoint: String,
    key: String,
    secret: String,
    client: Client,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "tests are told their server by the environment")]
    fn find() -> Self {
        let text = std::env::var("OUBLIETTE_TEST_S3").unwrap_or_else(|_| {
            panic!("OUBLIETTE_TEST_S3 is not set: run `scripts/servers start DIR` and source DIR/env")
        });
        let (keys, host) =
            text.strip_prefix("http://").and_then(|rest| rest.split_once('@')).expect("an address");
        let (key, secret) = keys.split_once(':').expect("a key and a secret");
        let endpoint = format!("http://{host}");
        let credentials = aws_sdk_s3::config::Credentials::new(key, secret, None, None, "tests");
        let builder = Builder::new().behavior_version(BehaviorVersion::latest());
        let builder = builder.region(Region::new("us-east-1")).endpoint_url(&endpoint).force_path_style(true);
        let client = Client::from_conf(builder.credentials_provider(credentials).build());
        for (bucket, locking) in BUCKETS.into_iter().zip([false, true]) {
            let call = client.create_bucket().bucket(bucket);
            let call = call.set_object_lock_enabled_for_bucket(locking.then_some(true));
            // An earlier run of the tests on the same server may have made it.
            let _made_before = wait(call.send());
            let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            let call = client.put_bucket_versioning().bucket(bucket).versioning_configuration(on);
            wait(call.send()).expect("versions are kept");
        }
        Self { endpoint, key: key.to_owned(), secret: secret.to_owned(), client }
    }
}

pub(super) struct Place {
    name: &'static str,
    prefix: String,
}

impl Place {
    /// With versions, and Object Lock if `locking`.
    pub(super) fn new(locking: bool) -> Self {
        let number = PLACES.fetch_add(1, Ordering::SeqCst);
        let run = std::process::id();
        Self { name: BUCKETS[usize::from(locking)], prefix: format!("{run}-{number:05}/archive/") }
    }

    fn files(&self) -> BucketFiles {
        let server = &*SERVER;
        let options = S3Options {
            bucket: self.name.to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(server.endpoint.clone()),
            path_style: true,
            ..S3Options::default()
        };
        let (access_key, secret_key) = (server.key.clone(), server.secret.clone());
        let keys = Credentials::Static { access_key, secret_key, session_token: None };
        wait(BucketFiles::open("archive", &options, &self.prefix, &keys)).expect("opened")
    }

    pub(super) fn bucket(&self, lock: Option<BucketLock>) -> BucketPlace {
        BucketPlace { files: self.files(), lock, clock: Arc::new(SystemClock::new()) }
    }

    pub(super) fn reader(&self, lock: Option<BucketLock>) -> BucketReader {
        let files = self.files();
        let _inside = RUNTIME.enter();
        BucketReader::new(files, lock)
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Writes over whatever is there.
    pub(super) fn put(&self, path: &str, bytes: &[u8]) {
        let call = SERVER.client.put_object().bucket(self.name).key(self.key(path));
        wait(call.body(bytes.to_vec().into()).send()).expect("written");
    }

    /// Puts a delete marker on top.
    pub(super) fn hide(&self, path: &str) {
        let call = SERVER.client.delete_object().bucket(self.name).key(self.key(path));
        wait(call.send()).expect("hidden");
    }

    /// Removes the first `count` versions below a path for good.
    pub(super) fn remove(&self, path: &str, count: usize) {
        let call = SERVER.client.list_object_versions().bucket(self.name).prefix(self.key(path));
        for version in wait(call.send()).expect("listed").versions().iter().take(count) {
            let call = SERVER.client.delete_object().bucket(self.name);
            let call = call.set_key(version.key().map(str::to_owned));
            wait(call.set_version_id(version.version_id().map(str::to_owned)).send()).expect("removed");
        }
    }

    /// Whether the newest version can be removed for good.
    pub(super) fn can_remove(&self, path: &str) -> bool {
        let call = SERVER.client.head_object().bucket(self.name).key(self.key(path));
        let version = wait(call.send()).expect("there").version_id().map(str::to_owned);
        let call = SERVER.client.delete_object().bucket(self.name).key(self.key(path));
        wait(call.set_version_id(version).send()).is_ok()
    }
}

/// Accepts every write, whatever its conditions, and has nothing.
pub(super) fn careless_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: u64 = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            let _body = std::io::copy(&mut (&stream).take(length), &mut std::io::sink());
            let status = if text.starts_with("put ") { "200 OK\r\nETag: \"1\"" } else { "404 Not Found" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    address
}
