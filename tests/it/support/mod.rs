//! A project in a temporary directory, driven through the real binary, and looked at with tools that
//! are not ours (`sqlite3`, the file system).

pub(crate) mod collector;
pub(crate) mod commitments;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod sink;
pub(crate) mod victim;

use server::Database;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

/// What a command of the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// One project directory.
#[derive(Debug)]
pub(crate) struct Project {
    directory: TempDir,
    /// The shop's database where that is on a server; else it is `shop.db`.
    pub(crate) database: Option<Database>,
    /// Set for every command.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Project {
    /// A project with keys from `init`, and these documents instead of the example's.
    pub(crate) fn new(settings: &str, data_map: &str, policy: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let project = Self { directory, database: None, environment: Vec::new() };
        let path = project.path("");
        let made = Command::new(binary()).arg("init").arg(&path).args(["--lang", "en"]).output().unwrap();
        Answer::of(&made).expect(0);
        fs::remove_dir_all(project.path("policies")).unwrap();
        fs::create_dir(project.path("policies")).unwrap();
        project.write("oubliette.yaml", settings);
        project.write("data-map.yaml", data_map);
        project.write("policies/policy.yaml", policy);
        project
    }

    /// A copy of everything, as a restored machine would have it.
    pub(crate) fn copy(&self) -> Self {
        let directory = TempDir::new().unwrap();
        let done = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(self.path("."))
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(done.success());
        let mut copy = Self { directory, database: None, environment: self.environment.clone() };
        if let Some(database) = &self.database {
            let own = database.copy();
            let settings = fs::read_to_string(copy.path("oubliette.yaml")).unwrap();
            copy.write("oubliette.yaml", &settings.replace(&database.address(), &own.address()));
            copy.database = Some(own);
        }
        copy
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A command of the program on this project, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("--config")
            .arg(self.path("oubliette.yaml"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("OUBLIETTE_FAILPOINT")
            .env("LANG", "en_US.UTF-8")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }

    /// A new plan, as JSON.
    #[track_caller]
    pub(crate) fn plan(&self) -> serde_json::Value {
        self.run(&["--format", "json", "plan", "--author", "engineer"]).expect(0).json()
    }

    /// Drafts and approves; the plan as JSON.
    #[track_caller]
    pub(crate) fn approved(&self) -> serde_json::Value {
        let plan = self.plan();
        self.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
        plan
    }

    /// Applies the newest plan to its end; the answer as JSON.
    #[track_caller]
    pub(crate) fn apply(&self) -> serde_json::Value {
        self.run(&["--format", "json", "apply"]).expect(0).json()
    }

    /// What the shop's database answers to its own client.
    #[track_caller]
    pub(crate) fn shop(&self, statement: &str) -> String {
        match &self.database {
            Some(database) => database.sql(statement),
            None => self.sql("shop.db", statement),
        }
    }

    /// What `sqlite3` answers.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        sqlite3(&self.path(database), statement)
    }
}

/// The program; `OUBLIETTE_TEST_PROGRAM` names another build of it, where an optimised one is to be measured.
pub(crate) fn binary() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        std::env::var("OUBLIETTE_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_oubliette").to_owned())
    });
    &PROGRAM
}

/// Runs statements through the `sqlite3` command: the database's own word, not ours.
#[track_caller]
pub(crate) fn sqlite3(database: &Path, statements: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("sqlite3")
        // A process of ours may hold the file for the moment in which it opens it.
        .args(["-cmd", ".timeout 5000"])
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command sqlite3 is needed: run ./scripts/test");
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The id of a plan, out of its JSON.
#[track_caller]
pub(crate) fn plan_id(plan: &serde_json::Value) -> String {
    find_text(plan, "plan_id").expect("a plan has an id")
}

/// SHA-256 of every file below a directory, by `sha256sum`.
pub(crate) fn fingerprints(directory: &Path) -> String {
    let names = files(directory);
    let output = Command::new("sha256sum").args(&names).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first text under `key`, anywhere in the value.
pub(crate) fn find_text(value: &serde_json::Value, key: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(map) => map
            .get(key)
            .and_then(|found| found.as_str().map(str::to_owned))
            .or_else(|| map.values().find_map(|inner| find_text(inner, key))),
        serde_json::Value::Array(list) => list.iter().find_map(|inner| find_text(inner, key)),
        _ => None,
    }
}

/// Every file below `directory`, sorted, as relative paths.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(directory).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}
