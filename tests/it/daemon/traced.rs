//! What a collector of spans hears of a daemon.

use super::binary::project;
use crate::support::collector::{at, spans};
use crate::support::sink::{Sink, answer};

#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn each_piece_of_work_is_a_trace_of_its_own() {
    let collector = Sink::answering(&[&answer("200 OK")]);
    let mut project = project(5);
    // The first time a schedule is seen nothing is caught up.
    project.run(&["daemon", "--once"]);
    project.sql(
        "state/ledger.db",
        "UPDATE schedule SET handled_at = '2020-01-01T00:00:00.000000000Z', due_at = NULL",
    );
    project.environment.push(at(&collector));
    project.run(&["daemon", "--once"]).expect(0);
    let all = spans(&collector);
    let schedule = all.iter().find(|span| span.name == "schedule").unwrap();
    assert_eq!([schedule.of("schedule"), schedule.of("outcome")], ["nightly", "complete"]);
    assert!(schedule.parent.is_empty(), "{schedule:?}");
    let command = all.iter().find(|span| span.name == "command").unwrap();
    assert_eq!(command.of("command"), "daemon");
    assert_ne!(command.trace, schedule.trace);
    for name in ["plan", "run"] {
        let found = all.iter().find(|span| span.name == name && span.trace == schedule.trace);
        assert!(found.is_some_and(|span| span.parent == schedule.id), "{name}: {all:?}");
    }
    let batch = all.iter().find(|span| span.name == "batch" && span.of("outcome") == "done").unwrap();
    assert_eq!([batch.trace.as_str(), batch.of("records")], [schedule.trace.as_str(), "5"]);
}
