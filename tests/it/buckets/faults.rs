//! A store in trouble: a proxy spoils requests while a plan is applied, and when it stops, what is left is what an
//! undisturbed run leaves, and every record that went stands on one certificate.
//!
//! `OUBLIETTE_FAULTS=200` asks for more faults than the usual run of the tests injects.

use super::kills::Story;
use super::number;
use super::place::server;
use super::proxy::Proxy;
use crate::support::Answer;
use std::time::Instant;

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_store_in_trouble_loses_nothing_and_claims_nothing() {
    let wanted = number("OUBLIETTE_FAULTS", 40);
    let (mut spoiled, mut trial, mut violations) = (0, 0_u64, Vec::new());
    let began = Instant::now();
    while spoiled < wanted {
        trial += 1;
        assert!(trial < 200, "only {spoiled} requests were spoiled");
        let story = Story::tell();
        let proxy = Proxy::start(&server().0, trial, 6);
        let project = story.project(&proxy.endpoint);
        project.approved();
        let go_on = |arguments: &[&str]| {
            let mut command = project.command(arguments);
            command.env("OUBLIETTE_BATCH_RECORDS", "5").env("OUBLIETTE_SETTLE_MS", "400");
            Answer::of(&command.output().unwrap())
        };
        proxy.spoil(true);
        let disturbed = go_on(&["apply", "latest"]);
        proxy.spoil(false);
        spoiled += proxy.spoiled();
        // Whatever it came to: finished, finished in part, stopped with a run that goes on, or not begun.
        if disturbed.code != Some(0) {
            let resumed = go_on(&["apply", "--resume"]);
            if !matches!(resumed.code, Some(0 | 3)) && !resumed.stderr.contains("no run was interrupted") {
                violations.push(format!("trial {trial}: {}{}", resumed.stdout, resumed.stderr));
            }
            project.approved();
            let again = go_on(&["apply", "latest"]);
            if again.code != Some(0) {
                violations.push(format!("trial {trial}: {}{}", again.stdout, again.stderr));
            }
        }
        violations.extend(
            story
                .faults(&project)
                .into_iter()
                .map(|one| format!("trial {trial} (after {:?} {}): {one}", disturbed.code, disturbed.stderr)),
        );
    }
    eprintln!(
        "faults: {spoiled}, trials: {trial}, seconds: {}, violations: {}",
        began.elapsed().as_secs(),
        violations.len()
    );
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
