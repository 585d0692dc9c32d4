//! Measures the removal of many objects of a bucket against `s5cmd rm` and `aws s3 rm --recursive` on as many each, in
//! one run on one server, and prints the ratios. Ours includes listing, judging, intent, and reading back that
//! every version is gone, which is done while the next batch is carried out, as the program does. In a bucket with
//! versions only `s5cmd rm --all-versions` does the same: without it, and with `aws s3 rm`, every version stays.
//!
//! `bucket_speed [OBJECTS] [BATCH_RECORDS] [ROUNDS] [versions]`; by default 5000 objects, batches of 5000, 2 rounds, in
//! a bucket without versions at the server that `OUBLIETTE_TEST_S3` names. A command that is not installed is left out. What
//! a journal on disk costs is not in it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement reads the clock, prints, and stops when it cannot go on"
)]

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials as Keys, Region};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use chrono::{Days, Utc};
use oubliette_connectors::s3::{Credentials, S3Disposer, S3Options, S3Source};
use oubliette_connectors::{
    Batch, BatchRange, ConnectorError, DatasetAddress, DatasetKeys, Disposal, Field, Intended, IntentSink,
    KeyTemplate, Location, ObservedState, Predicate, RecordDisposer as _, RecordSource as _, Selection,
    StartCondition, StartEncoding, ValueType,
};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The server of the tests.
#[derive(Debug, Clone)]
struct Server {
    endpoint: String,
    key: String,
    secret: String,
    bucket: &'static str,
}

impl Server {
    fn named(bucket: &'static str) -> Self {
        let text = std::env::var("OUBLIETTE_TEST_S3").expect("OUBLIETTE_TEST_S3 names a server");
        let (keys, host) =
            text.strip_prefix("http://").and_then(|rest| rest.split_once('@')).expect("an address");
        let (key, secret) = keys.split_once(':').expect("keys in the address");
        Self { endpoint: format!("http://{host}"), key: key.to_owned(), secret: secret.to_owned(), bucket }
    }

    fn client(&self) -> Client {
        let keys = Keys::new(&self.key, &self.secret, None, None, "speed");
        let builder = Builder::new().behavior_version(BehaviorVersion::latest()).credentials_provider(keys);
        let builder = builder.region(Region::new("us-east-1")).endpoint_url(&self.endpoint);
        Client::from_conf(builder.force_path_style(true).build())
    }

    async fn create(&self, has_versions: bool) {
        let client = self.client();
        // It may be there from an earlier run.
        drop(client.create_bucket().bucket(self.bucket).send().await);
        if has_versions {
            let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            let call = client.put_bucket_versioning().bucket(self.bucket).versioning_configuration(enabled);
            call.send().await.expect("versions are switched on");
        }
    }

    async fn fill(&self, prefix: &str, objects: usize) {
        let client = self.client();
        let mut writing = tokio::task::JoinSet::new();
        for number in 0..objects {
            let key = format!("{prefix}/d{:03}/receipt-{number:07}.json", number / 1000);
            let call =
                client.put_object().bucket(self.bucket).key(key).body(b"{\"total\": 1}\n".to_vec().into());
            writing.spawn(async move { call.send().await.expect("an object is written") });
            if writing.len() >= 32 {
                writing.join_next().await;
            }
        }
        while writing.join_next().await.is_some() {}
    }

    async fn left(&self, prefix: &str) -> usize {
        let call = self.client().list_object_versions().bucket(self.bucket).prefix(format!("{prefix}/"));
        call.send().await.expect("a listing").versions().len()
    }
}

/// Counts what a journal would write.
#[derive(Debug, Default)]
struct CountingSink(AtomicUsize);

#[async_trait]
impl IntentSink for CountingSink {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        let keys: usize = intended.groups.iter().map(|group| group.keys.len()).sum();
        self.0.fetch_add(keys, Ordering::Relaxed);
        Ok(())
    }
}

