//! Inventories, written to a real bucket as AWS delivers them: the counts are those of a listing, and what is not
//! as it must be is an error.

use crate::s3_bucket::{Place, Versioning};
use crate::s3_versions::selection;
use aws_sdk_s3::types::ObjectLockMode;
use bytes::Bytes;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use oubliette_connectors::s3::{InventoryOptions, S3Options, S3Source};
use oubliette_connectors::{ConnectorError, InventoryNote, RecordSource as _, Selection, Survey};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

const COLUMNS: &str = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, \
                       IsMultipartUploaded, ObjectLockRetainUntilDate, ObjectLockMode, ObjectLockLegalHoldStatus";

/// One version as an inventory has it.
#[derive(Debug, Clone)]
struct Line {
    key: String,
    version: String,
    is_latest: bool,
    is_marker: bool,
    size: i64,
    modified_at: DateTime<Utc>,
    etag: String,
    lock: [String; 3],
}

/// Every version and marker of a place, in the order of a listing.
async fn lines(place: &Place) -> Vec<Line> {
    let call = place.client.list_object_versions().bucket(&place.bucket).prefix(&place.prefix);
    let page = call.max_keys(1000).send().await.unwrap();
    let at = |at: Option<&aws_sdk_s3::primitives::DateTime>| {
        DateTime::from_timestamp_millis(at.unwrap().to_millis().unwrap()).unwrap()
    };
    let mut lines = Vec::new();
    for one in page.versions() {
        let (key, version) = (one.key().unwrap().to_owned(), one.version_id().unwrap_or("null").to_owned());
        let head = place
            .client
            .head_object()
            .bucket(&place.bucket)
            .key(&key)
            .version_id(&version)
            .send()
            .await
            .unwrap();
        let until = head.object_lock_retain_until_date().map(|until| written(at(Some(until))));
        let hold =
            head.object_lock_legal_hold_status().map(|hold| if hold.as_str() == "ON" { "On" } else { "Off" });
        lines.push(Line {
            lock: [
                until.unwrap_or_default(),
                head.object_lock_mode().map(|mode| mode.as_str().to_owned()).unwrap_or_default(),
                hold.unwrap_or_default().to_owned(),
            ],
            key,
            version,
            is_latest: one.is_latest() == Some(true),
            is_marker: false,
            size: one.size().unwrap(),
            modified_at: at(one.last_modified()),
            etag: one.e_tag().unwrap().trim_matches('"').to_owned(),
        });
    }
    for one in page.delete_markers() {
        lines.push(Line {
            key: one.key().unwrap().to_owned(),
            version: one.version_id().unwrap_or("null").to_owned(),
            is_latest: one.is_latest() == Some(true),
            is_marker: true,
            size: 0,
            modified_at: at(one.last_modified()),
            etag: String::new(),
            lock: Default::default(),
        });
    }
    lines.sort_by(|one, other| (&one.key, one.is_marker).cmp(&(&other.key, other.is_marker)));
    lines
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// As forms are encoded, but for `/`.
fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        match byte {
            b' ' => text.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'*' => {
                text.push(byte.into());
            }
            other => write!(text, "%{other:02X}").unwrap(),
        }
    }
    text
}

