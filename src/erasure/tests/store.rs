//! The shop in two SQLite files, its data map, and what is in the files afterwards.

use super::people::Shop;
use crate::plan::world::Sources;
use connectors::sqlite::{SqliteDisposer, SqliteOptions, SqliteSource};
use sqlx::{Connection as _, Row as _, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use tempfile::TempDir;

/// One row as it was put in: texts as they are, numbers in digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) own: bool,
    pub(super) values: Vec<Option<String>>,
}

impl Row {
    /// Without whose it is.
    pub(super) fn dump(&self) -> Self {
        Self { own: false, values: self.values.clone() }
    }
}

pub(super) struct Table {
    pub(super) name: String,
    columns: &'static str,
    rest: &'static str,
    file: &'static str,
    pub(super) rows: Vec<Row>,
}

/// Name, columns, what follows them, and the file.
const TABLES: [(&str, &str, &str, &str); 18] = [
    (
        "customers",
        "id INTEGER PRIMARY KEY, email TEXT, address_id INTEGER, referrer_id INTEGER",
        ", FOREIGN KEY (referrer_id) REFERENCES customers (id), FOREIGN KEY (address_id) REFERENCES addresses (id)",
        "s",
    ),
    ("addresses", "id INTEGER PRIMARY KEY, city_id INTEGER", "", "s"),
    (
        "orders",
        "id INTEGER PRIMARY KEY, customer_id INTEGER, email TEXT, bill_to INTEGER",
        ", FOREIGN KEY (customer_id) REFERENCES customers (id), FOREIGN KEY (bill_to) REFERENCES addresses (id)",
        "s",
    ),
    (
        "order_lines",
        "order_id INTEGER NOT NULL, line_no INTEGER NOT NULL, note TEXT",
        ", PRIMARY KEY (order_id, line_no), FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE",
        "s",
    ),
    (
        "line_notes",
        "id INTEGER PRIMARY KEY, order_id INTEGER, line_no INTEGER",
        ", FOREIGN KEY (order_id, line_no) REFERENCES order_lines (order_id, line_no)",
        "s",
    ),
    (
        "messages",
        "id INTEGER PRIMARY KEY, sender INTEGER, receiver INTEGER",
        ", FOREIGN KEY (sender) REFERENCES customers (id), FOREIGN KEY (receiver) REFERENCES customers (id) ON DELETE SET NULL",
        "s",
    ),
    (
        "comments",
        "id INTEGER PRIMARY KEY, author_email TEXT, parent_id INTEGER",
        ", FOREIGN KEY (parent_id) REFERENCES comments (id)",
        "s",
    ),
    ("groups", "id INTEGER PRIMARY KEY", "", "s"),
    (
        "memberships",
        "group_id INTEGER NOT NULL, customer_id INTEGER NOT NULL",
        ", PRIMARY KEY (group_id, customer_id), FOREIGN KEY (group_id) REFERENCES groups (id), \
         FOREIGN KEY (customer_id) REFERENCES customers (id)",
        "s",
    ),
    ("logins", "id INTEGER PRIMARY KEY, email TEXT", "", "s"),
    ("profiles", "id INTEGER PRIMARY KEY, customer_code TEXT", "", "s"),
    ("reviews", "id INTEGER PRIMARY KEY, customer_id INTEGER", "", "s"),
    ("accounts", "id INTEGER PRIMARY KEY, customer_id INTEGER, device_id INTEGER", "", "t"),
    ("devices", "id INTEGER PRIMARY KEY, first_account INTEGER", "", "t"),
    ("tickets", "id INTEGER PRIMARY KEY, requester TEXT", "", "t"),
    (
        "ticket_events",
        "id INTEGER PRIMARY KEY, ticket_id INTEGER",
        ", FOREIGN KEY (ticket_id) REFERENCES tickets (id)",
        "t",
    ),
    ("cities", "id INTEGER PRIMARY KEY", "", "s"),
    (
        "watchers",
        "id INTEGER PRIMARY KEY, order_id INTEGER, customer_id INTEGER",
        ", FOREIGN KEY (order_id) REFERENCES orders (id)",
        "s",
    ),
];

