//! What an undisturbed run does to a shop, and how a disturbed one is compared with it.

use super::account::{Row, Rows, rows as rows_of};
use super::writer;
use crate::scenario::{self, Size, certified, counts, gone, planned};
use crate::support::server::{Database, Server};
use crate::support::{Project, files};
use connectors::RecordKey;
use oubliette::certificate::{CommitmentKey, repeated};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

/// Small, so that a run has many batches.
pub(super) const BATCH_RECORDS: &str = "15";
const SIZE: Size = Size { prospects: 300, orders: 60, exports: 60 };
/// Rows that a hold covers: by person and by predicate.
const HELD: &str =
    "SELECT * FROM orders WHERE customer_id = 2 ORDER BY id; SELECT * FROM customers WHERE id = 2;
    SELECT * FROM prospects WHERE id BETWEEN 20 AND 40 ORDER BY id;";

/// A shop, and what becomes of it when nothing disturbs the run.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) project: Project,
    /// How long the undisturbed run took.
    pub(super) took: Duration,
    /// The plan of the undisturbed run: those of the others differ in id and instants only.
    pub(super) plan: serde_json::Value,
    before: BTreeMap<&'static str, u64>,
    /// Records that may go, by an independent reading of the policy in SQL: dataset and canonical key.
    may_go: BTreeSet<(String, String)>,
    end_state: String,
    held: String,
    /// On a server: the rows before an undisturbed run and after it, and the files after it.
    pub(super) rows_before: Rows,
    rows_after: Rows,
    pub(super) files_after: Vec<String>,
}

impl Story {
    pub(super) fn tell(journal_mode: &str) -> Self {
        Self::of(scenario::shop_with(SIZE, journal_mode))
    }

    /// The same with the tables on a database server.
    pub(super) fn tell_on(server: Server, connections: u32) -> Self {
        Self::tell_at(Database::new(server), connections)
    }

    pub(super) fn tell_at(database: Database, connections: u32) -> Self {
        Self::of(scenario::shop_on(database, SIZE, connections))
    }

    /// The same with the log of a foreign writer in the database.
    pub(super) fn tell_beside(database: Database) -> Self {
        let project = scenario::shop_on(database, SIZE, 2);
        project.shop(writer::LOG);
        let marks = connectors::sql::marks::statements(match project.database.as_ref().unwrap().server {
            Server::Postgres => connectors::sql::grants::Server::Postgres,
            Server::Mysql => connectors::sql::grants::Server::Mysql,
        });
        // The administrator acts in the tests, and needs no grant.
        project.shop(&marks[0]);
        Self::of(project)
    }

    /// Whether the row goes, or is anonymized, when nothing disturbs the run.
    pub(super) fn goes(&self, row: &Row) -> bool {
        self.rows_after.get(row) != self.rows_before.get(row)
    }

    fn of(project: Project) -> Self {
        let common = ["--matter", "m", "--reason", "r", "--owner", "o"];
        project.run(&[&["hold", "add", "--subject", "customer_id=2"][..], &common].concat()).expect(0);
        let predicate = ["hold", "add", "--dataset", "shop.prospects", "--where", "id BETWEEN 20 AND 40"];
        project.run(&[&predicate[..], &common].concat()).expect(0);
        let mut story = Self {
            took: Duration::ZERO,
            before: counts(&project),
            may_go: may_go(&project),
            held: project.shop(HELD),
            end_state: String::new(),
            plan: serde_json::Value::Null,
            rows_before: project.database.as_ref().map(rows_of).unwrap_or_default(),
            rows_after: Rows::new(),
            files_after: Vec::new(),
            project,
        };
        let undisturbed = story.project.copy();
        story.plan = undisturbed.approved();
        let began = Instant::now();
        let ended = undisturbed
            .command(&["apply"])
            .env("OUBLIETTE_BATCH_RECORDS", BATCH_RECORDS)
            .env("OUBLIETTE_IGNORE_PRESSURE", "1")
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        story.took = began.elapsed();
        story.end_state = scenario::state(&undisturbed);
        story.rows_after = undisturbed.database.as_ref().map(rows_of).unwrap_or_default();
        story.files_after = files(&undisturbed.path("files"));
        let faults = story.faults(&undisturbed);
        assert!(faults.is_empty(), "the undisturbed run: {}", faults.join("; "));
        let lost = gone(&story.before, &counts(&undisturbed));
        assert_eq!(planned(&story.plan), lost);
        assert!(lost.len() == 6, "the run touches too little: {lost:?}");
        let batches: u64 = undisturbed.sql("state/ledger.db", "SELECT count(*) FROM batch;").parse().unwrap();
        assert!(batches > 12, "only {batches} batches");
        story
    }

