//! How batches of one walk come one after the other, through the real program.

use crate::kin;
use crate::support::server::Server;

const MAP: &str = r"
datasets:
  - {name: notes, store: shop, table: notes, record_type: note, events: {made: made}}
";

/// What a batch does at its commit takes a while, and is written down.
const SLOW_TO_COMMIT: &str = "
CREATE TABLE notes(id BIGINT PRIMARY KEY, made DATE);
INSERT INTO notes SELECT i, '2010-01-01' FROM generate_series(1, 8) AS i;
CREATE TABLE commits(begun timestamptz, ended timestamptz);
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE begun timestamptz := clock_timestamp();
  BEGIN
    PERFORM pg_sleep(0.3);
    INSERT INTO commits VALUES (begun, clock_timestamp());
    RETURN NULL;
  END $$;
CREATE CONSTRAINT TRIGGER slow AFTER DELETE ON notes DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION slow();
";

/// Most commits that were under way at once.
const AT_ONCE: &str = "SELECT max(others) FROM (SELECT (SELECT count(*) FROM commits o
  WHERE o.begun <= c.begun AND o.ended > c.begun) AS others FROM commits c) AS counted;";

#[test]
fn the_next_batch_begins_while_one_is_committed_and_no_third() {
    let mut project = kin::project(Some(Server::Postgres), MAP, &["note"], SLOW_TO_COMMIT);
    project.environment.push(("OUBLIETTE_BATCH_RECORDS", "1".to_owned()));
    project.environment.push(("OUBLIETTE_IGNORE_PRESSURE", "1".to_owned()));
    project.approved();
    project.apply();
    assert_eq!(project.shop("SELECT count(*) FROM notes;").trim(), "0");
    assert_eq!(project.shop("SELECT count(*) FROM commits;").trim(), "8");
    assert_eq!(project.shop(AT_ONCE).trim(), "2");
}
