//! A stretch of time in which everything happens: rows come of age in three databases, processes die, stores
//! go away, policies change. Nothing is random but by the seed.
//!
//! A process dies here by a panic at one of its looks at the clock, and its work is dropped where it is; real
//! kills are the matter of `servers` and of the crash tests. Time stands still while something is done.

use super::book::{Book, Windows};
use super::chance::Chance;
use super::shops::{DAYS_KEPT, SHOPS, Shop, data_map, settings};
use super::stage::{FusedClock, KILLED, Passing, Stage};
use async_trait::async_trait;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use oubliette::clock::Clock as _;
use oubliette::daemon::{Daemon, Event, EventSource, Waiting};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Nine days before the clock changes in Paris; a year from then has all four changes.
const BEGINS: &str = "2026-03-20T12:00:00Z";
/// New rows for each shop a day.
const ROWS_A_DAY: u64 = 12;
/// Looks at the clock after which a process that works dies, at most.
const LOOKS_MAX: u64 = 40;
/// How much longer or shorter a record is kept after each change.
const CHANGES: [i64; 3] = [2, -3, 1];

/// What happens besides the schedules.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// New rows.
    Rows,
    /// The process that works next dies after so many looks at the clock.
    Kill(i64),
    Away(Shop),
    Back(Shop),
    /// The period of a policy becomes another, which nobody has approved.
    Change(Shop, i64),
    Approve(Shop),
    /// A window ends that began then.
    Close(Shop, DateTime<Utc>),
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    pub(super) days: i64,
    pub(super) kills: u64,
    pub(super) outages: u64,
    pub(super) changes: u64,
}

/// What there was in the end.
#[derive(Debug)]
pub(super) struct Lived {
    pub(super) rows: u64,
    /// By shop.
    pub(super) gone: BTreeMap<&'static str, Vec<u64>>,
    pub(super) kills: u64,
    pub(super) windows: Windows,
}

pub(super) struct Simulation {
    stage: Stage,
    chance: Chance,
    amount: Amount,
    happenings: BTreeMap<DateTime<Utc>, Vec<Happening>>,
    book: Arc<Mutex<Book>>,
    days_kept: BTreeMap<&'static str, u32>,
    kills: u64,
}

fn begins() -> DateTime<Utc> {
    BEGINS.parse().unwrap()
}

/// Noon of a day, counted from the beginning.
fn noon(day: i64) -> DateTime<Utc> {
    begins() + Duration::days(day)
}

