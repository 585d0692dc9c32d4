//! What the simulation knows of every row, and by what each is judged: it may go only when it is due, in a
//! window of its schedule, while its store is there and its rule is approved; and what was due when a window
//! began is gone at its end.

use super::shops::{SHOPS, Shop};
use crate::support::sqlite3;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

#[derive(Debug, Clone)]
pub(super) struct Row {
    seen_at: DateTime<Utc>,
    /// Since when it is in the database.
    since: DateTime<Utc>,
    due_at: DateTime<Utc>,
    pub(super) gone_at: Option<DateTime<Utc>>,
}

/// Of one shop.
#[derive(Debug, Default)]
struct Page {
    rows: BTreeMap<u64, Row>,
    /// Its store is away.
    is_away: bool,
    /// Nobody has approved its rule as it is now.
    is_unapproved: bool,
    /// Lengths and times of the files of the database when they were last looked into.
    print: Vec<(u64, SystemTime)>,
}

/// What happened while a window was open, for the figures.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    /// With something due that went.
    pub(super) served: u64,
    pub(super) excused: u64,
    pub(super) empty: u64,
}

#[derive(Debug)]
pub(super) struct Book {
    directory: PathBuf,
    pages: BTreeMap<&'static str, Page>,
    /// Windows in which nothing can go, by their due time.
    excused: BTreeSet<(&'static str, DateTime<Utc>)>,
    pub(super) windows: Windows,
}

impl Book {
    pub(super) fn new(directory: PathBuf) -> Self {
        let pages = SHOPS.map(|shop| (shop.name, Page::default())).into();
        Self { directory, pages, excused: BTreeSet::new(), windows: Windows::default() }
    }

    fn page(&mut self, shop: &Shop) -> &mut Page {
        self.pages.get_mut(shop.name).unwrap()
    }

    pub(super) fn excuse(&mut self, shop: &Shop, due: DateTime<Utc>) {
        self.excused.insert((shop.name, due));
    }

    /// The next number for a row of a shop.
    pub(super) fn add(&mut self, shop: &Shop, seen_at: DateTime<Utc>, now: DateTime<Utc>, days: u32) -> u64 {
        let rows = &mut self.page(shop).rows;
        let id = rows.len() as u64 + 1;
        let due_at = shop.due_at(seen_at, days);
        rows.insert(id, Row { seen_at, since: now, due_at, gone_at: None });
        id
    }

    /// The rule keeps records for so many days from now on, and is approved by nobody.
    pub(super) fn change(&mut self, shop: &Shop, days: u32) {
        let page = self.page(shop);
        page.is_unapproved = true;
        for row in page.rows.values_mut().filter(|row| row.gone_at.is_none()) {
            row.due_at = shop.due_at(row.seen_at, days);
        }
    }

    pub(super) fn approve(&mut self, shop: &Shop) {
        self.page(shop).is_unapproved = false;
    }

    /// The store goes away, or comes back.
    pub(super) fn away(&mut self, shop: &Shop, is_away: bool) {
        self.page(shop).is_away = is_away;
    }

    pub(super) fn database(&self, shop: &Shop) -> PathBuf {
        let ending = if self.pages[shop.name].is_away { ".away" } else { "" };
        self.directory.join(shop.database() + ending)
    }

    /// Looks at what has gone since the last time; `now` is when it went.
    pub(super) fn look(&mut self, now: DateTime<Utc>) {
        for shop in SHOPS {
            let database = self.database(&shop);
            let print = print_of(&database);
            let page = self.page(&shop);
            if page.print == print {
                continue;
            }
            let there = sqlite3(&database, "SELECT id FROM visits");
            let there: BTreeSet<u64> = there.lines().map(|line| line.parse().unwrap()).collect();
            // Looking may have changed the files itself.
            page.print = print_of(&database);
            for (id, row) in &mut page.rows {
                let name = shop.name;
                match (row.gone_at, there.contains(id)) {
                    (Some(_), true) => panic!("{name} {id} came back"),
                    (None, true) | (Some(_), false) => continue,
                    (None, false) => row.gone_at = Some(now),
                }
                assert!(row.due_at <= now, "{name} {id} went at {now} and was due at {}", row.due_at);
                assert!(shop.window_of(now).is_some(), "{name} {id} went at {now}, outside of any window");
                assert!(!page.is_away, "{name} {id} went at {now} from a store that was away");
                assert!(!page.is_unapproved, "{name} {id} went at {now} by a rule that nobody has approved");
            }
        }
    }

    /// At the end of a window: what was due when it began is gone.
    pub(super) fn close(&mut self, shop: &Shop, due: DateTime<Utc>) {
        let is_excused = self.excused.contains(&(shop.name, due));
        let end = shop.window_end(due);
        let page = self.page(shop);
        let left: Vec<_> = page
            .rows
            .iter()
            .filter(|(_, row)| row.gone_at.is_none() && row.due_at.max(row.since) <= due)
            .collect();
        let gone =
            page.rows.values().filter(|row| row.gone_at.is_some_and(|at| (due..=end).contains(&at))).count();
        let name = shop.name;
        assert!(left.is_empty() || is_excused, "{name}: after the window of {due} there still are {left:?}");
        assert!(
            !is_excused || gone == 0,
            "{name}: {gone} went in the window of {due}, in which nothing could"
        );
        match (is_excused, gone) {
            (true, _) => self.windows.excused += 1,
            (false, 0) => self.windows.empty += 1,
            (false, _) => self.windows.served += 1,
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.pages.values().map(|page| page.rows.len() as u64).sum()
    }

    /// What went, by shop.
    pub(super) fn gone(&self) -> BTreeMap<&'static str, Vec<u64>> {
        let gone = |page: &Page| {
            let gone = page.rows.iter().filter(|(_, row)| row.gone_at.is_some());
            gone.map(|(id, _)| *id).collect()
        };
        self.pages.iter().map(|(name, page)| (*name, gone(page))).collect()
    }
}

fn print_of(database: &std::path::Path) -> Vec<(u64, SystemTime)> {
    let path = database.to_str().unwrap();
    let files = [path.to_owned(), format!("{path}-wal")];
    let print = |path: &String| {
        let data = fs::metadata(path).ok()?;
        Some((data.len(), data.modified().unwrap()))
    };
    files.iter().filter_map(print).collect()
}
