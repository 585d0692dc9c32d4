//! Buckets in each way that they keep versions.

use crate::s3_bucket::{Place, Versioning};
use async_trait::async_trait;
use oubliette_connectors::contract_suite;
use oubliette_connectors::testkit::{Fixture, Record, Start, TestDataset};
use oubliette_connectors::{Field, RecordDisposer, RecordKey, RecordSource, StartEncoding, Value, ValueType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use tokio::sync::OnceCell;

/// Objects whose start is a tag and whose attribute is a part of the key.
struct BucketFixture {
    versioning: Versioning,
    place: OnceCell<Place>,
    /// Of each record its name, its version id and its record key.
    keys: Mutex<BTreeMap<u32, (String, String, RecordKey)>>,
}

impl BucketFixture {
    fn new(versioning: Versioning) -> Self {
        Self { versioning, place: OnceCell::new(), keys: Mutex::default() }
    }

    async fn place(&self) -> &Place {
        self.place.get_or_init(|| Place::new(self.versioning)).await
    }

    /// Name and version id.
    fn named(&self, number: u32) -> (String, String) {
        let keys = self.keys.lock().unwrap();
        let (name, id, _) = &keys[&number];
        (name.clone(), id.clone())
    }
}

const TEMPLATE: &str = "it's a \"record\"/{number} + é中/{owner}.bin";

fn name(number: u32, owner: &str) -> String {
    format!("it's a \"record\"/{number:04} + é中/{owner}.bin")
}

#[async_trait]
impl Fixture for BucketFixture {
    async fn create(&self, records: &[Record]) -> TestDataset {
        let place = self.place().await;
        for record in records {
            let start = match record.start {
                Start::On(date) => Some(format!("{date}T12:00:00Z")),
                Start::Missing => None,
                Start::Unreadable => Some("31/12/2019".to_owned()),
            };
            let mut tags = vec![("other", "thing")];
            tags.extend(start.as_deref().map(|start| ("started", start)));
            let key = name(record.number, record.attribute.as_deref().unwrap_or("carol"));
            let id = place.put_tagged(&key, &format!("content {}", record.number), &tags).await;
            let part = if id == "null" {
                let (millis, etag) = place.stamp(&key).await;
                format!("null;{millis};{etag}")
            } else {
                id.clone()
            };
            let whole = format!("{}{key}", place.prefix);
            let record_key = RecordKey::of(vec![Value::Text(whole), Value::Text(part)]);
            self.keys.lock().unwrap().insert(record.number, (key, id, record_key));
        }
        let address = place.address(TEMPLATE);
        let shape = place.source().await.inspect(&address).await.unwrap();
        let field = |name: &str| Field { name: name.to_owned(), value_type: ValueType::Text };
        TestDataset {
            address,
            shape,
            start: field("tag('started')"),
            encoding: StartEncoding::InstantText,
            attribute: field("owner"),
            unchanged_since: None,
        }
    }

    fn key(&self, number: u32) -> RecordKey {
        let known = self.keys.lock().unwrap().get(&number).map(|(.., key)| key.clone());
        known.unwrap_or_else(|| {
            RecordKey::of(vec![Value::Text(name(number, "nobody")), Value::Text("none".to_owned())])
        })
    }

    fn can_hold(&self, _: Start) -> bool {
        true
    }

    /// The attribute is a part of the key.
    fn can_lack_attribute(&self) -> bool {
        false
    }

    async fn source(&self) -> Box<dyn RecordSource> {
        Box::new(self.place().await.source().await)
    }

    async fn disposer(&self) -> Box<dyn RecordDisposer> {
        Box::new(self.place().await.disposer().await)
    }

    async fn numbers(&self) -> BTreeSet<u32> {
        let keys = self.place().await.keys().await;
        keys.iter().map(|key| key.split('/').nth(1).unwrap()[..4].parse().unwrap()).collect()
    }

    async fn change(&self, number: u32) {
        let (name, id) = self.named(number);
        self.place().await.tag(&name, &id, &[("started", "2023-05-05T12:00:00Z")]).await;
    }

    async fn remove(&self, number: u32) {
        let (name, id) = self.named(number);
        self.place().await.remove(&name, &id).await;
    }
}

contract_suite!(bucket_with_versions, BucketFixture::new(Versioning::Enabled));
contract_suite!(bucket_with_versions_suspended, BucketFixture::new(Versioning::Suspended));
contract_suite!(bucket_without_versions, BucketFixture::new(Versioning::Never));
contract_suite!(bucket_that_locks, BucketFixture::new(Versioning::Locking));
