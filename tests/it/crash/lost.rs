//! Answers that are lost at one instant, and what others do to the same rows before somebody looks: a batch
//! that did not become durable claims nothing, one that did claims what is seen to be gone, and a session that
//! the server has not missed yet stands in nobody's way.

use super::reuse::{apply, signal, wait_until_stopped};
use super::story::Story;
use super::writer::TABLES;
use super::{End, beside, end_of};
use crate::support::Project;
use crate::support::proxy::Proxy;
use crate::support::server::{Database, Server, port_of};
use std::time::{Duration, Instant};

/// One of the first batches of prospects, before it is durable and after.
const BEFORE: &str = "before-commit:8";
const AFTER: &str = "after-commit:8";
/// In the transaction of the first batch of orders, before anything is intended.
const INSIDE: &str = "after-dependents:1:stop";
const NOT_DUE: &str = "2026-01-02 03:04:05";

fn shop(server: Server) -> Story {
    Story::tell_beside(Database::new(server))
}

/// Prospects of the first batches, as somebody else picks them.
const SOME: &str = "id < 100 AND id % 4 = 0";

fn delete_some(database: &Database) {
    let image = TABLES[0].2;
    database.sql(&format!(
        "BEGIN; INSERT INTO foreign_log SELECT 1, 'delete', 'shop.prospects', id, {image}, NULL FROM prospects WHERE {SOME} FOR UPDATE;
         DELETE FROM prospects WHERE {SOME}; COMMIT;"
    ));
}

/// Puts rows that are not due in the place of those that are gone.
fn take_up(story: &Story, database: &Database) {
    let there: Vec<String> = database.sql("SELECT id FROM prospects;").lines().map(str::to_owned).collect();
    let gone = story.rows_before.keys().filter(|row| row.0 == "shop.prospects" && row.1 % 4 == 0);
    for (_, id) in gone.filter(|(_, id)| !there.contains(&id.to_string())) {
        database.sql(&format!(
            "BEGIN; INSERT INTO prospects VALUES ({id}, 'again', 'FR', '{NOT_DUE}');
             INSERT INTO foreign_log VALUES ({id}, 'insert', 'shop.prospects', {id}, NULL, 'FR~{NOT_DUE}'); COMMIT;"
        ));
    }
}

/// Kills the process at `point`, lets somebody else act, and goes on. Answers with the rows that are not claimed
/// because their keys were taken up again.
#[track_caller]
fn check(story: &Story, marks: bool, point: &str, meanwhile: impl FnOnce(&Database)) -> u64 {
    let project = story.project.copy();
    let database = project.database.as_ref().unwrap();
    if !marks {
        database.sql("DROP TABLE oubliette_batch;");
    }
    project.approved();
    assert_eq!(end_of(&mut apply(&project, false, Some(point))), End::Killed);
    meanwhile(database);
    let end = end_of(&mut apply(&project, true, None));
    let found = beside::account(story, &project);
    assert!(found.faults.is_empty(), "{point}, marks: {marks}: {}\n{end:?}", found.faults.join("\n"));
    let expected = if found.in_part { 3 } else { 0 };
    assert!(matches!(end, End::Ended(code, _) if code == expected), "{end:?}");
    if marks {
        assert_eq!(database.sql("SELECT count(*) FROM oubliette_batch;"), "0", "marks are taken away");
    }
    found.taken_up
}

fn answers_are_lost(server: Server) {
    let story = shop(server);
    for marks in [true, false] {
        assert_eq!(check(&story, marks, BEFORE, delete_some), 0);
    }
    assert_eq!(check(&story, true, AFTER, |_| {}), 0);
    assert!(check(&story, true, AFTER, |database| take_up(&story, database)) > 0);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_lost_answer_of_postgres_is_settled_whatever_others_did_meanwhile() {
    answers_are_lost(Server::Postgres);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_lost_answer_of_mariadb_is_settled_whatever_others_did_meanwhile() {
    answers_are_lost(Server::Mysql);
}

/// The process goes on when its connections are gone, and the server does not know yet.
fn a_lost_session_is_ended(server: Server) {
    let story = shop(server);
    let project: Project = story.project.copy();
    let port = port_of(&project.database.as_ref().unwrap().address());
    let proxy = Proxy::to(port);
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    project.write("oubliette.yaml", &settings.replace(&format!(":{port}/"), &format!(":{}/", proxy.port)));
    project.approved();
    let mut child = apply(&project, false, Some(INSIDE));
    wait_until_stopped(&child);
    proxy.lose();
    let began = Instant::now();
    signal(&child, "-CONT");
    let end = end_of(&mut child);
    assert!(matches!(end, End::Ended(0, _)), "{end:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "it waited for itself: {end:?}");
    let found = beside::account(&story, &project);
    assert!(found.faults.is_empty() && !found.in_part, "{}", found.faults.join("\n"));
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_session_that_postgres_has_not_missed_stands_in_nobodys_way() {
    a_lost_session_is_ended(Server::Postgres);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_session_that_mariadb_has_not_missed_stands_in_nobodys_way() {
    a_lost_session_is_ended(Server::Mysql);
}
