//! One fault each, and many at once: codes and places.

use super::{EXAMPLE_POLICY, EXAMPLE_SETTINGS, Files, check, check_change};

#[test]
fn faults_of_spelling_are_found_at_their_place_with_a_hint() {
    check_change(
        "retain_for: P10Y\n    delete",
        "retian_for: P10Y\n    delete",
        &["24:5 missing-key", "30:5 unknown-key"],
    );
    check_change(
        "disposition: purge\n    bounds: [{pack: fr.prospect}]",
        "disposition: purg",
        &["21:18 unknown-word"],
    );
    check_change("time_zone: Europe/Paris\nfiscal", "time_zone: Europe/Pari\nfiscal", &["8:12 unknown-zone"]);
    check_change("delete_within: P30D", "delete_within: 30 days", &["19:20 bad-period"]);
    check_change("cron: \"0 30 2 * * *\"", "cron: \"0 61 2 * * *\"", &["20:19 bad-cron"]);
    check_change("birth_date: {generalize: year}", "birth_date: {scramble: year}", &["36:22 unknown-key"]);
    check_change("max_share: 25%", "max_share: -25%", &["39:25 bad-share"]);
    check_change("max_records: 50000", "max_records: 99999999999999999999999", &["39:43 out-of-range"]);
    check_change("max_records: 50000", "max_records: \"50000\"", &["39:43 wrong-type"]);
    check_change("max_records: 50000", "max_records: 050000", &["39:43 wrong-type"]);
    check_change("approver_not_author: true", "approver_not_author: yes", &["15:34 wrong-type"]);
    check_change("customer_email: \"null\"", "customer_email: null", &["35:25 wrong-type"]);
    check_change("effective_from: 2026-01-01", "effective_from: 2026-02-30", &["4:17 bad-date"]);
    check_change("legal_basis: eu-gdpr:A6-1-f", "legal_basis: consent", &["16:18 bad-code"]);
    check_change("key: \"receipts/{year}", "key: \"receipts/{year", &["50:20 bad-template"]);
    check_change("fiscal_year_ends: \"12-31\"", "fiscal_year_ends: 31/12", &["9:19 bad-date"]);
}

#[test]
fn what_documents_mean_together_is_checked() {
    check_change("pack: fr.prospect", "pack: fr.prospects", &["22:21 unknown-pack"]);
    check_change("to: exports.receipts", "to: exports.receipt", &["45:36 unknown-dataset"]);
    check_change(
        "table: customers",
        "table: customers\n    alias: shop.prospects",
        &["34:12 duplicate-alias"],
    );
    check_change("store: exports", "store: export", &["49:12 unknown-store"]);
    check_change("policies: [customers-fr]", "policies: [customer-fr]", &["20:71 unknown-policy"]);
    check_change("starts_from: last_contact", "starts_from: last_order", &["17:18 unknown-event"]);
    check_change("{none_left: [invoice]}", "{none_left: [invoices]}", &["57:18 unknown-record-type"]);
    check_change("retain_for: P0D", "retain_for: P1Y", &["58:17 state-with-period"]);
    check_change(
        "subject: {customer_id: customer_id}",
        "subject: {customer_id: client}",
        &["52:28 unknown-capture"],
    );
    check_change(
        "- name: exports.receipts",
        "- name: shop.invoices",
        &["45:36 unknown-dataset", "48:11 duplicate-dataset", "57:18 unknown-record-type"],
    );
    check_change(
        "table: prospects",
        "objects: {key: \"a/{email}\"}",
        &["24:12 wrong-store-kind", "28:26 bad-event", "28:61 unknown-capture", "17:18 unknown-event"],
    );
    check_change(
        "    record_type: receipt\n    title",
        "    record_type: recipe\n    title",
        &["43:18 rule-without-dataset"],
    );
}

