//! Databases on real servers, made for one project and dropped with it, looked at with the servers' own
//! clients.
//!
//! The servers are named by `OUBLIETTE_TEST_POSTGRES` and `OUBLIETTE_TEST_MYSQL`, which `scripts/servers`
//! sets. Without one its tests fail and say so.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    Mysql,
}

impl Server {
    /// The kind of store in the settings.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    /// The address of an administrator.
    #[track_caller]
    pub(crate) fn administrator(self) -> String {
        let variable = match self {
            Self::Postgres => "OUBLIETTE_TEST_POSTGRES",
            Self::Mysql => "OUBLIETTE_TEST_MYSQL",
        };
        std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: run `scripts/servers start DIR` and source DIR/env")
        })
    }
}

/// One database of its own.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) server: Server,
    administrator: String,
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    pub(crate) fn new(server: Server) -> Self {
        Self::at(server, server.administrator())
    }

    /// On a server that the test has started itself.
    pub(crate) fn at(server: Server, administrator: String) -> Self {
        let database = Self::named(server, administrator);
        let made = ask(server, &database.administrator, &format!("CREATE DATABASE {};", database.name));
        made.expect("a database can be made");
        database
    }

    fn named(server: Server, administrator: String) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        Self { server, administrator, name: format!("it_{}_{number}", std::process::id()) }
    }

    /// A copy with everything in it.
    pub(crate) fn copy(&self) -> Self {
        match self.server {
            Server::Postgres => {
                let copy = Self::named(self.server, self.administrator.clone());
                let statement =
                    format!("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY;", copy.name, self.name);
                ask(self.server, &copy.administrator, &statement).expect("a database can be copied");
                copy
            }
            Server::Mysql => {
                let copy = Self::at(self.server, self.administrator.clone());
                let dump = Command::new("mariadb-dump")
                    .args(client_arguments(&self.administrator))
                    .args(["--single-transaction", "--skip-comments", &self.name])
                    .output()
                    .expect("the command mariadb-dump is needed: run ./scripts/test");
                assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
                copy.sql(&String::from_utf8(dump.stdout).unwrap());
                copy
            }
        }
    }

    /// The address of this database, for the administrator's role.
    pub(crate) fn address(&self) -> String {
        let (server, _) = self.administrator.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// Its address from the account on: the settings spell out of which kind the ledger is.
    pub(crate) fn without_scheme(&self) -> String {
        self.address().split_once("://").unwrap().1.to_owned()
    }

    /// What the server's own client answers: a row a line, columns separated by `|`.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        ask(self.server, &self.address(), statements).unwrap_or_else(|error| panic!("{error}: {statements}"))
    }
}

impl Database {
    /// The same where the statement may fail.
    pub(crate) fn try_sql(&self, statements: &str) -> Result<String, String> {
        ask(self.server, &self.address(), statements)
    }

    /// For somebody else at work on the same database.
    pub(crate) fn client(&self) -> Client {
        Client { server: self.server, address: self.address() }
    }
}

/// Somebody who asks a database that another owns.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    server: Server,
    address: String,
}

impl Client {
    /// What the server's own client answers.
    pub(crate) fn ask(&self, statements: &str) -> Result<String, String> {
        ask(self.server, &self.address, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let force = if self.server == Server::Postgres { " WITH (FORCE)" } else { "" };
        let statement = format!("DROP DATABASE IF EXISTS {}{force};", self.name);
        // The server may be gone with its whole directory.
        let _gone = ask(self.server, &self.administrator, &statement);
    }
}

/// The port in an address of a server.
pub(crate) fn port_of(address: &str) -> u16 {
    address.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn client_arguments(address: &str) -> [String; 7] {
    let port = port_of(address).to_string();
    ["--no-defaults", "-h", "127.0.0.1", "-u", "root", "-P"]
        .map(str::to_owned)
        .into_iter()
        .chain([port])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

fn ask(server: Server, address: &str, statements: &str) -> Result<String, String> {
    let mut command = match server {
        Server::Postgres => {
            let mut command = Command::new("psql");
            command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", address]);
            command
        }
        Server::Mysql => {
            let mut command = Command::new("mariadb");
            command
                .args(client_arguments(address))
                .args(["-N", "-B"])
                .arg(address.rsplit_once('/').unwrap().1);
            command
        }
    };
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
            |error| panic!("the client of {server:?} is needed: run ./scripts/test ({error})"),
        );
    let mut input = child.stdin.take().unwrap();
    let text = statements.to_owned();
    // A client that ends early closes its input: what it says on its way out counts.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).is_ok());
    let output = child.wait_with_output().unwrap();
    let _written = writer.join().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let answer = String::from_utf8(output.stdout).unwrap();
    Ok(answer.trim_end().replace('\t', "|"))
}
