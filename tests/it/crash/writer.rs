//! Another program at work on the same tables while a run goes on: it inserts rows, also under the keys of
//! rows that the run has purged, makes rows due and no longer due, and deletes rows. Each of its changes
//! stands in a log that it writes in the transaction of the change, so that the log knows, after any crash
//! of the server, exactly what it did and what it found.
//!
//! It knows nothing of the run. What may go by the run is judged by [`super::account`].

use super::Numbers;
use crate::support::server::{Database, Server};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Changes that one client makes before the next one connects.
const CHANGES_PER_CLIENT: u32 = 15;
/// Between two changes, so that the run has its share of the machine.
const PAUSE: Duration = Duration::from_millis(3);

/// Tables by dataset, each with what a row is compared by, in SQL of both servers.
pub(super) const TABLES: [(&str, &str, &str); 4] = [
    (
        "shop.prospects",
        "prospects",
        "concat(coalesce(country, '-'), '~', coalesce(CAST(last_contact_at AS CHAR(19)), '-'))",
    ),
    ("shop.customers", "customers", "coalesce(email, '-')"),
    ("shop.orders", "orders", "concat(customer_id, '~', CAST(ordered_at AS CHAR(19)))"),
    ("shop.order_lines", "order_lines", "concat(order_id, '~', label)"),
];

/// Instants by which a row is due, and by which it is not.
const DUE: &str = "2015-02-03 04:05:06";
const NOT_DUE: &str = "2026-01-02 03:04:05";

/// The log, empty.
pub(super) const LOG: &str = "CREATE TABLE foreign_log(seq BIGINT NOT NULL, op VARCHAR(10) NOT NULL,
    dataset VARCHAR(40) NOT NULL, id BIGINT NOT NULL, was VARCHAR(400), now VARCHAR(400),
    PRIMARY KEY (seq, dataset, id));";

/// The program, at work until it is dropped or told to stop.
pub(super) struct ForeignWriter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ForeignWriter {
    /// Begins to work on the database, `seed` deciding on what.
    pub(super) fn start(database: &Database, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, server) = (database.client(), database.server);
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut changes = Changes { numbers: Numbers(seed), seq: 0, server };
            while !stopped.load(Ordering::SeqCst) {
                // A server that was killed comes back; what it did not commit is in no log.
                if client.ask(&changes.next()).is_err() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Lets it finish what it is doing.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok(), "the foreign writer stopped");
        }
    }
}

impl Drop for ForeignWriter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _already_failing = thread.join();
        }
    }
}

/// The script of the program.
pub(super) struct Changes {
    pub(super) numbers: Numbers,
    pub(super) seq: u64,
    pub(super) server: Server,
}

impl Changes {
    /// Some transactions, each a change with its entry in the log.
    pub(super) fn next(&mut self) -> String {
        let mut text = String::new();
        if self.server == Server::Mysql {
            text.push_str("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;\n");
        }
        for _ in 0..CHANGES_PER_CLIENT {
            self.seq += 1;
            let change = self.change();
            let pause = PAUSE.as_secs_f64();
            let sleep = match self.server {
                Server::Postgres => format!("SELECT pg_sleep({pause});"),
                Server::Mysql => format!("SELECT sleep({pause});"),
            };
            writeln!(text, "BEGIN;\n{change}COMMIT;\n{sleep}").unwrap();
        }
        text
    }

    fn change(&mut self) -> String {
        let date = if self.numbers.below(2) == 0 { DUE } else { NOT_DUE };
        match self.numbers.below(20) {
            0..4 => {
                let id = self.prospect();
                self.update("shop.prospects", id, &format!("last_contact_at = '{date}'"))
            }
            4..8 => {
                let id = self.prospect();
                let country = if self.numbers.below(4) == 0 { "US" } else { "FR" };
                let row = format!("'foreign{}@example.org', '{country}', {}", self.seq, self.time(date));
                self.insert("shop.prospects", id, &row)
            }
            8..11 => {
                let id = self.prospect();
                self.delete("shop.prospects", id)
            }
            11..13 => {
                let id = self.order();
                self.update("shop.orders", id, &format!("ordered_at = '{date}'"))
            }
            13..15 => {
                let (id, customer) = (self.order(), 1 + self.numbers.below(30));
                let row = format!("{customer}, {}, NULL", self.time(date));
                self.insert("shop.orders", id, &row) + &self.line(id)
            }
            15 => {
                let id = self.order();
                self.delete_order(id)
            }
            16 => {
                let id = self.order();
                self.line(id)
            }
            17 => {
                let id = self.customer();
                let row = format!("'foreign {}', 'foreign{}@example.org'", self.seq, self.seq);
                self.insert("shop.customers", id, &row)
            }
            18 => {
                let id = self.customer();
                let email = format!("email = 'back{}@example.org'", self.seq);
                self.update("shop.customers", id, &email)
            }
            _ => {
                let id = self.customer();
                self.delete("shop.customers", id)
            }
        }
    }

