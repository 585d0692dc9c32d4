//! Somebody changed something between two commands: nothing is destroyed on a false ground.

use crate::scenario;
use crate::support::{Project, find_text, plan_id};
use std::fs;

#[test]
fn a_file_that_changed_after_the_plan_is_kept_and_reported() {
    let project = scenario::small();
    project.approved();
    let changed = crate::support::files(&project.path("files/exports/2018"))[3].clone();
    let path = format!("files/exports/2018/{changed}");
    project.write(&path, "somebody wrote here");
    let certificate = find_text(&project.apply(), "certificate_id").unwrap();
    assert_eq!(fs::read_to_string(project.path(&path)).unwrap(), "somebody wrote here");
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0);
    assert!(shown.stdout.contains("changed_since_plan"), "{}", shown.stdout);
}

#[test]
fn a_plan_file_of_which_one_byte_changed_is_refused() {
    let project = scenario::small();
    let file = project.path("plan.json");
    let plan = project.run(&["--format", "json", "plan", "--out", file.to_str().unwrap()]).expect(0).json();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let good = fs::read(&file).unwrap();
    project.run(&["show", file.to_str().unwrap()]).expect(0);
    let state = scenario::state(&project);
    for number in 0..40 {
        let mut bytes = good.clone();
        let place = number * (good.len() - 1) / 39;
        bytes[place] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let answer = project.run(&["apply", file.to_str().unwrap()]);
        assert!(matches!(answer.code, Some(1 | 2 | 5 | 6)), "byte {place}: {answer:?}");
        assert!(!answer.stderr.contains("panicked"), "{answer:?}");
    }
    assert_eq!(scenario::state(&project), state);
    for bytes in [&b""[..], b"{}", b"[", &b"[".repeat(100_000), b"\xff\xfe"] {
        fs::write(&file, bytes).unwrap();
        let answer = project.run(&["show", file.to_str().unwrap()]).expect(2);
        assert!(!answer.stderr.contains("panicked"), "{answer:?}");
    }
    fs::write(&file, &good).unwrap();
    project.run(&["apply", file.to_str().unwrap()]).expect(0);
}

#[test]
fn a_ledger_under_another_key_is_refused() {
    let project = scenario::small();
    project.approved();
    let other = Project::new(scenario::SETTINGS, scenario::DATA_MAP, scenario::POLICY);
    fs::copy(other.path("keys/sealing.key"), project.path("keys/sealing.key")).unwrap();
    let state = scenario::state(&project);
    for arguments in [&["apply"][..], &["status"], &["hold", "list"]] {
        let refused = project.run(arguments);
        assert!(matches!(refused.code, Some(1 | 2)), "{refused:?}");
        assert!(refused.stderr.contains("key"), "{}", refused.stderr);
    }
    assert_eq!(scenario::state(&project), state);
}

#[test]
fn a_plan_changed_in_the_ledger_is_not_the_one_that_was_approved() {
    let project = scenario::small();
    project.approved();
    project.sql(
        "state/ledger.db",
        "UPDATE plan SET canonical = CAST(replace(CAST(canonical AS TEXT), '\"author\":\"engineer\"', '\"author\":\"somebody\"') AS BLOB);",
    );
    let state = scenario::state(&project);
    let refused = project.run(&["apply", "latest"]);
    assert!(
        refused.code != Some(0) && refused.stderr.contains("not the one that was approved"),
        "{refused:?}"
    );
    assert_eq!(scenario::state(&project), state);
}

#[test]
fn a_clock_that_was_set_back_destroys_nothing() {
    let project = scenario::small();
    project.approved();
    project.sql(
        "state/ledger.db",
        "INSERT OR REPLACE INTO clock_seen VALUES (1, '2099-01-01T00:00:00.000000000Z');",
    );
    let state = scenario::state(&project);
    let refused = project.run(&["apply"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("the clock cannot be trusted"), "{refused:?}");
    assert_eq!(scenario::state(&project), state);
}

#[test]
fn an_archive_that_was_rolled_back_is_noticed_before_anything_is_destroyed() {
    let project = scenario::small();
    project.approved();
    let old = project.copy();
    project.apply();
    fs::remove_dir_all(project.path("certificates")).unwrap();
    fs::rename(old.path("certificates"), project.path("certificates")).unwrap();
    project.sql(
        "shop.db",
        "INSERT INTO prospects VALUES (100001, 'new@example.org', 'FR', '2019-01-01 00:00:00');",
    );
    project.approved();
    let state = scenario::state(&project);
    let refused = project.run(&["apply", "latest"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("were published before"), "{refused:?}");
    assert_eq!(scenario::state(&project), state);
}
