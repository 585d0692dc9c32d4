//! Where requests stand, in `status`.

use super::{erased, shop, verified};

#[test]
fn status_counts_requests_and_names_the_answer_that_is_due_first() {
    let project = shop();
    let status = |language: &str| project.run(&["--lang", language, "status"]).expect(0).stdout;
    assert!(status("en").contains("Requests of persons: 0 open, 0 waiting.\n"));
    let early = verified(&project, "email=jo@example.org", &["--received", "2026-01-05"]);
    let late = verified(&project, "email=kim@example.org", &[]);
    let page = status("fr");
    assert!(page.contains("Demandes de personnes : 2 ouverte(s), 0 en attente.\n"), "{page}");
    assert!(
        page.contains("RETARD") && page.contains(&format!("était due le 2026-02-05 ({early})")),
        "{page}"
    );
    erased(&project, &early, 0);
    let page = status("en");
    assert!(page.contains("Requests of persons: 1 open, 1 waiting.\n"), "{page}");
    assert!(page.contains("The next answer is due on 20") && page.contains(&late), "{page}");
    let json = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!((&json["requests"]["open"], &json["requests"]["waiting"]), (&1.into(), &1.into()));
    assert_eq!(json["requests"]["next_request_id"], late.as_str());
}

#[test]
fn a_letter_promises_no_day_that_has_passed() {
    let project = shop();
    let letter =
        |request: &str| project.run(&["--lang", "en", "requests", "answer", request]).expect(0).stdout;
    let in_time = verified(&project, "email=kim@example.org", &[]);
    assert!(letter(&in_time).contains("We answer on "), "{}", letter(&in_time));
    let late = verified(&project, "email=jo@example.org", &["--received", "2026-01-05"]);
    let said = letter(&late);
    assert!(said.contains("We should have answered on 5 February 2026 at the latest."), "{said}");
    assert!(!said.contains("We answer on "), "{said}");
}