    fn time(&self, text: &str) -> String {
        let kind = if self.server == Server::Postgres { "TIMESTAMP" } else { "DATETIME" };
        format!("CAST('{text}' AS {kind})")
    }

    /// One that was there from the beginning, or one more.
    fn prospect(&mut self) -> u32 {
        1 + self.numbers.below(330)
    }

    /// One of those that name no receipt: an object and a row cannot change at one moment.
    fn order(&mut self) -> u32 {
        4 * (1 + self.numbers.below(20))
    }

    /// One of those who never ordered anything: nobody refers to them.
    fn customer(&mut self) -> u32 {
        33 + 3 * self.numbers.below(14)
    }

    fn update(&self, dataset: &str, id: u32, set: &str) -> String {
        let (_, table, image) = table_of(dataset);
        let seq = self.seq;
        format!(
            "INSERT INTO foreign_log SELECT {seq}, 'update', '{dataset}', id, {image}, NULL FROM {table} WHERE id = {id} FOR UPDATE;
             UPDATE {table} SET {set} WHERE id = {id};
             UPDATE foreign_log SET now = (SELECT {image} FROM {table} WHERE id = {id}) WHERE seq = {seq};\n"
        )
    }

    /// Nobody else inserts: what is absent under the lock stays absent.
    fn insert(&self, dataset: &str, id: u32, row: &str) -> String {
        let (_, table, image) = table_of(dataset);
        let seq = self.seq;
        let mine = format!("seq = {seq} AND dataset = '{dataset}'");
        format!(
            "SELECT id FROM {table} WHERE id = {id} FOR UPDATE;
             INSERT INTO foreign_log SELECT {seq}, 'insert', '{dataset}', {id}, NULL, NULL FROM (SELECT 1 AS one) AS one
                 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE id = {id});
             INSERT INTO {table} SELECT {id}, {row} FROM foreign_log WHERE {mine};
             UPDATE foreign_log SET now = (SELECT {image} FROM {table} WHERE id = {id}) WHERE {mine};\n"
        )
    }

    fn delete(&self, dataset: &str, id: u32) -> String {
        let (_, table, image) = table_of(dataset);
        format!(
            "INSERT INTO foreign_log SELECT {}, 'delete', '{dataset}', id, {image}, NULL FROM {table} WHERE id = {id} FOR UPDATE;
             DELETE FROM {table} WHERE id = {id};\n",
            self.seq
        )
    }

    fn delete_order(&self, id: u32) -> String {
        let (dataset, table, image) = table_of("shop.order_lines");
        format!(
            "SELECT id FROM orders WHERE id = {id} FOR UPDATE;
             INSERT INTO foreign_log SELECT {}, 'delete', '{dataset}', id, {image}, NULL FROM {table} WHERE order_id = {id} FOR UPDATE;
             DELETE FROM {table} WHERE order_id = {id};\n{}",
            self.seq,
            self.delete("shop.orders", id)
        )
    }

    /// One more line of an order, if that is there.
    fn line(&self, order: u32) -> String {
        let seq = self.seq;
        let (dataset, table, _) = table_of("shop.order_lines");
        let id = 10_000 + seq;
        format!(
            "INSERT INTO foreign_log SELECT {seq}, 'insert', '{dataset}', {id}, NULL, '{order}~f' FROM orders WHERE id = {order} FOR UPDATE;
             INSERT INTO {table} SELECT {id}, {order}, 'f' FROM foreign_log WHERE seq = {seq} AND dataset = '{dataset}';\n"
        )
    }
}

fn table_of(dataset: &str) -> (&'static str, &'static str, &'static str) {
    *TABLES.iter().find(|(name, ..)| *name == dataset).unwrap()
}
