//! `check` asks the servers whether the reader may write.

use crate::support::Project;
use crate::support::server::{Database, Server};

const DATA_MAP: &str = "datasets:\n  - {name: shop.visits, store: shop, table: visits, record_type: visit, events: {seen: {column: seen_on}}}\n";

const POLICY: &str = r"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: UTC
rules:
  - {id: visit, record_type: visit, title: {fr: V, en: V}, purpose: {fr: M, en: M}, legal_basis: eu-gdpr:A6-1-f,
     starts_from: seen, retain_for: P1Y, disposition: purge}
";

/// A role of the server that only reads, removed with the test.
struct Reader<'d> {
    database: &'d Database,
    role: String,
}

impl<'d> Reader<'d> {
    fn new(database: &'d Database) -> Self {
        let name = format!("it_reader_{}", std::process::id());
        let role = match database.server {
            Server::Postgres => name,
            Server::Mysql => format!("'{name}'@'%'"),
        };
        let made = match database.server {
            Server::Postgres => format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role};"),
            Server::Mysql => {
                format!("CREATE USER {role}; GRANT REFERENCES ON {}.* TO {role};", name_of(database))
            }
        };
        database.sql(&format!("{made} GRANT SELECT ON visits TO {role};"));
        Self { database, role }
    }

    fn address(&self) -> String {
        let account = self.role.split('@').next().unwrap().trim_matches('\'');
        let (scheme, rest) = self.database.address().split_once("://").map(owned).unwrap();
        format!("{scheme}://{account}@{}", rest.split_once('@').unwrap().1)
    }

    fn may(&self, rights: &str) {
        self.database.sql(&format!("GRANT {rights} ON visits TO {};", self.role));
    }

    fn may_not(&self, rights: &str) {
        self.database.sql(&format!("REVOKE {rights} ON visits FROM {};", self.role));
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let role = &self.role;
        let _gone = match self.database.server {
            Server::Postgres => self.database.try_sql(&format!("DROP OWNED BY {role}; DROP ROLE {role};")),
            Server::Mysql => self.database.try_sql(&format!("DROP USER {role};")),
        };
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

fn name_of(database: &Database) -> String {
    database.address().rsplit_once('/').unwrap().1.to_owned()
}

/// Whether `check` says that the reader can write.
#[track_caller]
fn check(project: &Project, expected: bool) {
    let told = project.run(&["check"]).expect(0);
    let all = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(all.contains("reader-can-write"), expected, "{all}");
}

fn a_reader_that_can_write_is_told(server: Server) {
    let database = Database::new(server);
    database.sql("CREATE TABLE visits (id BIGINT PRIMARY KEY, name VARCHAR(9), seen_on DATE NOT NULL);");
    let reader = Reader::new(&database);
    let settings = format!(
        "controller: {{name: \"Boutique Exemple SAS\", contact: dpo@boutique.example}}\nstores:\n  \
         shop: {{kind: {}, reader: \"{}\", writer: \"{}\", backups_kept: P0D}}\n",
        server.kind(),
        reader.address(),
        database.address()
    );
    let project = Project::new(&settings, DATA_MAP, POLICY);
    check(&project, false);
    for rights in ["DELETE", "UPDATE (name)"] {
        reader.may(rights);
        check(&project, true);
        reader.may_not(rights);
        check(&project, false);
    }
}

#[test]
fn check_warns_of_a_postgres_reader_that_can_write() {
    a_reader_that_can_write_is_told(Server::Postgres);
}

#[test]
fn check_warns_of_a_mariadb_reader_that_can_write() {
    a_reader_that_can_write_is_told(Server::Mysql);
}
