//! Measures the purge of half of a table in batches against one `DELETE` of the same rows, on the
//! same machine in the same run, and prints the ratio.
//!
//! `cargo run --release -p oubliette-connectors --all-features --example purge_speed -- [wal] [rows] [batch]...`
//!
//! Both go through the same library. The single statement runs with its defaults; the batches list their
//! keys, tell them to an intent, overwrite what they free and checkpoint at the end. What the journal and the
//! certificate cost is not in it.

#![expect(clippy::print_stdout, reason = "prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "owns its files, and measures time")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

use oubliette_connectors::sql::{SqlText, query};
use oubliette_connectors::sqlite::{SqliteDisposer, SqliteOptions, SqliteSource};
use oubliette_connectors::testkit::{AcceptedIntents, TestDataset, purge_selection};
use oubliette_connectors::{
    Batch, BatchRange, DatasetAddress, DatasetKeys, Field, Location, ObservedState, RecordDisposer as _,
    RecordSource as _, Selection, StartEncoding, Value, ValueType,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::Path;
use std::time::Instant;

/// Half of the rows started in the ten years to the cutoff of [`purge_selection`], half in the three
/// years after it, in no order.
const BUILD: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) \
     INSERT INTO events SELECT i, abs(random()) % 100000, \
     strftime('%Y-%m-%d %H:%M:%S', CASE WHEN random() % 2 = 0 \
       THEN 1609459199 - abs(random()) % 315000000 ELSE 1609459200 + abs(random()) % 94000000 END, 'unixepoch'), \
     hex(randomblob(100)) FROM n";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let rows = arguments.next().unwrap_or(2_000_000);
    let mut batches: Vec<u32> = arguments.collect();
    if batches.is_empty() {
        batches = vec![20_000, 50_000];
    }
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().join("base.db");
    let built = Instant::now();
    build(&base, rows).await;
    println!("built {rows} rows in {:.1} s", built.elapsed().as_secs_f64());
    let wal_only = std::env::args().any(|argument| argument == "wal");
    let journals = [SqliteJournalMode::Wal, SqliteJournalMode::Delete];
    for journal in journals.into_iter().take(if wal_only { 1 } else { 2 }) {
        let path = directory.path().join("work.db");
        let single = single_delete(&base, &path, journal).await;
        println!("{journal:?}: single DELETE {single}");
        for batch in &batches {
            measure(&base, &path, journal, (*batch, single)).await;
        }
        let again = single_delete(&base, &path, journal).await;
        println!("{journal:?}: single DELETE again {again}");
    }
    println!("most resident memory {} MB", resident_memory_mb());
}

async fn build(path: &Path, rows: u32) {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).pragma("synchronous", "OFF");
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, customer_id INTEGER, created_at DATETIME, payload TEXT)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let rows = SqlText::value(Value::Int(i64::from(rows)));
    query(SqlText::fill(BUILD, &[&rows])).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("CREATE INDEX events_created_at ON events (created_at)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// A copy of the data in the wanted journal mode, with nothing left to be written.
async fn copy(base: &Path, path: &Path, journal: SqliteJournalMode) -> SqliteConnection {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        if Path::new(&name).exists() {
            std::fs::remove_file(name).unwrap();
        }
    }
    std::fs::copy(base, path).unwrap();
    std::fs::File::open(path).unwrap().sync_all().unwrap();
    SqliteConnectOptions::new().filename(path).journal_mode(journal).connect().await.unwrap()
}

async fn single_delete(base: &Path, path: &Path, journal: SqliteJournalMode) -> Cost {
    let mut connection = copy(base, path, journal).await;
    let clock = Clock::start();
    sqlx::query("DELETE FROM events WHERE created_at < '2021-01-01 00:00:00'")
        .execute(&mut connection)
        .await
        .unwrap();
    let cost = clock.elapsed();
    connection.close().await.unwrap();
    cost
}

