//! Tests of `views::certificate_html`.

use super::*;
use crate::certificate::TrustRoot;
use crate::certificate::tests::{Keys, statement};
use crate::digest::Digest32;
use crate::evidence::tests::{at, code, evidence, target, text};
use crate::evidence::{Exception, Failure, ResidualControl};

/// A page of the newest schema version.
fn page(change: impl FnOnce(&mut Evidence)) -> String {
    page_of(2, change)
}

fn page_of(version: u32, change: impl FnOnce(&mut Evidence)) -> String {
    let keys = Keys::new(0);
    let mut value = evidence(vec![target(12_345)]);
    change(&mut value);
    let read_back = value.clone();
    for target in &mut value.targets {
        let seen = target.verification.as_mut().expect("read back");
        seen.remaining = target.counts.excepted + target.counts.failed;
    }
    let mut statement = statement(1, value).with_schema_version(version);
    if version == 1 {
        statement.predicate.evidence = read_back;
    }
    let envelope = statement.sign(&[&keys.certificate]).expect("signed").to_bytes().expect("bytes");
    render(&TrustRoot::parse(&keys.trust_root).expect("a trust root").verify(&envelope).expect("it holds"))
}

#[test]
fn the_page_says_the_same_in_both_languages() {
    let page = page(|value| {
        value.targets[0].counts.matched += 2;
        value.targets[0].counts.excepted = 2;
        value.targets[0].exceptions = vec![Exception {
            code: code("legal_hold"),
            count: 2,
            hold_ref: Some(code("hold-7")),
            review_from: None,
            review_on: None,
        }];
        value.residuals = vec![Residual {
            known: None,
            kind: code("backup"),
            location: code("crm.backups"),
            expires_at: Some(at("2026-06-08T00:00:00Z")),
            control: ResidualControl::ReapplyOnRestore,
            status: ResidualStatus::Expiring,
        }];
    });
    for expected in [
        "<section lang=\"fr\" id=\"fr\">",
        "<section lang=\"en\" id=\"en\">",
        "Complet, avec des exceptions",
        "Complete, with exceptions",
        "12\u{202f}345",
        "12,345",
        "gel juridique",
        "legal hold",
        "jusqu’au 2026-06-08 00:00:00 UTC",
        "until 2026-06-08 00:00:00 UTC",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn a_partial_run_says_so_and_names_what_failed() {
    let page = page(|value| {
        value.targets.push(target(0));
        value.targets[1].failures = vec![Failure { code: code("store_unreachable"), count: 0 }];
    });
    for expected in [
        "<span aria-hidden=\"true\">✗ </span>Partiel",
        "store_unreachable",
        "nombre inconnu",
        "number unknown",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn nothing_is_loaded_no_script_runs_and_markup_in_texts_is_shown_as_text() {
    let page = page(|value| value.controller.name = text("<script>alert(1)</script> & fils"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; fils"));
    assert!(page.contains("Coordonnées des prospects &lt;b&gt;"));
    for forbidden in ["<script", "src=", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

/// A page with every reason to keep and every failure that has words, and one that has none.
fn page_of_many_words(version: u32) -> String {
    page_of(version, |value| {
        let reasons = [
            "legal_hold",
            "legal_obligation",
            "restriction",
            "changed_since_plan",
            "undecidable.conflict",
            "undecidable.start_missing",
            "undecidable.start_unreadable",
            "undecidable.start_in_future",
            "undecidable.not_governable",
            "undecidable.no_regular_file",
            "undecidable.several_names",
            "undecidable.name_unreadable",
            "other",
        ];
        let failures = [
            "still_present",
            "linked_object_kept",
            "unreachable",
            "denied",
            "schema_drift",
            "busy",
            "full",
            "constraint",
            "other",
        ];
        value.approvals[0].role = code("approver");
        value.targets.push(target(0));
        for reason in reasons {
            let kept = Exception::new(code(reason), 1);
            value.targets[0].exceptions.push(kept);
            value.targets[0].counts.excepted += 1;
            value.targets[0].counts.matched += 1;
        }
        for failure in failures {
            value.targets[1].failures.push(Failure { code: code(failure), count: 0 });
        }
    })
}

/// Archives keep their pages, and `verify` renders them again. Before the first release the digests may
/// be changed with the page; from then on they stay, and another page takes another schema version.
fn digests(version: u32) -> [String; 3] {
    let reconciled = page_of(version, |value| value.basis = Basis::Reconciled);
    let pages = [page_of(version, |_| ()), reconciled, page_of_many_words(version)];
    pages.map(|page| Digest32::of(page.as_bytes()).hex())
}

#[test]
fn the_pages_of_schema_version_2_keep_their_bytes() {
    assert_eq!(
        digests(2),
        [
            "46a473727de7e5777454c6741b8ef97d706b9bab9ca4c5d800909d7889b4aa95",
            "d3d36eae364390f637384fecd2633cf99305fe2be6819b3871fc9bfc57ce7064",
            "edb311e7e8b13bf6aa143e86d59d3aba92df5389dbdae137facdf6aeadef1432"
        ]
    );
}

#[test]
fn the_read_back_says_that_kept_records_are_still_there() {
    let page = page(|value| {
        let counts = &mut value.targets[0].counts;
        (counts.matched, counts.failed) = (counts.matched + 18, 18);
        value.targets[0].failures = vec![Failure { code: code("constraint"), count: 18 }];
    });
    for expected in [
        "même requête posée à nouveau · 2026-05-04 02:31:10 UTC · enregistrements examinés : 12\u{202f}345 · \
         concernés et encore présents (conservés ou en échec compris) : 18",
        "same query asked again · 2026-05-04 02:31:10 UTC · records looked at: 12,345 · \
         concerned and still there (those kept or failed included): 18",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn the_pages_of_schema_version_1_keep_their_bytes() {
    assert_eq!(
        digests(1),
        [
            "cf717c8776629424f36153d530ec9a197a98d8c437b77840f80e489261eb2ce1",
            "83eb085925d9e1ca971ed40b0c6e25149e48f90f0841247278c80e12f72d44fc",
            "33f4f55d4e2dcaecee3eb7221ab235ecc25a09e6dd5fa81be39bf7577993e713"
        ]
    );
}
