//! What goes unattended, and what waits.

use super::stage::{SETTINGS, Stage, kinds, policy, shop};
use oubliette::daemon::{Notice, TroubleCode, WaitReason};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const NOON: &str = "2026-03-20T12:00:00Z";
const NEXT: &str = "2026-03-21T12:00:00Z";
const OLD: &str = "2026-01-01T08:00:00Z";
const YOUNG: &str = "2026-03-19T08:00:00Z";

async fn approve(stage: &Stage) {
    stage.call(&["approve", "--standing", "shop/visit", "--as", "dpo"]).await.expect(0);
}

fn rows(stage: &Stage) -> String {
    stage.sql("shop.db", "SELECT count(*) FROM visits")
}

/// Why the one plan that was announced waits.
#[track_caller]
fn waits(notices: &[Notice]) -> WaitReason {
    let reasons: Vec<WaitReason> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::PlanWaits { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 1, "{notices:?}");
    reasons[0]
}

#[tokio::test]
async fn without_a_standing_approval_the_plan_waits_and_goes_once_a_person_approved_it() {
    let stage = shop(NOON, SETTINGS, &[OLD, YOUNG]).await;
    stage.run_until(NEXT).await;
    assert_eq!(waits(&stage.take_heard()), WaitReason::NotApproved);
    assert_eq!(rows(&stage), "2");
    stage.call(&["approve", "latest", "--as", "dpo"]).await.expect(0);
    let status = stage.run_until("2026-03-22T12:00:00Z").await;
    assert_eq!(kinds(&stage.take_heard()), ["run_complete"]);
    assert_eq!((rows(&stage).as_str(), status.totals.disposed), ("1", 1));
}

#[tokio::test]
async fn a_standing_approval_lets_the_rule_go_and_a_change_of_the_rule_voids_it() {
    let stage = shop(NOON, SETTINGS, &[OLD, YOUNG]).await;
    approve(&stage).await;
    stage.run_until(NEXT).await;
    assert_eq!(kinds(&stage.take_heard()), ["run_complete"]);
    assert_eq!(rows(&stage), "1");
    // One day, so that the young one is due; put back afterwards, which does not revive the approval.
    for days in [1, 30] {
        let mut daemon = stage.daemon().await;
        stage.write("policies/shop.yaml", &policy("shop", "Europe/Paris", days));
        let mut events = super::stage::Passing {
            clock: std::sync::Arc::clone(&stage.clock),
            until: stage.now() + chrono::Duration::days(1),
            first: Some(oubliette::daemon::Event::FilesChanged),
        };
        Box::pin(daemon.run(&mut events)).await;
        let heard = stage.take_heard();
        if days == 1 {
            assert!(heard.iter().any(|notice| matches!(notice, Notice::StandingVoid { .. })), "{heard:?}");
            assert_eq!(waits(&heard), WaitReason::NotApproved);
        } else {
            assert!(heard.iter().any(|notice| matches!(notice, Notice::DocumentsLoaded { .. })), "{heard:?}");
        }
    }
    assert_eq!(rows(&stage), "1");
    stage.sql("shop.db", &format!("INSERT INTO visits (seen_at) VALUES ('{OLD}')"));
    stage.run_until("2026-03-25T12:00:00Z").await;
    assert_eq!(rows(&stage), "2", "the approval came back to life");
}

#[tokio::test]
async fn documents_with_faults_leave_the_old_ones_in_force() {
    let stage = shop(NOON, SETTINGS, &[OLD, YOUNG]).await;
    approve(&stage).await;
    let mut daemon = stage.daemon().await;
    let board = daemon.board();
    stage.write("policies/shop.yaml", "policy: shop\nrules: nonsense\n");
    let mut events = super::stage::Passing {
        clock: std::sync::Arc::clone(&stage.clock),
        until: NEXT.parse().unwrap(),
        first: Some(oubliette::daemon::Event::Reload),
    };
    Box::pin(daemon.run(&mut events)).await;
    let heard = stage.take_heard();
    let faulty = heard.iter().find_map(|notice| match notice {
        Notice::DocumentsFaulty { faults, first } => Some((*faults, first.clone())),
        _ => None,
    });
    let (faults, first) = faulty.expect("it is announced");
    assert!(faults > 0 && first.contains("shop.yaml"), "{first}");
    assert_eq!(rows(&stage), "1", "the old documents hold");
    assert_eq!(board.get().troubles[0].code, TroubleCode::Documents);
}

