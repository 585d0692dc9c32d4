//! A server that only one test uses, and may kill.

use super::Project;
use super::server::{Server, port_of};
use crate::tidy::root;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// One server that may be killed.
pub(crate) struct Victim {
    /// Its name in `scripts/servers`.
    word: &'static str,
    directory: TempDir,
}

impl Victim {
    pub(crate) fn start(server: Server) -> Self {
        Self::start_named(server.kind())
    }

    pub(crate) fn start_s3() -> Self {
        Self::start_named("s3")
    }

    fn start_named(word: &'static str) -> Self {
        let directory = TempDir::new().unwrap();
        // The server's own user must reach it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let victim = Self { word, directory };
        let action = format!("start-{word}");
        // Somebody else may take the free port that was found.
        for _ in 0..3 {
            if victim.try_script(&action) {
                return victim;
            }
            victim.try_script("stop");
            std::fs::remove_dir_all(victim.run_directory()).unwrap();
        }
        panic!("scripts/servers {action} failed three times");
    }

    fn run_directory(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    fn script(&self, action: &str) {
        assert!(self.try_script(action), "scripts/servers {action}");
    }

    fn try_script(&self, action: &str) -> bool {
        Command::new(root().join("scripts/servers"))
            .arg(action)
            .arg(self.run_directory())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    pub(crate) fn administrator(&self) -> String {
        let variable = format!("OUBLIETTE_TEST_{}=", self.word.to_uppercase());
        let env = std::fs::read_to_string(self.run_directory().join("env")).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable.as_str()));
        line.expect("the server of this test is installed: run ./scripts/test").to_owned()
    }

    /// The port it listens on, also after a crash.
    pub(crate) fn port(&self) -> u16 {
        port_of(&self.administrator())
    }

    /// Ends the server at once and starts it again.
    pub(crate) fn crash(&self) {
        self.script(&format!("crash-{}", self.word));
    }

    /// Ends every session on the project's database.
    pub(crate) fn cut(&self, project: &Project) {
        let database = project.database.as_ref().unwrap();
        if self.word == Server::Postgres.kind() {
            database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid();",
            );
            return;
        }
        let sessions = database.sql(
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id();",
        );
        for id in sessions.lines() {
            // It may have ended by itself.
            let _gone = database.try_sql(&format!("KILL {id};"));
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.script("stop");
    }
}
