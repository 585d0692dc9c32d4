//! What the page says of a daemon with everything in it, and that the shipped files name no other metric.
#![expect(clippy::disallowed_methods, reason = "reads the files that are shipped")]

use super::*;
use crate::app::OutboxState;
use crate::daemon::{CertificateStatus, ScanStatus, ScheduleStatus, Trouble};
use crate::schedule::store::ScheduleRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn status() -> DaemonStatus {
    let mut status = DaemonStatus::new(at(0), Mode::Enforce, "digest".to_owned());
    status.role = Role::Acting;
    status.troubles = vec![Trouble { code: TroubleCode::Key, detail: "keys/certificate.key".to_owned() }];
    status.rules = vec![RuleStatus {
        policy: "customers-fr".to_owned(),
        rule: "prospect".to_owned(),
        dataset: "crm.prospects".to_owned(),
        due: 12,
        overdue: 3,
        held: 2,
        undecidable: 1,
        oldest_due_at: Some(at(-50)),
        counted_at: at(1),
        disposed: 40,
        last_success_at: Some(at(2)),
    }];
    let mut record = ScheduleRecord::new("nightly", at(0));
    record.due_at = Some(at(0));
    record.last_success_at = Some(at(-9));
    record.last_ended_at = Some(at(-8));
    status.schedules =
        vec![ScheduleStatus { record, time_zone: "Europe/Paris".to_owned(), next_at: Some(at(99)) }];
    status.last_certificate =
        Some(CertificateStatus { certificate_id: "c".to_owned(), outcome: "complete".to_owned(), at: at(3) });
    status.last_scan =
        Some(ScanStatus { at: at(4), overdue: 5, oldest_due_at: None, unreachable: vec!["crm".to_owned()] });
    status
}

fn figures() -> Figures {
    Figures {
        open_runs: 1,
        batches_in_doubt: 2,
        requests_open: 4,
        requests_late: 1,
        nearest_deadline: Some(at(0).date_naive()),
        outbox: OutboxState { waiting: 6, given_up: 1, oldest_raised_at: None },
        actions: BTreeMap::from([(("customers-fr".to_owned(), "prospect".to_owned()), "purge")]),
        ..Figures::default()
    }
}

fn whole_page() -> String {
    page(&status(), Some(&figures()), at(30)).unwrap()
}

#[test]
fn the_page_says_what_there_is() {
    let page = whole_page();
    let rule = "policy=\"customers-fr\",rule=\"prospect\",dataset=\"crm.prospects\"";
    for line in [
        "oubliette_ready 0".to_owned(),
        "oubliette_acting 1".to_owned(),
        "oubliette_trouble{code=\"key\"} 1".to_owned(),
        "oubliette_trouble{code=\"clock\"} 0".to_owned(),
        format!("oubliette_records_due{{{rule}}} 12"),
        format!("oubliette_records_overdue{{{rule}}} 3"),
        format!("oubliette_records_disposed_total{{{rule},action=\"purge\"}} 40"),
        format!("oubliette_oldest_due_timestamp_seconds{{{rule}}} 1789999950"),
        "oubliette_schedule_lag_seconds{schedule=\"nightly\"} 30".to_owned(),
        "oubliette_scan_records_overdue 5".to_owned(),
        "oubliette_batches_in_doubt 2".to_owned(),
        "oubliette_requests_open 4".to_owned(),
        "oubliette_notices_waiting 6".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    assert!(!page.contains("certificate.key"), "details are for /readyz");
}

#[test]
fn without_the_ledger_the_rest_is_there() {
    let page = page(&status(), None, at(30)).unwrap();
    assert!(page.contains("oubliette_ready 0") && !page.contains("oubliette_batches_in_doubt"), "{page}");
}

#[test]
fn the_alert_rules_and_the_dashboard_name_metrics_that_exist() {
    let page = whole_page();
    let known: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    for file in ["prometheus/oubliette.rules.yaml", "grafana/oubliette.json"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let named: BTreeSet<&str> =
            text.split(|one| !is_part(one)).filter(|word| word.starts_with("oubliette_")).collect();
        assert!(named.len() > 10, "{file} names only {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}