#[tokio::test]
async fn a_sudden_rise_waits_for_a_person() {
    let settings = SETTINGS.to_owned() + "daemon: {jump: {factor: 10, floor: 20}}\n";
    let stage = shop(NOON, &settings, &[]).await;
    approve(&stage).await;
    for (day, count) in [(21, 3), (22, 4), (23, 3), (24, 40), (25, 0)] {
        let many = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {count}) \
             INSERT INTO visits (seen_at) SELECT '{OLD}' FROM n"
        );
        if count > 0 {
            stage.sql("shop.db", &many);
        }
        stage.run_until(&format!("2026-03-{day}T12:00:00Z")).await;
        let heard = stage.take_heard();
        if day < 24 {
            assert_eq!(kinds(&heard), ["run_complete"], "{day}");
        } else {
            assert_eq!(waits(&heard), WaitReason::Jumped, "{day}");
            assert_eq!(rows(&stage), "40");
        }
    }
    stage.call(&["approve", "latest", "--as", "dpo"]).await.expect(0);
    stage.run_until("2026-03-26T12:00:00Z").await;
    assert_eq!(rows(&stage), "0");
}

#[tokio::test]
async fn no_more_goes_in_a_day_than_its_ceiling() {
    let settings = SETTINGS
        .replace("empty_dataset: allow}", "empty_dataset: allow, max_records_per_day: 3}")
        .replace("0 30 2 * * *", "0 30 2,14 * * *");
    let stage = shop(NOON, &settings, &[OLD, OLD]).await;
    approve(&stage).await;
    stage.run_until("2026-03-20T18:00:00Z").await;
    assert_eq!((kinds(&stage.take_heard()), rows(&stage).as_str()), (vec!["run_complete"], "0"));
    for _ in 0..2 {
        stage.sql("shop.db", &format!("INSERT INTO visits (seen_at) VALUES ('{OLD}')"));
    }
    // Still the same day in Paris until 23:00 UTC; the next due time is tomorrow's.
    stage.run_until("2026-03-21T06:00:00Z").await;
    assert_eq!((kinds(&stage.take_heard()), rows(&stage).as_str()), (vec!["run_complete"], "0"));
    for _ in 0..2 {
        stage.sql("shop.db", &format!("INSERT INTO visits (seen_at) VALUES ('{OLD}')"));
    }
    stage.run_until("2026-03-21T18:00:00Z").await;
    assert_eq!(waits(&stage.take_heard()), WaitReason::DailyCeiling);
    assert_eq!(rows(&stage), "2");
}

#[tokio::test]
async fn a_dry_run_touches_nothing_and_reminds() {
    let settings = SETTINGS.to_owned() + "daemon: {mode: dry_run, dry_run_reminder: 2}\n";
    let stage = shop(NOON, &settings, &[OLD, YOUNG]).await;
    approve(&stage).await;
    let status = stage.run_until("2026-03-25T12:00:00Z").await;
    assert_eq!(kinds(&stage.take_heard()), ["dry_run_left_on", "dry_run_left_on"]);
    assert_eq!(rows(&stage), "2");
    assert!(status.dry_run_since.is_some());
    assert_eq!(stage.sql("state/ledger.db", "SELECT count(*) FROM run"), "0");
}

#[tokio::test]
async fn a_missing_key_a_locked_archive_and_the_pause_file_destroy_nothing_and_say_why() {
    let settings = SETTINGS.to_owned() + "pause_file: pause\n";
    let stage = shop(NOON, &settings, &[OLD, YOUNG]).await;
    approve(&stage).await;
    let key = stage.path("keys/certificate.key");
    let away = stage.path("keys/away");
    fs::rename(&key, &away).unwrap();
    let status = stage.run_until("2026-03-21T04:00:00Z").await;
    assert_eq!(status.troubles[0].code, TroubleCode::Key, "{:?}", status.troubles);
    let heard = stage.take_heard();
    assert!(heard.iter().any(|notice| matches!(notice, Notice::NotReady { .. })), "{heard:?}");
    assert!(heard.iter().any(|notice| matches!(notice, Notice::ScheduleFailed { retry_at: Some(_), .. })));
    assert_eq!(rows(&stage), "2");
    fs::rename(&away, &key).unwrap();
    stage.write("pause", "");
    let status = stage.run_until("2026-03-21T04:30:00Z").await;
    assert_eq!(status.troubles[0].code, TroubleCode::Paused, "{:?}", status.troubles);
    assert_eq!(rows(&stage), "2");
    fs::remove_file(stage.path("pause")).unwrap();
    // Still the window of that night: it is 05:30 in Paris.
    let status = stage.run_until("2026-03-21T05:15:00Z").await;
    assert_eq!((rows(&stage).as_str(), status.troubles.as_slice()), ("1", &[][..]));
}