impl Simulation {
    pub(super) async fn new(seed: u64, amount: Amount) -> Self {
        let policies = SHOPS.map(|shop| (shop.name, shop.policy(DAYS_KEPT)));
        let stage = Stage::new(seed, BEGINS, &settings(), &data_map(), &policies).await;
        for shop in SHOPS {
            let table = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; \
                         CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TEXT NOT NULL);";
            stage.sql(&shop.database(), table);
            stage.call(&["approve", "--standing", &shop.rule(), "--as", "dpo"]).await.expect(0);
        }
        let book = Arc::new(Mutex::new(Book::new(stage.path(""))));
        let mut simulation = Self {
            stage,
            chance: Chance::new(seed),
            amount,
            happenings: BTreeMap::new(),
            book,
            days_kept: SHOPS.map(|shop| (shop.name, DAYS_KEPT)).into(),
            kills: 0,
        };
        simulation.lay_out();
        simulation
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        open(&self.book)
    }

    fn at(&mut self, at: DateTime<Utc>, happening: Happening) {
        self.happenings.entry(at).or_default().push(happening);
    }

    /// Decides what happens when.
    fn lay_out(&mut self) {
        let Amount { days, kills, outages, changes } = self.amount;
        for day in 0..days {
            self.at(noon(day), Happening::Rows);
        }
        for shop in SHOPS {
            for due in shop.dues(noon(0), noon(days) - Duration::hours(12)) {
                self.at(shop.window_end(due), Happening::Close(shop, due));
            }
        }
        for kill in 0..kills {
            // Some days are left for those that wait for another.
            let at = noon(self.spread(kill, kills) * 9 / 10) + Duration::hours(1);
            let looks = i64::try_from(1 + self.chance.below(LOOKS_MAX)).unwrap();
            self.at(at, Happening::Kill(looks));
        }
        for outage in 0..outages {
            let shop = self.one_of_the_shops();
            let due = shop.first_due_after(noon(self.spread(outage, outages)));
            let from = due - Duration::hours(1);
            // Every second one is over while the window is open.
            let to = due + Duration::hours(if outage % 2 == 0 { 1 } else { 30 });
            self.at(from, Happening::Away(shop));
            self.at(to, Happening::Back(shop));
            self.excuse(shop, from, to);
        }
        for (change, days) in (0..changes).zip(CHANGES.into_iter().cycle()) {
            let shop = SHOPS[usize::try_from(change).unwrap() % SHOPS.len()];
            let from = noon(self.spread(change, changes)) + Duration::hours(2);
            // Every second one is approved on the next day only.
            let to = from + Duration::hours(if change % 2 == 0 { 2 } else { 26 });
            self.at(from, Happening::Change(shop, days));
            self.at(to, Happening::Approve(shop));
            self.excuse(shop, from, to);
        }
    }

    /// Windows that lie wholly in a stretch of time in which nothing can go.
    fn excuse(&mut self, shop: Shop, from: DateTime<Utc>, to: DateTime<Utc>) {
        let mut book = open(&self.book);
        for due in shop.dues(from, to).into_iter().filter(|due| shop.window_end(*due) <= to) {
            book.excuse(&shop, due);
        }
    }

    fn one_of_the_shops(&mut self) -> Shop {
        SHOPS[usize::try_from(self.chance.below(SHOPS.len() as u64)).unwrap()]
    }

    /// The day of one of so many, anywhere in its part of the whole.
    fn spread(&mut self, one: u64, of: u64) -> i64 {
        let days = u64::try_from(self.amount.days).unwrap();
        let part = (days / of).max(1);
        i64::try_from((one * days / of + self.chance.below(part)).min(days - 3)).unwrap()
    }

    /// Lives through all of it.
    pub(super) async fn live(mut self) -> (Stage, Lived) {
        let mut daemon = self.stage.daemon().await;
        let mut first = None;
        while let Some((at, happenings)) = self.happenings.pop_first() {
            loop {
                let clock = Arc::clone(&self.stage.clock);
                let passing = Passing { clock, until: at, first: first.take() };
                let ended = run(daemon, Seen { passing, book: Arc::clone(&self.book) }).await;
                let is_dead = ended.is_none();
                daemon = match ended {
                    Some(daemon) => daemon,
                    None => self.restarted().await,
                };
                if !is_dead {
                    break;
                }
            }
            for happening in happenings {
                first = self.happens(happening).await.or(first);
            }
        }
        drop(daemon);
        let book = self.book();
        let lived =
            Lived { rows: book.rows(), gone: book.gone(), kills: self.kills, windows: book.windows.clone() };
        drop(book);
        (self.stage, lived)
    }

    /// Whoever looks after the machine starts it again.
    async fn restarted(&mut self) -> Daemon {
        self.kills += 1;
        self.book().look(self.stage.now());
        self.stage.clock.hand.advance(std::time::Duration::from_secs(90));
        self.stage.daemon().await
    }

    async fn happens(&mut self, happening: Happening) -> Option<Event> {
        let now = self.stage.now();
        match happening {
            Happening::Rows => self.new_rows(now),
            // One after the other, however close they were drawn.
            Happening::Kill(looks) if self.stage.clock.is_lit() => {
                self.at(now + Duration::days(1), Happening::Kill(looks));
            }
            Happening::Kill(looks) => self.stage.clock.light(looks),
            Happening::Away(shop) => self.move_away(&shop, true),
            Happening::Back(shop) => self.move_away(&shop, false),
            Happening::Close(shop, due) => self.book().close(&shop, due),
            Happening::Change(shop, by) => {
                let days = self.days_kept.get_mut(shop.name).unwrap();
                *days = days.checked_add_signed(i32::try_from(by).unwrap()).unwrap();
                let days = *days;
                self.stage.write(&format!("policies/{}.yaml", shop.name), &shop.policy(days));
                self.book().change(&shop, days);
                return Some(Event::FilesChanged);
            }
            Happening::Approve(shop) => {
                self.stage.call(&["approve", "--standing", &shop.rule(), "--as", "dpo"]).await.expect(0);
                self.book().approve(&shop);
            }
        }
        None
    }

    fn move_away(&self, shop: &Shop, is_away: bool) {
        let mut book = self.book();
        let from = book.database(shop);
        book.away(shop, is_away);
        let to = book.database(shop);
        for ending in ["", "-wal", "-shm"] {
            let path = |database: &std::path::Path| format!("{}{ending}", database.display());
            if fs::exists(path(&from)).unwrap() {
                fs::rename(path(&from), path(&to)).unwrap();
            }
        }
    }

    /// A few rows for each shop, of ages at which some are due now, some soon, and some long after the end.
    fn new_rows(&mut self, now: DateTime<Utc>) {
        for shop in SHOPS {
            let mut statement = String::new();
            for _ in 0..ROWS_A_DAY {
                let minutes = i64::try_from(self.chance.below(40 * 24 * 60)).unwrap();
                let seen_at = now - Duration::minutes(minutes);
                let id = self.book().add(&shop, seen_at, now, self.days_kept[shop.name]);
                let seen = seen_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                write!(statement, "INSERT INTO visits VALUES ({id}, '{seen}');").unwrap();
            }
            crate::support::sqlite3(&self.book().database(&shop), &statement);
        }
    }
}

/// A book that a failed assertion left behind is told of by that assertion.
fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a daemon until it is asked to stop; `None` when it died on the way.
async fn run(mut daemon: Daemon, mut events: Seen) -> Option<Daemon> {
    let living = tokio::spawn(async move {
        Box::pin(daemon.run(&mut events)).await;
        daemon
    });
    match living.await {
        Ok(daemon) => Some(daemon),
        Err(error) => {
            let said = error.into_panic();
            match said.downcast_ref::<&str>() {
                Some(&KILLED) => None,
                _ => std::panic::resume_unwind(said),
            }
        }
    }
}

/// Looks at what went before time passes.
struct Seen {
    passing: Passing,
    book: Arc<Mutex<Book>>,
}

#[async_trait]
impl EventSource for Seen {
    async fn next(&mut self, waiting: Waiting) -> Event {
        if !waiting.busy {
            open(&self.book).look(self.passing.clock.hand.now());
        }
        self.passing.next(waiting).await
    }
}

impl FusedClock {
    fn is_lit(&self) -> bool {
        self.length.load(std::sync::atomic::Ordering::SeqCst) > 0
    }

    fn light(&self, looks: i64) {
        self.length.store(super::stage::IDLE_QUESTIONS + looks, std::sync::atomic::Ordering::SeqCst);
    }
}
