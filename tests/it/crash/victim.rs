//! A database server that only one test uses, and may kill.

use crate::support::Project;
use crate::support::server::Server;
use crate::tidy::root;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// One server that may be killed.
pub(super) struct Victim {
    pub(super) server: Server,
    directory: TempDir,
}

impl Victim {
    pub(super) fn start(server: Server) -> Self {
        let directory = TempDir::new().unwrap();
        // The server's own user must reach it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let victim = Self { server, directory };
        let action = match server {
            Server::Postgres => "start-postgres",
            Server::Mysql => "start-mysql",
        };
        // Somebody else may take the free port that was found.
        for _ in 0..3 {
            if victim.try_script(action) {
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

    pub(super) fn administrator(&self) -> String {
        let variable = match self.server {
            Server::Postgres => "OUBLIETTE_TEST_POSTGRES=",
            Server::Mysql => "OUBLIETTE_TEST_MYSQL=",
        };
        let env = std::fs::read_to_string(self.run_directory().join("env")).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable));
        line.expect("the server of this test is installed: run ./scripts/test").to_owned()
    }

    /// The port it listens on, also after a crash.
    pub(super) fn port(&self) -> u16 {
        let administrator = self.administrator();
        let (server, _) = administrator.rsplit_once('/').unwrap();
        server.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Ends the server at once and starts it again.
    pub(super) fn crash(&self) {
        self.script(match self.server {
            Server::Postgres => "crash-postgres",
            Server::Mysql => "crash-mysql",
        });
    }

    /// Ends every session on the project's database.
    pub(super) fn cut(&self, project: &Project) {
        let database = project.database.as_ref().unwrap();
        match self.server {
            Server::Postgres => {
                database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid();",
                );
            }
            Server::Mysql => {
                let sessions = database.sql(
                    "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id();",
                );
                for id in sessions.lines() {
                    // It may have ended by itself.
                    let _gone = database.try_sql(&format!("KILL {id};"));
                }
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.script("stop");
    }
}