#[test]
fn bounds_are_held_against_the_period_as_the_calendar_has_it() {
    check_change("retain_for: P10Y\n    delete_within: P90D", "retain_for: P9Y", &["30:17 below-minimum"]);
    // Ten years from the invoice end before ten years from the end of its fiscal year.
    check_change(
        "{event: issued, rounding: end_of_fiscal_year}\n    retain_for: P10Y\n    delete",
        "issued\n    retain_for: P10Y\n    delete",
        &["30:17 below-minimum"],
    );
    check_change(
        "retain_for: P10Y\n    delete_within: P90D",
        "retain_for: P120M\n    delete_within: P90D",
        &[],
    );
    check_change("retain_for: P3Y", "retain_for: P4Y", &["18:17 outside-recommended"]);
    check_change("retain_for: P3Y", "reason: \"long campaigns\"\n    retain_for: P4Y", &[]);
    check_change("retain_for: P3Y", "retain_for: P2Y", &[]);
    check_change("{pack: fr.prospect}", "{pack: fr.optout}", &["22:21 unchecked-citation"]);
    check_change("{pack: fr.prospect}", "{pack: fr.optout, confirmed: true}", &[]);
    check_change("{pack: fr.prospect}", "{pack: fr.cctv}", &["18:17 above-maximum"]);
    check_change("{pack: fr.prospect}", "{kind: minimum, period: P5Y}", &["22:14 bad-bound"]);
}

#[test]
fn crossed_bounds_are_reported_with_both_citations() {
    let policy =
        EXAMPLE_POLICY.replace("[{pack: fr.prospect}]", "[{pack: fr.hr.payslip}, {pack: fr.hr.applicant}]");
    let loaded = Files::default().with("docs/o.yaml", EXAMPLE_SETTINGS).with("docs/p.yaml", policy).load();
    let items = loaded.diagnostics.items();
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].code, items[0].line), ("bounds-crossed", 22));
    assert!(items[0].message.contains("C. trav. L3243-4"), "{}", items[0].message);
    assert!(items[0].message.contains("CNIL guide recrutement"), "{}", items[0].message);
}

#[test]
fn forever_needs_a_reason_and_is_no_choice_for_children() {
    check_change("retain_for: P3Y", "retain_for: forever", &["18:17 forever-without-reason"]);
    check_change("retain_for: P3Y", "reason: \"history\"\n    retain_for: forever", &[]);
    check_change(
        "retain_for: P3Y",
        "reason: \"history\"\n    about_children: true\n    retain_for: forever",
        &["20:17 forever-children"],
    );
}

#[test]
fn what_only_hides_is_not_called_anonymize() {
    let mask = "{mask: {keep_first: 1, keep_last: 0}}";
    check_change("{replace: \"Client effacé\"}", mask, &["33:7 not-anonymous"]);
    let pseudonymize =
        EXAMPLE_POLICY.replace("{replace: \"Client effacé\"}", mask).replace("anonymize:", "pseudonymize:");
    let loaded =
        Files::default().with("docs/o.yaml", EXAMPLE_SETTINGS).with("docs/p.yaml", pseudonymize).load();
    assert_eq!(loaded.diagnostics.to_string(), "");
    check_change("anonymize:", "pseudonymize:", &["33:7 no-pseudonym"]);
    let hash = EXAMPLE_POLICY
        .replace("{replace: \"Client effacé\"}", "{hash: {hex_length: 32}}")
        .replace("anonymize:", "pseudonymize:");
    let load = |settings: String| {
        let loaded = Files::default().with("docs/o.yaml", settings).with("docs/p.yaml", &hash).load();
        loaded.diagnostics.items().iter().map(|item| item.code).collect::<Vec<_>>()
    };
    assert_eq!(load(EXAMPLE_SETTINGS.to_owned()), ["not-idempotent"]);
    assert_eq!(
        load(
            EXAMPLE_SETTINGS
                .replace("events: {issued: issued_on}", "events: {issued: issued_on}\n    marker: erased_at")
        ),
        [""; 0]
    );
}

#[test]
fn reviews_translations_and_overlaps_are_warned_of() {
    check_change("next_review: 2027-01-31", "next_review: 2026-05-31", &["6:14 review-overdue"]);
    check_change(
        "{fr: \"Comptabilité\", en: \"Accounting\"}\n    legal_basis: eu-gdpr:A6-1-c\n    starts_from: {event: issued, rounding: end_of_fiscal_year}\n    retain_for: P10Y\n    disp",
        "{en: \"Accounting\"}\n    legal_basis: eu-gdpr:A6-1-c\n    starts_from: {event: issued, rounding: end_of_fiscal_year}\n    retain_for: P10Y\n    disp",
        &["45:14 missing-translation"],
    );
    check_change(
        "record_type: receipt\n    title",
        "applies_to: [shop.invoices, exports.receipts]\n    title",
        &["38:11 overlapping-rules"],
    );
}