fn csv(bucket: &str, lines: &[Line]) -> Vec<u8> {
    let mut text = String::new();
    for line in lines {
        let size = if line.is_marker { String::new() } else { line.size.to_string() };
        let fields = [
            bucket,
            &encoded(&line.key),
            &line.version,
            &line.is_latest.to_string(),
            &line.is_marker.to_string(),
            &size,
            &written(line.modified_at),
            &line.etag,
            "STANDARD",
            "false",
            &line.lock[0],
            &line.lock[1],
            &line.lock[2],
        ];
        text.push_str(&fields.map(|field| format!("\"{field}\"")).join(","));
        text.push('\n');
    }
    text.into_bytes()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const SCHEMA: &str = "message s3.inventory { required binary bucket (STRING); required binary key (STRING); \
    optional binary version_id (STRING); optional boolean is_latest; optional boolean is_delete_marker; optional int64 size; \
    optional int64 last_modified_date (TIMESTAMP(MILLIS,true)); optional binary e_tag (STRING); optional binary storage_class (STRING); \
    optional int64 object_lock_retain_until_date (TIMESTAMP(MILLIS,true)); optional binary object_lock_mode (STRING); \
    optional binary object_lock_legal_hold_status (STRING); }";

/// A Parquet file of these lines, with some lines in each group of rows.
fn parquet(bucket: &str, lines: &[Line]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    for lines in lines.chunks(7) {
        let mut group = file.next_row_group().unwrap();
        let mut place = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let texts = |text: &dyn Fn(&Line) -> &str| {
                lines.iter().map(|line| text(line).to_owned()).collect::<Vec<_>>()
            };
            let of_texts = |texts: Vec<String>, writer: &mut ColumnWriter<'_>, needed: bool| {
                let ColumnWriter::ByteArrayColumnWriter(writer) = writer else { panic!("a column of text") };
                let levels: Vec<i16> = texts.iter().map(|text| i16::from(!text.is_empty())).collect();
                let values: Vec<ByteArray> = texts
                    .iter()
                    .filter(|text| needed || !text.is_empty())
                    .map(|text| text.as_str().into())
                    .collect();
                writer.write_batch(&values, (!needed).then_some(levels.as_slice()), None).unwrap();
            };
            let of_numbers = |numbers: Vec<Option<i64>>, writer: &mut ColumnWriter<'_>| {
                let ColumnWriter::Int64ColumnWriter(writer) = writer else { panic!("a column of numbers") };
                let levels: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
                let values: Vec<i64> = numbers.into_iter().flatten().collect();
                writer.write_batch(&values, Some(&levels), None).unwrap();
            };
            let of_truths = |truths: Vec<bool>, writer: &mut ColumnWriter<'_>| {
                let ColumnWriter::BoolColumnWriter(writer) = writer else { panic!("a column of truths") };
                writer.write_batch(&truths, Some(&vec![1; truths.len()]), None).unwrap();
            };
            let millis = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis());
            let writer = column.untyped();
            match place {
                0 => of_texts(vec![bucket.to_owned(); lines.len()], writer, true),
                1 => of_texts(texts(&|line| &line.key), writer, true),
                2 => of_texts(texts(&|line| &line.version), writer, false),
                3 => of_truths(lines.iter().map(|line| line.is_latest).collect(), writer),
                4 => of_truths(lines.iter().map(|line| line.is_marker).collect(), writer),
                5 => of_numbers(
                    lines.iter().map(|line| (!line.is_marker).then_some(line.size)).collect(),
                    writer,
                ),
                6 => of_numbers(
                    lines.iter().map(|line| Some(line.modified_at.timestamp_millis())).collect(),
                    writer,
                ),
                7 => of_texts(texts(&|line| &line.etag), writer, false),
                8 => of_texts(texts(&|_| "STANDARD"), writer, false),
                9 => of_numbers(lines.iter().map(|line| millis(&line.lock[0])).collect(), writer),
                10 => of_texts(texts(&|line| &line.lock[1]), writer, false),
                _ => of_texts(texts(&|line| &line.lock[2]), writer, false),
            }
            column.close().unwrap();
            place += 1;
        }
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

/// An inventory as it is to be delivered.
struct Delivery<'a> {
    place: &'a Place,
    folder: String,
    files: Vec<(String, Vec<u8>)>,
    manifest: serde_json::Value,
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = Md5::digest(bytes).to_vec().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The folder of the inventories of a place, in the bucket itself.
fn prefix(place: &Place) -> String {
    format!("lists/{}all", place.prefix)
}

impl<'a> Delivery<'a> {
    /// Of these files, made at that time.
    fn of(place: &'a Place, format: &str, made_at: DateTime<Utc>, files: Vec<Vec<u8>>) -> Self {
        let end = if format == "CSV" { "csv.gz" } else { "parquet" };
        let files: Vec<(String, Vec<u8>)> = files
            .into_iter()
            .enumerate()
            .map(|(at, bytes)| (format!("{}/data/{at}.{end}", prefix(place)), bytes))
            .collect();
        let told: Vec<serde_json::Value> = files
            .iter()
            .map(|(key, bytes)| serde_json::json!({"key": key, "size": bytes.len(), "MD5checksum": hexadecimal(bytes)}))
            .collect();
        let manifest = serde_json::json!({
            "sourceBucket": place.bucket, "destinationBucket": format!("arn:aws:s3:::{}", place.bucket),
            "version": "2016-11-30", "creationTimestamp": made_at.timestamp_millis().to_string(),
            "fileFormat": format, "fileSchema": if format == "CSV" { COLUMNS } else { SCHEMA }, "files": told,
        });
        Self { place, folder: "2026-01-01T00-00Z".to_owned(), files, manifest }
    }