async fn selection(source: &S3Source, prefix: &str) -> Selection {
    let as_of = Utc::now().checked_add_days(Days::new(1)).expect("there is a tomorrow");
    let template = KeyTemplate::parse(&format!("{prefix}/{{all*}}")).expect("the template is valid");
    let address = DatasetAddress {
        store: "speed".to_owned(),
        dataset: "speed.objects".to_owned(),
        location: Location::Objects { key: template },
    };
    let shape = source.inspect(&address).await.expect("the bucket can be inspected");
    Selection {
        address,
        shape,
        scope: Predicate::always(),
        start: StartCondition::Event {
            field: Field { name: "last_modified".to_owned(), value_type: ValueType::Instant },
            encoding: StartEncoding::Instant,
            cutoff_at: as_of,
            cutoff_on: as_of.date_naive(),
            as_of,
            as_of_on: as_of.date_naive(),
            overdue_at: as_of,
            overdue_on: as_of.date_naive(),
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

/// Removes everything of the prefix and reads back; how long it took.
async fn ours(server: &Server, prefix: &str, objects: usize, batch_records: u32) -> Duration {
    let options = S3Options {
        bucket: server.bucket.to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(server.endpoint.clone()),
        path_style: true,
        ..S3Options::default()
    };
    let credentials = Credentials::Static {
        access_key: server.key.clone(),
        secret_key: server.secret.clone(),
        session_token: None,
    };
    let began = Instant::now();
    let source = S3Source::open("speed", &options, &credentials).await.expect("a source");
    let disposer = S3Disposer::open("speed", &options, &credentials).await.expect("a disposer");
    let selection = selection(&source, prefix).await;
    let (sink, mut after, mut gone) = (CountingSink::default(), None, 0);
    let mut unseen: Option<DatasetKeys> = None;
    loop {
        let range = BatchRange { after, up_to: None, due: None, records_max: batch_records };
        let batch = Batch { selection: selection.clone(), range, only_keys: None };
        let (seen, outcome) =
            tokio::join!(look(&source, &selection, unseen.take()), disposer.dispose(&batch, &sink));
        gone += seen;
        let outcome = outcome.expect("a batch");
        let groups = outcome.groups.into_iter();
        unseen = groups.map(|group| DatasetKeys { dataset: group.dataset, keys: group.disposed }).next();
        after = outcome.last_key;
        if outcome.exhausted {
            break;
        }
    }
    gone += look(&source, &selection, unseen).await;
    let took = began.elapsed();
    assert_eq!(gone, objects, "what was seen to be gone");
    assert_eq!(sink.0.into_inner(), objects, "what was intended");
    took
}

/// How many of these are gone.
async fn look(source: &S3Source, selection: &Selection, keys: Option<DatasetKeys>) -> usize {
    let Some(keys) = keys else { return 0 };
    let seen = source.observe(selection, &keys).await.expect("a look");
    seen.iter().filter(|one| one.state == ObservedState::Absent).count()
}

/// A command that ours is measured against, without the address of the objects.
type Rival = (&'static str, &'static [&'static str], &'static str);
const ALL_VERSIONS: Rival = ("s5cmd", &["--log", "error", "rm", "--all-versions"], "*");
const RIVALS: &[Rival] = &[
    ALL_VERSIONS,
    ("s5cmd", &["--log", "error", "rm"], "*"),
    ("aws", &["s3", "rm", "--recursive", "--quiet"], ""),
];

/// How long another program takes; `None` if it is not installed.
fn theirs(server: &Server, prefix: &str, (program, arguments, all): Rival) -> Option<Duration> {
    let began = Instant::now();
    let done = Command::new(program)
        .args(["--endpoint-url", &server.endpoint])
        .args(arguments)
        .arg(format!("s3://{}/{prefix}/{all}", server.bucket))
        .env("AWS_ACCESS_KEY_ID", &server.key)
        .env("AWS_SECRET_ACCESS_KEY", &server.secret)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .status()
        .ok()?;
    assert!(done.success(), "{program} failed");
    Some(began.elapsed())
}

/// The most memory that this process has had, in megabytes.
fn memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

fn argument(place: usize, usual: usize) -> usize {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[tokio::main]
async fn main() {
    let (objects, rounds) = (argument(1, 5_000), argument(3, 2));
    let batch_records = u32::try_from(argument(2, 5_000)).expect("a size of batches");
    let has_versions = std::env::args().nth(4).is_some_and(|text| text == "versions");
    let server = Server::named(if has_versions { "speed-versions" } else { "speed" });
    server.create(has_versions).await;
    let rivals = if has_versions { &[ALL_VERSIONS][..] } else { RIVALS };
    for round in 0..rounds {
        let prefix = format!("{}-{round}", std::process::id());
        server.fill(&prefix, objects).await;
        let own = ours(&server, &prefix, objects, batch_records).await;
        assert_eq!(server.left(&prefix).await, 0);
        println!("{objects} objects: ours {}, memory {} MB", speed(objects, own), memory_mb());
        for rival in rivals {
            server.fill(&prefix, objects).await;
            let Some(other) = theirs(&server, &prefix, *rival) else {
                println!("  {} is not installed", rival.0);
                continue;
            };
            assert_eq!(server.left(&prefix).await, 0, "what {} left", rival.0);
            let ratio = other.as_secs_f64() / own.as_secs_f64();
            println!("  {} {} {}: ratio {ratio:.2}", rival.0, rival.1.join(" "), speed(objects, other));
        }
    }
}

fn speed(objects: usize, took: Duration) -> String {
    let objects = f64::from(u32::try_from(objects).unwrap_or(u32::MAX));
    format!("{:.2} s ({:.0}/s)", took.as_secs_f64(), objects / took.as_secs_f64())
}
