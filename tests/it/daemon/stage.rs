//! A project whose clock, randomness and notices are the test's, driven in this process.

use super::chance::SeededIds;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use oubliette::app::{App, Environment};
use oubliette::cli;
use oubliette::clock::{Clock, ManualClock};
use oubliette::daemon::{
    Announcement, Daemon, DaemonParts, DaemonStatus, Event, EventSource, Notice, Notices, Waiting,
};
use oubliette::execution::progress::Silent;
use oubliette::settings::files::SystemSecrets;
use oubliette::views::certificate_html;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A clock that is set by hand, and that can be made to end whoever asks it.
pub(super) struct FusedClock {
    pub(super) hand: ManualClock,
    /// Whoever asks so many times more in one go ends there, as if it were killed; 0 is never.
    fuse: AtomicI64,
    /// How many times one go has.
    pub(super) length: AtomicI64,
}

/// Questions to the clock in a turn in which nothing is done; a go with more did something.
pub(super) const IDLE_QUESTIONS: i64 = 12;

/// What a process that was ended says.
pub(super) const KILLED: &str = "killed here by the simulation";

impl FusedClock {
    /// A new go begins. One that did something and was not ended makes the fuse shorter.
    fn wind(&self) {
        let (length, left) = (self.length.load(Ordering::SeqCst), self.fuse.load(Ordering::SeqCst));
        let shorter = if left > 0 && length - left > IDLE_QUESTIONS {
            IDLE_QUESTIONS + (length - IDLE_QUESTIONS) / 2
        } else {
            length
        };
        self.length.store(shorter, Ordering::SeqCst);
        self.fuse.store(shorter, Ordering::SeqCst);
    }

    fn unwind(&self) {
        self.fuse.store(0, Ordering::SeqCst);
    }
}

impl Clock for FusedClock {
    fn now(&self) -> DateTime<Utc> {
        if self.fuse.load(Ordering::SeqCst) > 0 && self.fuse.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.length.store(0, Ordering::SeqCst);
            std::panic::panic_any(KILLED);
        }
        self.hand.now()
    }

    fn monotonic(&self) -> Duration {
        self.hand.monotonic()
    }
}

/// Notices as they came.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<Announcement>>);

#[async_trait]
impl Notices for Heard {
    async fn announce(&self, announcement: &Announcement) {
        self.0.lock().unwrap().push(announcement.clone());
    }
}

pub(super) struct Stage {
    directory: TempDir,
    pub(super) clock: Arc<FusedClock>,
    environment: Environment,
    pub(super) heard: Arc<Heard>,
}