#[tokio::test]
async fn a_clock_that_is_set_back_or_jumps_ahead_destroys_nothing() {
    let stage = shop(NOON, SETTINGS, &[YOUNG]).await;
    approve(&stage).await;
    // Ahead by a year while the daemon runs: the monotonic clock knows better.
    let mut daemon = stage.daemon().await;
    let mut events = super::stage::Passing {
        clock: std::sync::Arc::clone(&stage.clock),
        until: NEXT.parse().unwrap(),
        first: None,
    };
    Box::pin(daemon.run(&mut events)).await;
    stage.take_heard();
    drop(daemon);
    stage.clock.hand.set("2027-03-21T12:00:00Z".parse().unwrap());
    let status = stage.run_until("2027-03-23T12:00:00Z").await;
    assert_eq!(rows(&stage), "1");
    let heard = stage.take_heard();
    assert!(kinds(&heard).contains(&"plan_waits"), "{heard:?} {:?}", status.troubles);
    // Back again, behind what the ledger has seen: schedules are not silent for a year.
    stage.clock.hand.set("2026-03-21T13:00:00Z".parse().unwrap());
    stage.run_until("2026-03-23T12:00:00Z").await;
    assert_eq!(rows(&stage), "1");
}

#[tokio::test]
async fn a_clock_that_jumps_under_a_running_daemon_makes_plans_wait() {
    struct Jumping(super::stage::Passing, bool);
    #[async_trait::async_trait]
    impl oubliette::daemon::EventSource for Jumping {
        async fn next(&mut self, waiting: oubliette::daemon::Waiting) -> oubliette::daemon::Event {
            if !waiting.busy && !std::mem::replace(&mut self.1, true) {
                self.0.clock.hand.set("2026-04-19T12:00:00Z".parse().unwrap());
                return oubliette::daemon::Event::Tick;
            }
            self.0.next(waiting).await
        }
    }
    let stage = shop(NOON, SETTINGS, &[YOUNG]).await;
    approve(&stage).await;
    let mut daemon = stage.daemon().await;
    let board = daemon.board();
    let clock = std::sync::Arc::clone(&stage.clock);
    let passing =
        super::stage::Passing { clock, until: "2026-04-21T12:00:00Z".parse().unwrap(), first: None };
    Box::pin(daemon.run(&mut Jumping(passing, false))).await;
    let heard = stage.take_heard();
    assert_eq!(waits_first(&heard), WaitReason::ClockDoubtful, "{heard:?}");
    assert_eq!(rows(&stage), "1");
    assert_eq!(board.get().troubles[0].code, TroubleCode::Clock);
}

#[track_caller]
fn waits_first(notices: &[Notice]) -> WaitReason {
    let reason = notices.iter().find_map(|notice| match notice {
        Notice::PlanWaits { reason, .. } => Some(*reason),
        _ => None,
    });
    reason.unwrap_or_else(|| panic!("{notices:?}"))
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_destroys_nothing() {
    let stage = shop(NOON, SETTINGS, &[OLD, YOUNG]).await;
    approve(&stage).await;
    let certificates = stage.path("certificates");
    fs::create_dir_all(&certificates).unwrap();
    // Somebody else writes to the archive, and does not end.
    let lock =
        fs::OpenOptions::new().write(true).create(true).truncate(false).open(certificates.join(".lock"));
    let lock = lock.unwrap();
    lock.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    rustix_lock(&lock);
    let status = stage.run_until("2026-03-21T03:00:00Z").await;
    assert_eq!(status.troubles[0].code, TroubleCode::Archive, "{:?}", status.troubles);
    assert_eq!(rows(&stage), "2");
    drop(lock);
    stage.run_until("2026-03-21T05:00:00Z").await;
    assert_eq!(rows(&stage), "1");
}

#[track_caller]
fn rustix_lock(file: &fs::File) {
    file.try_lock().expect("nobody else writes");
}
