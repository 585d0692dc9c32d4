//! Tests of `views::certificate_html`.

use super::*;
use crate::certificate::TrustRoot;
use crate::certificate::tests::{Keys, statement};
use crate::digest::Digest32;
use crate::evidence::tests::{at, code, evidence, target, text};
use crate::evidence::{Exception, Failure, ResidualControl};

fn page(change: impl FnOnce(&mut Evidence)) -> String {
    let keys = Keys::new(0);
    let mut value = evidence(vec![target(12_345)]);
    change(&mut value);
    let envelope = statement(1, value).sign(&[&keys.certificate]).expect("signed").to_bytes().expect("bytes");
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
            review_on: None,
        }];
        value.residuals = vec![Residual {
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
fn page_of_many_words() -> String {
    page(|value| {
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
            let kept = Exception { code: code(reason), count: 1, hold_ref: None, review_on: None };
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
#[test]
fn the_pages_of_schema_version_1_keep_their_bytes() {
    let pages = [page(|_| ()), page(|value| value.basis = Basis::Reconciled), page_of_many_words()];
    let found = pages.map(|page| Digest32::of(page.as_bytes()).hex());
    assert_eq!(
        found,
        [
            "cf717c8776629424f36153d530ec9a197a98d8c437b77840f80e489261eb2ce1",
            "83eb085925d9e1ca971ed40b0c6e25149e48f90f0841247278c80e12f72d44fc",
            "dec26fb2fb8d0c9c01e094fb076a11be4ed874b80861d0a981a53fed0ed96f91"
        ]
    );
}