pub(super) struct Said {
    pub(super) code: u8,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Said {
    #[track_caller]
    pub(super) fn expect(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Stage {
    /// A project made at an instant, with these documents.
    pub(super) async fn new(
        seed: u64,
        now: &str,
        settings: &str,
        data_map: &str,
        policies: &[(&str, String)],
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let hand = ManualClock::new(now.parse().unwrap());
        let clock = Arc::new(FusedClock { hand, fuse: AtomicI64::new(0), length: AtomicI64::new(0) });
        let environment = Environment {
            clock: Arc::<FusedClock>::clone(&clock),
            ids: Arc::new(SeededIds::new(seed)),
            secrets: Arc::new(SystemSecrets { directory: directory.path().to_path_buf() }),
            render: certificate_html::render,
        };
        let stage = Self { directory, clock, environment, heard: Arc::default() };
        stage.call(&["init", stage.path("").to_str().unwrap()]).await.expect(0);
        fs::remove_dir_all(stage.path("policies")).unwrap();
        stage.write("oubliette.yaml", settings);
        stage.write("data-map.yaml", data_map);
        for (name, text) in policies {
            stage.write(&format!("policies/{name}.yaml"), text);
        }
        stage
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(super) fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.hand.now()
    }

    /// A command of the program, in this process and by this clock.
    pub(super) async fn call(&self, arguments: &[&str]) -> Said {
        let config = self.path("oubliette.yaml").to_str().unwrap().to_owned();
        let mut all =
            vec!["oubliette".to_owned(), "--lang".to_owned(), "en".to_owned(), "--config".to_owned(), config];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let all = all.into_iter().map(Into::into);
        let status = Box::pin(cli::run(all, self.environment.clone(), &mut stdout, &mut stderr)).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    pub(super) async fn daemon(&self) -> Daemon {
        let settings_file = self.path("oubliette.yaml");
        let app = App::open(&settings_file, self.environment.clone()).await.unwrap();
        Daemon::new(DaemonParts {
            settings_file,
            app,
            clock: Arc::<FusedClock>::clone(&self.clock),
            notices: Arc::<Heard>::clone(&self.heard),
            progress: Arc::new(Silent),
        })
    }

    /// Runs a daemon until an instant; its status at the end.
    pub(super) async fn run_until(&self, until: &str) -> DaemonStatus {
        let mut daemon = self.daemon().await;
        let board = daemon.board();
        let mut events =
            Passing { clock: Arc::clone(&self.clock), until: until.parse().unwrap(), first: None };
        Box::pin(daemon.run(&mut events)).await;
        board.get()
    }

    /// What was announced since the last time this was asked.
    pub(super) fn take_heard(&self) -> Vec<Notice> {
        let taken = std::mem::take(&mut *self.heard.0.lock().unwrap());
        taken.into_iter().map(|announcement| announcement.notice).collect()
    }

    pub(super) fn sql(&self, database: &str, statement: &str) -> String {
        crate::support::sqlite3(&self.path(database), statement)
    }
}

/// Kinds of notices, without those that every start has.
pub(super) fn kinds(notices: &[Notice]) -> Vec<&'static str> {
    notices.iter().map(Notice::kind).filter(|kind| *kind != "scanned").collect()
}

/// Time passes at once until something is due, and the process is asked to stop at an instant.
pub(super) struct Passing {
    pub(super) clock: Arc<FusedClock>,
    pub(super) until: DateTime<Utc>,
    /// Heard before anything else.
    pub(super) first: Option<Event>,
}

#[async_trait]
impl EventSource for Passing {
    async fn next(&mut self, waiting: Waiting) -> Event {
        if waiting.busy {
            return std::future::pending().await;
        }
        if let Some(event) = self.first.take() {
            return event;
        }
        let now = self.clock.hand.now();
        let next = waiting.until.map_or(self.until, |next| next.min(self.until));
        // A turn takes time, also when something was due all along.
        let step = (next - now).to_std().unwrap_or_default().max(Duration::from_secs(1));
        self.clock.hand.advance(step);
        if self.clock.hand.now() >= self.until {
            self.clock.unwind();
            return Event::Stop;
        }
        self.clock.wind();
        Event::Tick
    }
}

/// One database and one rule, with a schedule at 02:30 in Paris.
pub(super) const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
stores:
  shop: {kind: sqlite, reader: shop.db, writer: shop.db, backups_kept: P0D}
guards: {max_share: 100%, empty_dataset: allow}
schedules:
  nightly: {cron: "0 30 2 * * *", time_zone: Europe/Paris, policies: [shop], window: PT4H}
"#;

pub(super) const DATA_MAP: &str = r"
datasets:
  - {name: shop.visits, store: shop, table: visits, record_type: visit, events: {seen: {column: seen_at}}}
";

/// A policy of one rule.
pub(super) fn policy(name: &str, zone: &str, days: u32) -> String {
    format!(
        "policy: {name}\nversion: 1\neffective_from: 2020-01-01\nowner: dpo@boutique.example\n\
         next_review: 2099-01-31\njurisdictions: [FR]\ntime_zone: {zone}\nrules:\n  - id: visit\n    \
         record_type: {record}\n    title: {{fr: Visites, en: Visits}}\n    purpose: {{fr: Mesure, en: Measuring}}\n    \
         legal_basis: eu-gdpr:A6-1-f\n    starts_from: seen\n    retain_for: P{days}D\n    \
         delete_within: P3D\n    disposition: purge\n",
        record = if name == "shop" { "visit".to_owned() } else { format!("visit-{name}") },
    )
}

/// The small project, at noon of a day, with rows of these days.
pub(super) async fn shop(now: &str, settings: &str, days: &[&str]) -> Stage {
    let stage = Stage::new(1, now, settings, DATA_MAP, &[("shop", policy("shop", "Europe/Paris", 30))]).await;
    stage.sql("shop.db", "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TEXT NOT NULL)");
    for day in days {
        stage.sql("shop.db", &format!("INSERT INTO visits (seen_at) VALUES ('{day}')"));
    }
    stage
}
