//! PostgreSQL: a purge, a purge of parents with cascading children, and an anonymization, each beside the one statement
//! that does the same.

use super::common::{Applied, Job, apply};
use super::{address, ask, median, report, runs, server_store};
use std::process::Command;
use std::time::{Duration, Instant};

/// Whether a record `i` is due, and its date, the due ones of 2010 to 2019, at random places.
const CREATED: &str = "CASE WHEN (i * 2654435761) % 4294967296 < 2147483648
    THEN to_timestamp(1262304000 + (i * 40503 * 7919) % 315360000)
    ELSE now() - make_interval(secs => 1 + (i * 40503) % 25920000) END";
const EVENTS: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: created_at}
    not_personal: [customer_id, payload]
";
/// What the rule does, in one statement.
const DELETE: &str = "DELETE FROM events WHERE created_at < '2020-01-01';";
const KIN: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: created_at}
    not_personal: [customer_id, payload]
  - name: data.notes
    store: data
    table: notes
    record_type: note
    not_personal: [payload]
    links: [{column: event_id, to: data.events, ownership: owns}]
";
const PEOPLE: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: created_at}
    not_personal: [customer_id]
    marker: anonymized_at
";

/// A table `events` with 200 bytes of payload and an index on the date, and what one statement does to it.
pub(super) struct Case<'a> {
    title: &'a str,
    /// Statements after the table is filled.
    more: String,
    single: &'a str,
    map: &'a str,
    disposition: &'a str,
    pub(super) records: u64,
}

pub(super) fn purge(rows: u64) {
    purge_case(rows, "").measure(rows);
}

/// Half of `rows` expired; `more` are statements after the table is filled.
pub(super) fn purge_case(rows: u64, more: &str) -> Case<'static> {
    Case {
        title: "PostgreSQL: purge, beside a single DELETE",
        more: more.to_owned(),
        single: DELETE,
        map: EVENTS,
        disposition: "purge",
        records: rows / 2,
    }
}

/// One child for four parents.
pub(super) fn kin(rows: u64) {
    let more = format!(
        "CREATE TABLE notes(id bigint PRIMARY KEY, event_id bigint REFERENCES events(id) ON DELETE CASCADE, payload text);
         INSERT INTO notes SELECT i, i * 4, repeat('0', 100) FROM generate_series(1::bigint, {}) AS i;
         CREATE INDEX notes_event ON notes(event_id);
         VACUUM (ANALYZE, FREEZE) notes;",
        rows / 4
    );
    let case = Case {
        title: "PostgreSQL: purge of parents with cascading children, beside a single DELETE",
        more,
        single: DELETE,
        map: KIN,
        disposition: "purge",
        records: rows / 2 + rows / 8,
    };
    case.measure(rows);
}

pub(super) fn anonymize(rows: u64) {
    let more =
        "ALTER TABLE events ADD COLUMN name text, ADD COLUMN born date, ADD COLUMN anonymized_at timestamptz;
         UPDATE events SET name = 'Somebody ' || id, born = '1970-05-05'::date + (id % 9000)::integer;
         VACUUM (FULL, ANALYZE, FREEZE) events;";
    let single = "UPDATE events SET payload = NULL, name = 'erased', born = date_trunc('year', born)::date,
         anonymized_at = now() WHERE created_at < '2020-01-01';";
    let case = Case {
        title: "PostgreSQL: anonymize, beside a single UPDATE",
        more: more.to_owned(),
        single,
        map: PEOPLE,
        disposition: "{anonymize: {payload: \"null\", name: {replace: erased}, born: {generalize: year}}}",
        records: rows / 2,
    };
    case.measure(rows);
}

impl Case<'_> {
    fn measure(&self, rows: u64) {
        self.fill(rows);
        println!("{}", self.title);
        let mut single = Vec::new();
        let mut ours: [Vec<Applied>; 2] = [Vec::new(), Vec::new()];
        let mut wal = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..runs() {
            copy();
            let (time, bytes) = timed_wal(|| {
                ask(&mut client("bench"), self.single);
            });
            single.push(time);
            wal[0].push(bytes);
            for connections in [1, 2] {
                copy();
                let mut applied = None;
                let (_, bytes) = timed_wal(|| applied = Some(self.apply(connections)));
                ours[connections - 1].push(applied.unwrap());
                wal[connections].push(bytes);
            }
        }
        let single = median(&mut single);
        println!("  single statement: {single:.2} s (median of {})", runs());
        for (place, applied) in ours.iter_mut().enumerate() {
            report(place + 1, applied, single, self.records);
            let (mine, theirs) = (median_bytes(&mut wal[place + 1]), median_bytes(&mut wal[0]));
            println!(
                "    WAL {:.3} times that of the single statement, surveys and all",
                mine as f64 / theirs as f64
            );
        }
    }

    pub(super) fn fill(&self, rows: u64) {
        ask(&mut client("postgres"), "DROP DATABASE IF EXISTS bench_full; CREATE DATABASE bench_full;");
        ask(
            &mut client("bench_full"),
            &format!(
                "CREATE TABLE events(id bigint PRIMARY KEY, customer_id bigint, created_at timestamptz NOT NULL, payload text);
                 INSERT INTO events SELECT i, (i * 7919) % 100003, {CREATED}, repeat('0', 200)
                   FROM generate_series(1::bigint, {rows}) AS i;
                 CREATE INDEX events_created ON events(created_at);
                 VACUUM (ANALYZE, FREEZE) events;
                 {}",
                self.more
            ),
        );
    }

    pub(super) fn apply(&self, connections: usize) -> Applied {
        let store =
            server_store("postgres", "OUBLIETTE_TEST_POSTGRES", connections, ", vacuum: left_to_server");
        apply(&Job { expected: self.records, store: &store, map: self.map, disposition: self.disposition })
    }
}

pub(super) fn address_of(database: &str) -> String {
    let administrator = address("OUBLIETTE_TEST_POSTGRES");
    let (server, _) = administrator.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

pub(super) fn client(database: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).arg(address_of(database));
    command
}

pub(super) fn copy() {
    ask(
        &mut client("postgres"),
        "DROP DATABASE IF EXISTS bench; CREATE DATABASE bench TEMPLATE bench_full STRATEGY FILE_COPY; CHECKPOINT;",
    );
    // Everything cached, as in the purge of a live table.
    ask(&mut client("bench"), "SELECT count(payload), sum(id) FROM events;");
}

/// The time of an act and the bytes that it added to the write-ahead log.
fn timed_wal(act: impl FnOnce()) -> (Duration, u64) {
    let position = || ask(&mut client("postgres"), "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn;");
    let before: u64 = position().trim().parse().unwrap();
    let began = Instant::now();
    act();
    let time = began.elapsed();
    let after: u64 = position().trim().parse().unwrap();
    (time, after - before)
}

fn median_bytes(bytes: &mut [u64]) -> u64 {
    bytes.sort_unstable();
    bytes[bytes.len() / 2]
}
