//! What became of every row while a run and a foreign writer worked on the same tables: from the rows
//! before, the writer's log and the rows afterwards it follows which rows the run must have removed, and
//! when. Nothing here reads what the run says of itself.

use super::writer::TABLES;
use crate::support::server::Database;
use connectors::RecordKey;
use std::collections::{BTreeMap, BTreeSet};

/// A row of a dataset.
pub(super) type Row = (String, i64);
/// Rows with what they are compared by.
pub(super) type Rows = BTreeMap<Row, String>;

/// One entry of the writer's log.
#[derive(Debug)]
struct Event {
    seq: u64,
    op: String,
    row: Row,
    was: String,
    now: String,
}

/// A row that was there after one entry of the log and was not, or was anonymized, before the next.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    pub(super) row: Row,
    image: String,
    /// Between these two entries.
    after: u64,
    before: u64,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) removals: Vec<Removal>,
    /// Rows that the writer touched.
    pub(super) touched: BTreeSet<Row>,
    pub(super) faults: Vec<String>,
    /// Orders, by customer, and from when to when they were certainly there.
    orders: Vec<(String, u64, u64)>,
    /// Changes that the writer made.
    pub(super) changes: usize,
}

/// Every row there is.
pub(super) fn rows(database: &Database) -> Rows {
    let mut rows = Rows::new();
    for (dataset, table, image) in TABLES {
        for line in database.sql(&format!("SELECT id, {image} FROM {table} ORDER BY id;")).lines() {
            let (id, image) = line.split_once('|').unwrap();
            rows.insert((dataset.to_owned(), id.parse().unwrap()), image.to_owned());
        }
    }
    rows
}

fn events(database: &Database) -> Vec<Event> {
    let sql = "SELECT seq, op, dataset, id, coalesce(was, 'none'), coalesce(now, 'none') FROM foreign_log ORDER BY seq;";
    let lines = database.sql(sql);
    lines
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.split('|').collect();
            let [seq, op, dataset, id, was, now] = parts[..] else { panic!("{line}") };
            Event {
                seq: seq.parse().unwrap(),
                op: op.to_owned(),
                row: (dataset.to_owned(), id.parse().unwrap()),
                was: was.to_owned(),
                now: now.to_owned(),
            }
        })
        .collect()
}

impl Account {
    pub(super) fn of(before: &Rows, database: &Database) -> Self {
        let (events, after) = (events(database), rows(database));
        let mut account = Self { changes: events.len(), ..Self::default() };
        let mut by_row: BTreeMap<&Row, Vec<&Event>> = BTreeMap::new();
        for row in before.keys().chain(after.keys()) {
            by_row.entry(row).or_default();
        }
        for event in &events {
            by_row.entry(&event.row).or_default().push(event);
            account.touched.insert(event.row.clone());
        }
        for (row, events) in by_row {
            account.follow(row, before.get(row), &events, after.get(row));
        }
        account.judge();
        account
    }

    /// The life of one row.
    fn follow(&mut self, row: &Row, first: Option<&String>, events: &[&Event], last: Option<&String>) {
        let mut life = Life { row, image: first.cloned(), since: 0, seen: 0 };
        for event in events {
            let found = (event.op != "insert").then_some(&event.was);
            self.meet(&mut life, found, event.seq);
            if event.op == "delete" {
                self.was_there(&life, event.seq);
                life.image = None;
            } else {
                if event.op == "insert" {
                    life.since = event.seq;
                }
                life.image = Some(event.now.clone());
            }
            life.seen = event.seq;
        }
        self.meet(&mut life, last, u64::MAX);
        if life.image.is_some() {
            self.was_there(&life, u64::MAX);
        }
    }

    /// Compares what is known of a row with what was found at `seq`.
    fn meet(&mut self, life: &mut Life<'_>, found: Option<&String>, seq: u64) {
        if life.image.as_ref() == found {
            return;
        }
        let is_customer = life.row.0 == "shop.customers";
        let anonymized = is_customer && found.is_some_and(|image| image == "-");
        match (life.image.take(), found) {
            (Some(image), found) if anonymized || (found.is_none() && !is_customer) => {
                self.was_there(&Life { image: Some(image.clone()), ..life.clone() }, life.seen);
                let removal = Removal { row: life.row.clone(), image, after: life.seen, before: seq };
                self.removals.push(removal);
            }
            (known, found) => {
                self.faults.push(format!("I1: nobody made {:?} {found:?} out of {known:?}", life.row));
            }
        }
        life.image = found.cloned();
    }