#[test]
fn what_is_not_built_is_refused_and_never_ignored() {
    check_change("ledger: sqlite://state/ledger.db", "ledger: mysql://ledger", &["3:9 bad-ledger"]);
    for bad in
        ["postgres://", "postgres:x", "sqlite://", "sqlite://${env:A}", "\"postgres://${env:A\"", "ledger.db"]
    {
        check_change("ledger: sqlite://state/ledger.db", &format!("ledger: {bad}"), &["3:9 bad-ledger"]);
    }
    check_change("archive: {directory: certificates}", "archive: {s3: {bucket: x}}", &["4:24 bad-bucket"]);
    check_change("language: fr", "http: {port: 80}", &["9:8 unknown-key"]);
    check_change("language: fr", "langage: fr", &["9:1 unknown-key"]);
    check_change("sealed: sealed", "sealed: \"${env:SEALED}\"", &["5:9 bad-path"]);
    check_change(
        "kind: directory, path: data/exports",
        "kind: directory, path: data/exports, writer: x",
        &["13:50 not-for-this-kind"],
    );
}

#[test]
fn whom_to_tell_and_where_to_answer_is_checked_before_the_daemon_runs() {
    let check = |line: &str, faults: &[&str]| check_change("language: fr", line, faults);
    check("http: {listen: \"0.0.0.0:9188\"}", &["9:16 open-http"]);
    check("http: {listen: \"monitoring:9188\"}", &["9:16 bad-address"]);
    check("notification: {quiet_for: P1D}", &["9:15 tells-nobody"]);
    check("notification: {webhooks: {ops: {url: \"${env:URL}\"}}}", &["9:32 missing-key"]);
    check("notification: {webhooks: {ops: {url: \"${env:URL}\", secret: abcdefgh}}}", &["9:60 plain-secret"]);
    let mail =
        |more: &str| format!("notification: {{mail: {{server: a.example, from: a@a.example, {more}}}}}");
    check(&mail("to: [dpo@a.example]"), &[]);
    check(&mail("to: []"), &["9:22 tells-nobody"]);
    check(&mail("to: [dpo]"), &["9:66 bad-address"]);
    check(&mail("to: [dpo@a.example], security: none"), &["9:92 not-encrypted"]);
    check(&mail("to: [dpo@a.example], user: x"), &["9:22 bad-credentials"]);
}

#[test]
fn a_predicate_is_refused_at_the_place_of_its_fault() {
    let condition = "\"country IN ('FR', 'BE')\"";
    check_change(condition, "\"country IN ('FR', \"", &["20:31 bad-predicate"]);
    check_change(condition, "|-\n      sleep(1) = 0", &["21:7 bad-predicate"]);
    check_change(condition, "country = (SELECT 1)", &["20:23 bad-predicate"]);
    check_change(condition, "|\n      country = 'FR'\n      AND sleep(1) = 0", &["22:11 bad-predicate"]);
}

#[test]
fn several_faults_of_one_file_are_all_reported() {
    let text = "\
policy: a b
version: 0
effective_from: tomorrow
owner: x
owner: y
next_review: 2027-01-31
jurisdictions: fr
time_zone: Mars/Olympus
rulez: []
rules:
  - id: one
    colour: red
    retain_for: P3X
";
    check(
        text,
        &[
            "1:9 bad-name",
            "2:10 out-of-range",
            "3:17 bad-date",
            "5:1 duplicate-key",
            "7:16 wrong-type",
            "8:12 unknown-zone",
            "9:1 unknown-key",
            "11:5 missing-key",
            "11:5 missing-key",
            "11:5 missing-key",
            "11:5 missing-key",
            "11:5 missing-key",
            "12:5 unknown-key",
            "13:17 bad-period",
        ],
    );
}

#[test]
fn a_fault_is_shown_with_its_line_a_caret_and_a_hint() {
    let policy = EXAMPLE_POLICY.replace("retain_for: P3Y", "retain_for: P3X");
    let loaded = Files::default().with("docs/o.yaml", EXAMPLE_SETTINGS).with("docs/p.yaml", policy).load();
    let expected = "\
docs/p.yaml:18:17: error[bad-period]: a period has the form P3Y, P3Y6M, P2W, P30D or PT4H
 18 |     retain_for: P3X
    |                 ^
   hint: expected an ISO 8601 period such as P3Y, or forever
";
    assert_eq!(loaded.diagnostics.to_string(), expected);
    let json = serde_json::to_value(&loaded.diagnostics).unwrap();
    assert_eq!(json["items"][0]["code"], "bad-period");
    assert_eq!(json["items"][0]["severity"], "error");
}