async fn selection(source: &SqliteSource) -> Selection {
    let address = DatasetAddress {
        store: "shop".to_owned(),
        dataset: "shop.events".to_owned(),
        location: Location::Table { schema: None, table: "events".to_owned() },
    };
    let shape = source.inspect(&address).await.unwrap();
    let field = |name: &str| Field { name: name.to_owned(), value_type: ValueType::Text };
    purge_selection(&TestDataset {
        address,
        shape,
        start: field("created_at"),
        encoding: StartEncoding::LocalText { zone: chrono_tz::UTC },
        attribute: field("payload"),
        unchanged_since: None,
    })
}

async fn measure(base: &Path, path: &Path, journal: SqliteJournalMode, (records_max, single): (u32, Cost)) {
    copy(base, path, journal).await.close().await.unwrap();
    let location = path.to_str().unwrap();
    let source = SqliteSource::open("shop", location, SqliteOptions::default()).await.unwrap();
    let disposer = SqliteDisposer::open("shop", location, SqliteOptions::default()).await.unwrap();
    let selection = selection(&source).await;
    // One before the run, to see that its plan still holds, and one after it.
    let mut surveying = Cost::default();
    let clock = Clock::start();
    let survey = source.survey(&selection).await.unwrap();
    surveying.add(clock.elapsed());
    println!("  survey {surveying}: {} of {} due", survey.due, survey.total);
    let (mut disposing, mut observing) = (Cost::default(), Cost::default());
    let (mut disposed, mut after) = (0, None);
    loop {
        let range = BatchRange { after, up_to: None, due: None, records_max };
        let batch = Batch { selection: selection.clone(), range, only_keys: None };
        let clock = Clock::start();
        let outcome = disposer.dispose(&batch, &AcceptedIntents::default()).await.unwrap();
        disposing.add(clock.elapsed());
        after = outcome.last_key;
        for group in outcome.groups {
            disposed += group.disposed.len();
            let clock = Clock::start();
            let group = DatasetKeys { dataset: group.dataset, keys: group.disposed };
            let seen = source.observe(&selection, &group).await.unwrap();
            observing.add(clock.elapsed());
            assert!(seen.iter().all(|observation| observation.state == ObservedState::Absent));
        }
        if outcome.exhausted {
            break;
        }
    }
    let clock = Clock::start();
    let codes = disposer.finish().await.unwrap();
    disposing.add(clock.elapsed());
    assert_eq!(u64::try_from(disposed).unwrap(), survey.due);
    let clock = Clock::start();
    assert_eq!(source.survey(&selection).await.unwrap().due, 0);
    surveying.add(clock.elapsed());
    println!("  batches of {records_max}: dispose and finish {disposing}, observe {observing}, {codes:?}");
    let mut all = surveying;
    all.add(disposing);
    all.add(observing);
    println!("  two surveys {surveying}");
    println!(
        "  {disposed} rows: dispose {:.2}x, with observe and surveys {:.2}x of the single DELETE ({:.2}x of its \
         processor time); most resident memory {} MB",
        disposing.wall / single.wall,
        all.wall / single.wall,
        all.processor / single.processor,
        resident_memory_mb(),
    );
}

/// Wall time and processor time since the clock was started.
struct Clock {
    wall: Instant,
    processor: f64,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: processor_seconds() }
    }

    fn elapsed(&self) -> Cost {
        Cost { wall: self.wall.elapsed().as_secs_f64(), processor: processor_seconds() - self.processor }
    }
}

#[derive(Clone, Copy, Default)]
struct Cost {
    wall: f64,
    processor: f64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.wall += other.wall;
        self.processor += other.processor;
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2} s ({:.2} s of processor)", self.wall, self.processor)
    }
}

/// Processor time of this process so far (utime and stime of proc(5), in ticks of 10 ms).
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    let ticks: f64 =
        after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The most memory this process ever had resident (`VmHWM` of proc(5)); 0 where there is no such file.
fn resident_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kib: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    kib / 1024
}