    async fn deliver(&self) {
        for (key, bytes) in &self.files {
            self.put(key, bytes.clone()).await;
        }
        let manifest = serde_json::to_vec(&self.manifest).unwrap();
        let at = |name: &str| format!("{}/{}/{name}", prefix(self.place), self.folder);
        self.put(&at("manifest.checksum"), hexadecimal(&manifest).into_bytes()).await;
        self.put(&at("manifest.json"), manifest).await;
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) {
        let call = self.place.client.put_object().bucket(&self.place.bucket).key(key);
        call.body(Bytes::from(bytes).into()).send().await.unwrap();
    }
}

async fn source(place: &Place) -> S3Source {
    let (bucket, prefix) = (place.bucket.clone(), prefix(place));
    let inventory = Some(InventoryOptions { bucket, prefix, age_max: Duration::days(2) });
    let options = S3Options { inventory, ..place.options() };
    S3Source::open("bucket", &options, &Place::credentials()).await.unwrap()
}

async fn counted(place: &Place, selection: &Selection) -> Result<(Survey, InventoryNote), ConnectorError> {
    Ok(source(place).await.survey_of_inventory(selection).await?.expect("there is an inventory"))
}

#[expect(clippy::disallowed_methods, reason = "inventories are made now, by the clock of the machine")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Versions in every state that a count tells apart.
async fn filled() -> Place {
    let place = Place::new(Versioning::Locking).await;
    for key in ["2019/a", "2019/b c+d%2F", "2019/é中", "2019/x", "2030/y", "other"] {
        for content in ["one", "two longer"] {
            place.put(key, content).await;
        }
    }
    let locked = place.put("2019/l", "locked").await;
    place.retain("2019/l", &locked, ObjectLockMode::Compliance, now() + Duration::days(400)).await;
    let locked = place.put("2019/g", "locked").await;
    place.retain("2019/g", &locked, ObjectLockMode::Governance, now() + Duration::days(40)).await;
    let held = place.put("2019/h", "held").await;
    place.hold("2019/h", &held).await;
    for key in ["2019/a", "2019/l", "2019/none", "2030/y"] {
        place.hide(key).await;
    }
    place.begin_upload("2019/unfinished").await;
    place
}

/// What a listing counts, which must be what the inventory counts.
async fn compare(place: &Place, format: &str, files: Vec<Vec<u8>>) {
    Delivery::of(place, format, now() + Duration::seconds(5), files).deliver().await;
    let wanted = selection(place, "{year}/{file}", 2100).await;
    let (mut survey, note) = counted(place, &wanted).await.unwrap();
    let mut listed = source(place).await.survey(&wanted).await.unwrap();
    // Samples are the first that were met.
    for survey in [&mut survey, &mut listed] {
        survey.due_samples.clear();
    }
    assert_eq!(survey, listed, "{format}");
    assert!(survey.due > 5 && survey.locked == 3, "a fair case: {survey:?}");
    assert_eq!((note.newer, note.age_seconds), (0, 0));
    // All but the upload, which no inventory has.
    assert_eq!(note.listed, survey.total - 1);
}

#[tokio::test]
async fn by_csv_the_counts_are_those_of_a_listing() {
    let place = filled().await;
    let lines = lines(&place).await;
    let halves = lines.split_at(lines.len() / 2);
    let files = [halves.0, halves.1].map(|lines| compressed(&csv(&place.bucket, lines))).to_vec();
    compare(&place, "CSV", files).await;
}

#[tokio::test]
async fn by_parquet_and_in_any_order_the_counts_are_those_of_a_listing() {
    let place = filled().await;
    let mut lines = lines(&place).await;
    lines.sort_by_key(|line| hexadecimal(line.version.as_bytes()));
    compare(&place, "Parquet", vec![parquet(&place.bucket, &lines)]).await;
}