/// What the data map says beside the tables: subject and links.
const DECLARED: [(&str, &str); 18] = [
    (
        "customers",
        "subject: {email: email, customer_id: id}\n    links: [{column: address_id, to: addresses.id, ownership: shared}, \
         {column: referrer_id, to: customers.id, ownership: mentions}]",
    ),
    ("addresses", "links: [{column: city_id, to: cities.id, ownership: shared}]"),
    (
        "orders",
        "subject: {email: email}\n    links: [{column: customer_id, to: customers.id, ownership: owns}, \
         {column: bill_to, to: addresses.id, ownership: shared}]",
    ),
    ("order_lines", "links: [{column: order_id, to: orders.id, ownership: owns}]"),
    ("line_notes", "links: [{column: order_id, to: order_lines.order_id, ownership: owns}]"),
    (
        "messages",
        "links: [{column: sender, to: customers.id, ownership: owns}, \
         {column: receiver, to: customers.id, ownership: owns}]",
    ),
    (
        "comments",
        "subject: {email: author_email}\n    links: [{column: parent_id, to: comments.id, ownership: owns}]",
    ),
    ("groups", "record_type: group"),
    ("memberships", "links: [{column: customer_id, to: customers.id, ownership: owns}]"),
    ("logins", "subject: {email: email}"),
    ("profiles", "links: [{column: customer_code, to: customers.id, ownership: owns}]"),
    ("reviews", "links: [{column: customer_id, to: customers.id, ownership: owns}]"),
    (
        "accounts",
        "links: [{column: customer_id, to: customers.id, ownership: owns}, \
         {column: device_id, to: devices.id, ownership: owns}]",
    ),
    ("devices", "links: [{column: first_account, to: accounts.id, ownership: owns}]"),
    ("tickets", "subject: {email: requester}"),
    ("ticket_events", "links: [{column: ticket_id, to: tickets.id, ownership: owns}]"),
    ("cities", "record_type: city"),
    (
        "watchers",
        "links: [{column: order_id, to: orders.id, ownership: owns}, \
         {column: customer_id, to: customers.id, ownership: accesses}]",
    ),
];

pub(super) fn empty_tables() -> Vec<Table> {
    let table = |(name, columns, rest, file): &(&'static str, &'static str, &'static str, &'static str)| {
        Table { name: (*name).to_owned(), columns, rest, file, rows: Vec::new() }
    };
    TABLES.iter().map(table).collect()
}

pub(super) struct Databases {
    directory: TempDir,
}

impl Databases {
    pub(super) async fn create(shop: &Shop) -> Self {
        // Memory where there is some that looks like a directory: thousands of small files.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let databases = Self { directory: directory.unwrap() };
        for file in ["s", "t"] {
            let mut connection = databases.connect(file).await;
            let mut script = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN;".to_owned();
            for table in shop.tables.iter().filter(|table| table.file == file) {
                write!(script, "CREATE TABLE {} ({}{});", table.name, table.columns, table.rest).unwrap();
                for row in &table.rows {
                    let quoted = |value: &Option<String>| match value {
                        None => "NULL".to_owned(),
                        Some(text) => format!("'{text}'"),
                    };
                    let values: Vec<String> = row.values.iter().map(quoted).collect();
                    write!(script, "INSERT INTO {} VALUES ({});", table.name, values.join(", ")).unwrap();
                }
            }
            script += "COMMIT;";
            sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        databases
    }

    fn path(&self, file: &str) -> String {
        self.directory.path().join(format!("{file}.db")).to_string_lossy().into_owned()
    }

    async fn connect(&self, file: &str) -> SqliteConnection {
        SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", self.path(file))).await.unwrap()
    }

    pub(super) fn documents(&self) -> String {
        let mut text = "controller: {name: Shop, contact: dpo@example.org}\nledger: sqlite://l.db\n\
             archive: {directory: certificates}\nsigning_key: k.key\nstores:\n"
            .to_owned();
        for file in ["s", "t"] {
            let path = self.path(file);
            writeln!(text, "  {file}: {{kind: sqlite, reader: {path}, writer: {path}, backups_kept: P0D}}")
                .unwrap();
        }
        text += "datasets:\n";
        for ((name, declared), table) in DECLARED.iter().zip(&TABLES) {
            let record_type = if declared.contains("record_type") { "" } else { "    record_type: thing\n" };
            writeln!(
                text,
                "  - name: {name}\n    store: {}\n    table: {name}\n{record_type}    {declared}",
                table.3
            )
            .unwrap();
        }
        text
    }

    pub(super) async fn sources(&self) -> Sources {
        let mut sources = Sources::new();
        for file in ["s", "t"] {
            let source = SqliteSource::open(file, &self.path(file), SqliteOptions::default()).await.unwrap();
            sources.insert(file.to_owned(), Arc::new(source));
        }
        sources
    }

    pub(super) async fn disposer(&self, file: &str) -> SqliteDisposer {
        SqliteDisposer::open(file, &self.path(file), SqliteOptions::default()).await.unwrap()
    }

    /// Every row of every table, by the database's own reading.
    pub(super) async fn dump(&self, shop: &Shop) -> BTreeMap<String, BTreeSet<Row>> {
        let mut tables = BTreeMap::new();
        for file in ["s", "t"] {
            let mut connection = self.connect(file).await;
            for table in shop.tables.iter().filter(|table| table.file == file) {
                let width = table.columns.split(", ").count();
                let columns: Vec<String> = table
                    .columns
                    .split(", ")
                    .map(|column| format!("CAST({} AS TEXT)", column.split(' ').next().unwrap()))
                    .collect();
                let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
                let read = |row: &sqlx::sqlite::SqliteRow| Row {
                    own: false,
                    values: (0..width).map(|place| row.get(place)).collect(),
                };
                tables.insert(table.name.clone(), rows.iter().map(read).collect());
            }
            connection.close().await.unwrap();
        }
        tables
    }
}