    /// Everything that is not as it must be after a run came to its end.
    pub(super) fn faults(&self, project: &Project) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        fault(
            scenario::state(project) == self.end_state,
            "I3: the end state is not that of an undisturbed run",
        );
        fault(project.shop(HELD) == self.held, "I4: a held row was touched");
        // A server never lets them break.
        let broken = project.database.is_none() && !project.shop("PRAGMA foreign_key_check;").is_empty();
        fault(!broken, "foreign keys are broken");
        let left = present(project);
        let removed: BTreeSet<_> = present(&self.project).difference(&left).cloned().collect();
        fault(removed.is_subset(&self.may_go), "I1: something went that may not go");
        let root = project.path("trust-root.json");
        let verified = project.run(&[
            "--format",
            "json",
            "verify",
            "certificates",
            "--trust-root",
            root.to_str().unwrap(),
        ]);
        fault(verified.code == Some(0), &format!("the archive does not verify: {}", verified.stdout));
        let certificates = verified.json()["certificates"].clone();
        let ids: Vec<&str> = certificates
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["certificate_id"].as_str())
            .collect();
        let [id] = ids[..] else {
            fault(false, &format!("I2: there are {} certificates", ids.len()));
            return faults;
        };
        let lost = gone(&self.before, &counts(project));
        let stated = certified(project, id, &self.plan);
        fault(stated == lost, &format!("I2: {lost:?} went, and the certificate states {stated:?}"));
        fault(
            commitments(project, id) == committed(project, id, &removed),
            "I2: the commitments are not those of what went",
        );
        let secrets = project.sql(
            "state/ledger.db",
            "SELECT count(*) FROM batch_keys; SELECT count(run_key_sealed) FROM run;",
        );
        let destroyed = project.sql("state/ledger.db", "SELECT count(*) FROM run WHERE keys_destroyed = 1;");
        // A process killed right after certifying leaves them for the next `apply` to destroy.
        fault(destroyed == "0" || secrets == "0\n0", "keys of records are left in the ledger");
        faults
    }
}

/// Every record there is, as dataset and canonical key. An anonymized customer is no longer there.
fn present(project: &Project) -> BTreeSet<(String, String)> {
    let mut present = rows(project, "prospects", "1 = 1");
    present.extend(rows(project, "customers", "email IS NOT NULL"));
    present.extend(rows(project, "orders", "1 = 1"));
    present.extend(rows(project, "order_lines", "1 = 1"));
    for name in files(&project.path("files")) {
        let dataset = name.split('/').next().unwrap();
        present.insert((format!("files.{dataset}"), RecordKey::text(name).canonical()));
    }
    present
}

fn rows(project: &Project, table: &str, condition: &str) -> BTreeSet<(String, String)> {
    let ids = project.shop(&format!("SELECT id FROM {table} WHERE {condition};"));
    let key = |id: &str| RecordKey::int(id.parse().unwrap()).canonical();
    ids.lines().map(|id| (format!("shop.{table}"), key(id))).collect()
}

/// What the policy lets go, in SQL of our own.
fn may_go(project: &Project) -> BTreeSet<(String, String)> {
    let order = "ordered_at < '2016-01-01' AND customer_id <> 2";
    let lines = format!("order_id IN (SELECT id FROM orders WHERE {order})");
    let prospect = "last_contact_at < '2020-01-01' AND country IN ('FR', 'BE') AND id NOT BETWEEN 20 AND 40";
    let stays = format!("SELECT customer_id FROM orders WHERE NOT ({order})");
    let customer = format!("email IS NOT NULL AND id <> 2 AND id NOT IN ({stays})");
    let mut may_go = rows(project, "orders", order);
    may_go.extend(rows(project, "order_lines", &lines));
    may_go.extend(rows(project, "prospects", prospect));
    may_go.extend(rows(project, "customers", &customer));
    let named = project.shop(&format!("SELECT receipt FROM orders WHERE receipt IS NOT NULL AND {order};"));
    let exports = files(&project.path("files")).into_iter().filter(|name| name.starts_with("exports/2018/"));
    for name in named.lines().map(str::to_owned) {
        may_go.insert(("files.receipts".to_owned(), RecordKey::text(name).canonical()));
    }
    may_go.extend(exports.map(|name| ("files.exports".to_owned(), RecordKey::text(name).canonical())));
    may_go
}

/// The commitments of a certificate, as they are sealed.
pub(super) fn commitments(project: &Project, certificate: &str) -> Vec<[u8; 32]> {
    let bytes = fs::read(project.path(&format!("sealed/{certificate}/record-commitments.bin"))).unwrap();
    let (commitments, rest) = bytes.as_chunks::<32>();
    assert!(rest.is_empty(), "a commitment is cut off");
    commitments.to_vec()
}

/// The commitments to these records under the certificate's seed, computed anew.
fn committed(project: &Project, certificate: &str, records: &BTreeSet<(String, String)>) -> Vec<[u8; 32]> {
    let once = records.iter().map(|record| (record.clone(), 1)).collect();
    let mut commitments: Vec<[u8; 32]> =
        committed_each(project, certificate, &once).into_iter().flat_map(|(_, each)| each).collect();
    commitments.sort_unstable();
    commitments
}

/// A record, by dataset and canonical key, with its commitments.
pub(super) type Committed = ((String, String), Vec<[u8; 32]>);

/// The same by record, which may have gone more than once, because it came again under its key.
pub(super) fn committed_each(
    project: &Project,
    certificate: &str,
    records: &BTreeMap<(String, String), u64>,
) -> Vec<Committed> {
    let seed = fs::read(project.path(&format!("sealed/{certificate}/seed"))).unwrap();
    let key = CommitmentKey::new(seed.try_into().unwrap());
    let each = |(dataset, canonical): &(String, String), times: u64| {
        let first = key.commit(dataset.split('.').next().unwrap(), dataset, canonical);
        std::iter::once(first).chain((2..=times).map(move |time| repeated(&first, time))).collect()
    };
    records.iter().map(|(record, times)| (record.clone(), each(record, *times))).collect()
}