    fn was_there(&mut self, life: &Life<'_>, until: u64) {
        if let Some(image) = life.image.as_ref().filter(|_| life.row.0 == "shop.orders") {
            let customer = image.split('~').next().unwrap().to_owned();
            self.orders.push((customer, life.since, until));
        }
    }

    /// Whether each row that went was due, and was held by nobody, at the time.
    fn judge(&mut self) {
        let wrong: Vec<String> = self
            .removals
            .iter()
            .filter(|removal| !self.may_go(removal))
            .map(|removal| format!("I1 or I4: it may not go: {removal:?}"))
            .collect();
        self.faults.extend(wrong);
    }

    fn may_go(&self, removal: &Removal) -> bool {
        let (dataset, id) = (removal.row.0.as_str(), removal.row.1);
        let (first, rest) = removal.image.split_once('~').unwrap_or((&removal.image, ""));
        match dataset {
            "shop.prospects" => {
                ["FR", "BE"].contains(&first)
                    && rest < "2020-01-01"
                    && rest != "-"
                    && !(20..=40).contains(&id)
            }
            "shop.orders" => rest < "2016-01-01" && first != "2",
            "shop.order_lines" => self.removals.iter().any(|order| {
                order.row == ("shop.orders".to_owned(), first.parse().unwrap())
                    && order.after < removal.before
                    && removal.after < order.before
            }),
            _ => id != 2 && self.had_no_order(id, removal),
        }
    }

    /// Whether there was a moment at which the customer may have had no order.
    fn had_no_order(&self, customer: i64, removal: &Removal) -> bool {
        let customer = customer.to_string();
        let of_customer: Vec<&(String, u64, u64)> =
            self.orders.iter().filter(|(whose, ..)| *whose == customer).collect();
        let mut moments: Vec<u64> = of_customer.iter().map(|(_, _, until)| *until).collect();
        moments.push(removal.after);
        moments
            .into_iter()
            .filter(|moment| (removal.after..removal.before).contains(moment))
            .any(|moment| !of_customer.iter().any(|(_, since, until)| (*since..*until).contains(&moment)))
    }

    /// Of those the ones whose key the writer took up again afterwards, by dataset and canonical key.
    pub(super) fn taken_up(&self) -> BTreeMap<(String, String), u64> {
        let mut taken_up = BTreeMap::new();
        for Removal { row: (dataset, id), .. } in self.removals.iter().filter(|one| one.before < u64::MAX) {
            *taken_up.entry((dataset.clone(), RecordKey::int(*id).canonical())).or_default() += 1;
        }
        taken_up
    }

    /// Rows that went, and how often: a row may come again under the key of one that is gone.
    pub(super) fn gone(&self) -> BTreeMap<Row, u64> {
        let mut gone = BTreeMap::new();
        for removal in &self.removals {
            *gone.entry(removal.row.clone()).or_default() += 1;
        }
        gone
    }
}

#[derive(Debug, Clone)]
struct Life<'a> {
    row: &'a Row,
    image: Option<String>,
    /// The entry since which it is there.
    since: u64,
    /// The last entry that speaks of it.
    seen: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, op: &str, was: &str, now: &str) -> Event {
        Event { seq, op: op.into(), row: row(), was: was.into(), now: now.into() }
    }

    fn row() -> Row {
        ("shop.prospects".to_owned(), 1)
    }

    #[track_caller]
    fn check(first: Option<&str>, events: &[Event], last: Option<&str>, gone: usize, faults: usize) {
        let mut account = Account::default();
        let events: Vec<&Event> = events.iter().collect();
        let (first, last) = (first.map(str::to_owned), last.map(str::to_owned));
        account.follow(&row(), first.as_ref(), &events, last.as_ref());
        account.judge();
        assert_eq!((account.removals.len(), account.faults.len()), (gone, faults), "{account:?}");
    }

    const DUE: &str = "FR~2015-01-01 00:00:00";
    const KEPT: &str = "FR~2026-01-01 00:00:00";

    #[test]
    fn it_follows_who_removed_a_row() {
        check(Some(DUE), &[], None, 1, 0);
        check(Some(KEPT), &[], None, 1, 1);
        check(Some(DUE), &[event(1, "delete", DUE, "")], None, 0, 0);
        check(Some(DUE), &[event(1, "insert", "", DUE)], None, 2, 0);
        check(Some(DUE), &[event(1, "insert", "", KEPT)], Some(KEPT), 1, 0);
        check(Some(DUE), &[event(1, "update", DUE, KEPT)], None, 1, 1);
        check(None, &[event(1, "update", DUE, KEPT)], Some(KEPT), 0, 1);
        check(Some(KEPT), &[], Some(DUE), 0, 1);
    }
}
