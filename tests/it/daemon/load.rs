//! What the soak works on: a table in PostgreSQL, one in MariaDB, a bucket in SeaweedFS and the ledger, each
//! server the test's own; rows and objects that come all the time, and holds on some of them.

use super::stage::policy;
use crate::buckets::place::{Line, Place, parts};
use crate::support::Project;
use crate::support::commitments::Records;
use crate::support::server::{Database, Server};
use crate::support::victim::Victim;
use connectors::RecordKey;
use connectors::sql::{grants, marks};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const SHOPS: [&str; 3] = ["pg", "my", "s3"];
/// The batches are larger than this, so that some rows of a range are gone before it is held.
const HOLD_WIDTH: u64 = 30;

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: "postgres://${env:LEDGER}"
stores:
  pg: {kind: postgres, reader: "${env:PG}", writer: "${env:PG}", backups_kept: P0D, logs_kept: P0D}
  my: {kind: mysql, reader: "${env:MY}", writer: "${env:MY}", backups_kept: P0D, logs_kept: P0D}
  s3:
    kind: s3
    bucket: BUCKET
    endpoint: "${env:ENDPOINT}"
    path_style: true
    reader: {access_key: "KEY", secret_key: "SECRET"}
    writer: {access_key: "KEY", secret_key: "SECRET"}
    backups_kept: P0D
guards: {max_share: 100%, empty_dataset: allow, max_records: 1000000}
daemon: {jump: {floor: 1000000}}
drift: {max_share: 100%, max_records: 1000000}
schedules:
  pg: {cron: "*/2 * * * * *", time_zone: UTC, policies: [pg]}
  my: {cron: "*/3 * * * * *", time_zone: UTC, policies: [my]}
  s3: {cron: "*/5 * * * * *", time_zone: UTC, policies: [s3]}
"#;

const DATA_MAP: &str = r#"
datasets:
  - {name: pg.visits, store: pg, table: visits, record_type: visit-pg, events: {seen: {column: seen_at}}}
  - {name: my.visits, store: my, table: visits, record_type: visit-my,
     events: {seen: {column: seen_at, zone: UTC}}}
  - {name: s3.visits, store: s3, objects: {key: "visits/{who}/{year}/{month}/{file}"}, record_type: visit-s3,
     events: {seen: "{year}-{month}"}}
"#;

pub(super) struct Servers {
    postgres: Victim,
    mysql: Victim,
    s3: Victim,
}

impl Servers {
    pub(super) fn start() -> Self {
        let (postgres, mysql) = (Victim::start(Server::Postgres), Victim::start(Server::Mysql));
        Self { postgres, mysql, s3: Victim::start_s3() }
    }

    /// Ends one of them at once and starts it again.
    pub(super) fn crash_one(&self, one: u64) -> &'static str {
        let (victim, name) = match one {
            0 => (&self.postgres, "PostgreSQL"),
            1 => (&self.mysql, "MariaDB"),
            _ => (&self.s3, "SeaweedFS"),
        };
        victim.crash();
        name
    }
}

/// Rows of a table: every tenth is too young, and every seventh belongs to somebody whose rows are held.
fn is_young(id: u64) -> bool {
    id.is_multiple_of(10)
}

fn who(id: u64) -> &'static str {
    if id % 7 == 3 { "held" } else { "free" }
}

pub(super) struct Load {
    ledger: Database,
    /// PostgreSQL and MariaDB.
    tables: [Database; 2],
    /// Rows of each, numbered from 1.
    added: [u64; 2],
    /// Rows that were seen there after a hold on them was in force, or that came later.
    held_later: [BTreeSet<u64>; 2],
    bucket: Place,
    address: String,
    /// Each object by its number.
    objects: Vec<Line>,
}

impl Load {
    pub(super) fn new(servers: &Servers) -> Self {
        let postgres = || Database::at(Server::Postgres, servers.postgres.administrator());
        let address = servers.s3.administrator();
        let load = Self {
            ledger: postgres(),
            tables: [postgres(), Database::at(Server::Mysql, servers.mysql.administrator())],
            added: [0, 0],
            held_later: [BTreeSet::new(), BTreeSet::new()],
            bucket: Place::on(&address),
            address,
            objects: Vec::new(),
        };
        let [postgres, mysql] = &load.tables;
        let columns = "id BIGINT PRIMARY KEY, who VARCHAR(8) NOT NULL";
        postgres.sql(&format!("CREATE TABLE visits ({columns}, seen_at TIMESTAMPTZ NOT NULL);"));
        mysql.sql(&format!("CREATE TABLE visits ({columns}, seen_at DATETIME NOT NULL);"));
        postgres.sql(&marks::statements(grants::Server::Postgres)[0]);
        mysql.sql(&marks::statements(grants::Server::Mysql)[0]);
        load
    }

    /// Each rule approved, and what belongs to somebody held.
    pub(super) fn project(&self) -> Project {
        let (endpoint, key, secret) = parts(&self.address);
        let settings = SETTINGS
            .replace("BUCKET", self.bucket.bucket)
            .replace("\"KEY", &format!("\"{key}"))
            .replace("SECRET", &secret);
        let mut project = Project::new(&settings, DATA_MAP, &policy(SHOPS[0], "UTC", 30));
        let [postgres, mysql] = &self.tables;
        project.environment = vec![
            ("LEDGER", self.ledger.without_scheme()),
            ("PG", postgres.address()),
            ("MY", mysql.address()),
            ("ENDPOINT", endpoint),
        ];
        for shop in &SHOPS[1..] {
            project.write(&format!("policies/{shop}.yaml"), &policy(shop, "UTC", 30));
        }
        for shop in SHOPS {
            project.run(&["approve", "--standing", &format!("{shop}/visit"), "--as", "dpo"]).expect(0);
            hold(&project, &format!("{shop}.visits"), "who = 'held'");
        }
        project
    }