#[tokio::test]
async fn what_was_written_later_is_in_no_count_and_the_newest_whole_delivery_counts() {
    let place = Place::new(Versioning::Enabled).await;
    place.put("2019/a", "old").await;
    let old = compressed(&csv(&place.bucket, &lines(&place).await));
    Delivery::of(&place, "CSV", now() + Duration::seconds(1), vec![old]).deliver().await;
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let made_at = now();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    place.put("2019/b", "new").await;
    let wanted = selection(&place, "{year}/{file}", 2100).await;
    assert_eq!(counted(&place, &wanted).await.unwrap().0.due, 1, "of the only delivery");
    let later = compressed(&csv(&place.bucket, &lines(&place).await));
    let delivery = Delivery {
        folder: "2999-01-01T00-00Z".to_owned(),
        ..Delivery::of(&place, "CSV", made_at, vec![later])
    };
    delivery.deliver().await;
    let (survey, note) = counted(&place, &wanted).await.unwrap();
    assert_eq!((survey.due, note.listed, note.newer), (1, 1, 1));
    // One without its checksum is not whole yet.
    let under_way =
        Delivery { folder: "2999-01-02T00-00Z".to_owned(), ..Delivery::of(&place, "CSV", made_at, vec![]) };
    let key = format!("{}/{}/manifest.json", prefix(&place), under_way.folder);
    under_way.put(&key, serde_json::to_vec(&under_way.manifest).unwrap()).await;
    assert_eq!(counted(&place, &wanted).await.unwrap().1.made_at.timestamp(), made_at.timestamp());
}

async fn refused(delivery: Delivery<'_>, words: &str) {
    delivery.deliver().await;
    let wanted = selection(delivery.place, "{year}/{file}", 2100).await;
    let error = counted(delivery.place, &wanted).await.expect_err(words).to_string();
    assert!(error.contains(words), "{words:?}: {error}");
    assert!(!error.contains("anna"), "no key is told: {error}");
}

#[tokio::test]
async fn an_inventory_that_is_not_as_it_must_be_is_an_error() {
    let place = Place::new(Versioning::Enabled).await;
    place.put("2019/anna", "x").await;
    let wanted = selection(&place, "{year}/{file}", 2100).await;
    let none = counted(&place, &wanted).await.unwrap_err().to_string();
    assert!(none.contains("none has been delivered"), "{none}");
    let good = csv(&place.bucket, &lines(&place).await);
    let of = |files: Vec<Vec<u8>>| Delivery::of(&place, "CSV", now(), files);
    let whole = || vec![compressed(&good)];
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut delivery = of(whole());
        *delivery.manifest.pointer_mut(pointer).unwrap() = value;
        delivery
    };
    refused(changed("/sourceBucket", "other".into()), "another bucket").await;
    refused(changed("/files/0/key", "elsewhere/1.csv.gz".into()), "outside its folder").await;
    refused(changed("/files/0/MD5checksum", "0".repeat(32).into()), "not that of its manifest").await;
    refused(changed("/files/0/size", 5.into()), "larger than").await;
    refused(changed("/fileSchema", "Bucket, Key, Size, LastModifiedDate".into()), "all versions").await;
    refused(changed("/fileSchema", COLUMNS.replace(", IsMultipartUploaded", "").into()), "fields instead of")
        .await;
    let missing = format!("{}/data/none.csv.gz", prefix(&place));
    refused(changed("/files/0/key", missing.into()), "is not there").await;
    refused(Delivery::of(&place, "CSV", now() - Duration::days(3), whole()), "hours old").await;
    refused(Delivery::of(&place, "CSV", now() + Duration::days(3), whole()), "after the time").await;
    let with = |from: &str, to: &str| {
        let text = String::from_utf8(good.clone()).unwrap();
        assert!(text.contains(from));
        of(vec![compressed(text.replace(from, to).as_bytes())])
    };
    refused(with(&place.bucket, "other"), "another bucket").await;
    refused(with("\"STANDARD\"", "\"STANDARD\",\"more\""), "fields instead of").await;
    let whole_file = compressed(&good);
    refused(of(vec![whole_file[..whole_file.len() / 2].to_vec()]), "cannot be decompressed").await;
    refused(of(vec![compressed(&vec![b'x'; 1 << 20])]), "too long").await;
    let bomb = good.repeat((20 << 20) / good.len());
    refused(of(vec![compressed(&bomb)]), "beyond measure").await;
    for bytes in [b"PAR1 is not enough".to_vec(), vec![0xff; 4_096], Vec::new()] {
        refused(Delivery::of(&place, "Parquet", now(), vec![bytes]), "no Parquet file").await;
    }
    let mut huge = parquet(&place.bucket, &lines(&place).await);
    let end = huge.len() - 8;
    huge[end..end + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(Delivery::of(&place, "Parquet", now(), vec![huge]), "no Parquet file").await;
}