    pub(super) fn add(&mut self, more: [u64; 3]) {
        for (table, (added, more)) in self.tables.iter().zip(self.added.iter_mut().zip(more)) {
            let mut rows = String::new();
            for id in *added + 1..=*added + more {
                let seen = if is_young(id) { "2099-01-01" } else { "2020-01-01" };
                let comma = if rows.is_empty() { "" } else { "," };
                write!(rows, "{comma} ({id}, '{}', '{seen} 08:00:00')", who(id)).unwrap();
            }
            table.sql(&format!("INSERT INTO visits VALUES{rows};"));
            *added += more;
        }
        for number in self.objects.len() as u64..self.objects.len() as u64 + more[2] {
            let year = if is_young(number) { 2099 } else { 2020 };
            let key = format!("visits/{}/{year}/01/{number}", who(number));
            // A server that was just started again takes a moment.
            let line = (0..50).find_map(|_| self.bucket.try_put(&key)).expect("the bucket is written to");
            self.objects.push(line);
        }
    }

    /// Holds some of the last rows of each table and some of the next, while daemons are at work on them.
    pub(super) fn hold(&mut self, project: &Project) {
        for (number, shop) in [0, 1].into_iter().zip(SHOPS) {
            let last = self.added[number];
            let (from, to) = (last.saturating_sub(HOLD_WIDTH), last + HOLD_WIDTH);
            hold(project, &format!("{shop}.visits"), &format!("id BETWEEN {from} AND {to}"));
            let there =
                self.tables[number].sql(&format!("SELECT id FROM visits WHERE id BETWEEN {from} AND {to};"));
            self.held_later[number].extend(numbers(&there));
            self.held_later[number].extend(last + 1..=to);
        }
    }

    fn is_held(&self, table: usize, id: u64) -> bool {
        who(id) == "held" || self.held_later[table].contains(&id)
    }

    fn rows(&self, table: usize) -> BTreeSet<u64> {
        numbers(&self.tables[table].sql("SELECT id FROM visits;"))
    }

    pub(super) fn due_and_free(&self) -> u64 {
        let rows = |table: usize| {
            let there = self.rows(table);
            there.into_iter().filter(|id| !is_young(*id) && !self.is_held(table, *id)).count()
        };
        let lines = self.bucket.lines();
        let objects = self.objects().filter(|(id, line)| may_go(*id) && lines.contains(line)).count();
        (rows(0) + rows(1) + objects) as u64
    }

    fn objects(&self) -> impl Iterator<Item = (u64, &Line)> {
        (0..).zip(&self.objects)
    }

    pub(super) fn open_runs(&self) -> u64 {
        let open = "SELECT count(*) FROM oubliette.run WHERE state <> 'certified';";
        self.ledger.sql(open).parse().unwrap()
    }

    /// Nothing that is too young or held is gone, and nothing is there that nobody put there.
    pub(super) fn check_what_is_left(&self) {
        for table in [0, 1] {
            let stays: BTreeSet<u64> =
                (1..=self.added[table]).filter(|id| is_young(*id) || self.is_held(table, *id)).collect();
            assert_eq!(self.rows(table), stays, "{}", SHOPS[table]);
        }
        let stays: BTreeSet<Line> =
            self.objects().filter(|(id, _)| !may_go(*id)).map(|(_, line)| line.clone()).collect();
        assert_eq!(self.bucket.lines(), stays);
    }

    /// Everything that went, in the order in which it came.
    pub(super) fn gone(&self) -> Records {
        let mut gone = Records::new();
        for table in [0, 1] {
            let there = self.rows(table);
            let ids = (1..=self.added[table]).filter(|id| !there.contains(id));
            let key = |id: u64| RecordKey::int(i64::try_from(id).unwrap()).canonical();
            gone.extend(ids.map(|id| (format!("{}.visits", SHOPS[table]), key(id))));
        }
        let there = self.bucket.lines();
        let lines = self.objects.iter().filter(|line| !there.contains(*line));
        gone.extend(lines.map(|line| ("s3.visits".to_owned(), self.bucket.canonical(line))));
        gone
    }

    /// How many records are held, by store.
    pub(super) fn held(&self) -> BTreeMap<&'static str, usize> {
        let rows = |table: usize| (1..=self.added[table]).filter(|id| self.is_held(table, *id)).count();
        let objects = self.objects().filter(|(id, _)| who(*id) == "held").count();
        SHOPS.into_iter().zip([rows(0), rows(1), objects]).collect()
    }
}

fn may_go(object: u64) -> bool {
    !is_young(object) && who(object) == "free"
}

fn numbers(lines: &str) -> BTreeSet<u64> {
    lines.lines().map(|line| line.parse().unwrap()).collect()
}

fn hold(project: &Project, dataset: &str, condition: &str) {
    let why = ["--matter", "m", "--reason", "r", "--owner", "o"];
    project.run(&[&["hold", "add", "--dataset", dataset, "--where", condition][..], &why].concat()).expect(0);
}
