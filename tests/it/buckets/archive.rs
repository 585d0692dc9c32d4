//! The archive in a bucket, through the whole program: killed anywhere, copied elsewhere, harmed.

use super::number;
use crate::buckets::place::{Place, rule, server};
use crate::support::{Answer, Project, find_text};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
archive:
  s3:
    bucket: BUCKET
    prefix: PREFIX
    endpoint: "ENDPOINT"
    path_style: true
    credentials: {access_key: "${env:ARCHIVE_KEY}", secret_key: "${env:ARCHIVE_SECRET}"}
    LOCK
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: P0D}
"#;

const DATA_MAP: &str = "datasets: [{name: a, store: shop, table: a, record_type: a, events: {made: made}}]\n";

const POLICY: &str = r"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
";

const ROWS: &str = "CREATE TABLE a(id INTEGER PRIMARY KEY, made DATE);
    INSERT INTO a VALUES (1,'2010-01-01'),(2,'2010-01-01'),(3,'2026-01-01');";

/// A project whose archive is in a bucket.
struct Vault {
    project: Project,
    place: Place,
}

impl Vault {
    fn new(lock: &str) -> Self {
        let place = Place::new(true);
        let settings = SETTINGS
            .replace("BUCKET", place.bucket)
            .replace("PREFIX", place.prefix.trim_end_matches('/'))
            .replace("ENDPOINT", &server().0)
            .replace("LOCK", lock);
        let project = Project::new(&settings, DATA_MAP, &format!("{POLICY}{}", rule("a")));
        project.shop(ROWS);
        Self { project, place }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (_, key, secret) = server();
        let mut command = self.project.command(arguments);
        command.env("ARCHIVE_KEY", &key).env("ARCHIVE_SECRET", &secret);
        command.env("AWS_ACCESS_KEY_ID", &key).env("AWS_SECRET_ACCESS_KEY", &secret);
        command
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }

    #[track_caller]
    fn approved(&self) {
        let plan = self.run(&["--format", "json", "plan", "--author", "engineer"]).expect(0).json();
        self.run(&["approve", &find_text(&plan, "plan_id").unwrap(), "--as", "dpo"]).expect(0);
    }

    /// The archive as somebody else sees it, by its address.
    fn verify(&self) -> Answer {
        let address = format!("s3://{}/{}", self.place.bucket, self.place.prefix);
        let endpoint = server().0;
        let root = ["--trust-root", "trust-root.json"];
        let place = ["--s3-endpoint", &endpoint, "--s3-path-style"];
        self.run(&[&["--format", "json", "verify", &address], &root[..], &place[..]].concat())
    }

    fn copied(&self) -> TempDir {
        let copy = TempDir::new().unwrap();
        self.place.download(copy.path());
        copy
    }
}

#[track_caller]
fn verified(project: &Project, copy: &Path) -> Answer {
    project.run(&["--format", "json", "verify", copy.to_str().unwrap(), "--trust-root", "trust-root.json"])
}

#[track_caller]
fn no_findings(answer: &Answer) {
    let report = answer.json();
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
}

#[test]
fn an_archive_in_a_bucket_verifies_there_and_copied_and_harm_is_noticed() {
    let vault = Vault::new("object_lock: P1D");
    vault.run(&["check"]).expect(0);
    let grants = vault.run(&["--format", "json", "grants"]).expect(0).json();
    let policy = grants["archive"]["policy"].as_str().unwrap();
    assert!(policy.contains("s3:PutObjectRetention") && !policy.contains("Delete"), "{policy}");
    vault.approved();
    let end = vault.run(&["--format", "json", "apply"]).expect(0).json();
    assert!(find_text(&end, "certificate_directory").unwrap().starts_with("s3://it-locking/"), "{end}");
    vault.run(&["check"]).expect(0);
    no_findings(&vault.verify().expect(0));
    no_findings(&vault.run(&["--format", "json", "verify"]).expect(0));
    assert_eq!(vault.run(&["--format", "json", "status"]).expect(0).json()["certificates"], 1);
    let copy = vault.copied();
    no_findings(&verified(&vault.project, copy.path()).expect(0));
    for tool in ["verify-signature.sh", "verify_log.py", "verify-third-party.sh"] {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(tool);
        let said = Command::new(&tool).arg(copy.path()).arg(vault.project.path("trust-root.json")).output();
        Answer::of(&said.unwrap()).expect(0);
    }
    // A copy that lost an object, for each; older partial tiles are of no use any more and may go.
    for file in crate::support::files(copy.path()) {
        if file.contains(".p/") && !file.ends_with(".p/2") {
            continue;
        }
        let path = copy.path().join(&file);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let answer = verified(&vault.project, copy.path());
        assert!(answer.code == Some(6), "without {file}: {answer:?}");
        fs::write(&path, bytes).unwrap();
    }
    fs::write(copy.path().join("certificates/more"), "x").unwrap();
    verified(&vault.project, copy.path()).expect(6);
    // In the bucket: one that was written again, and one that was deleted.
    let page = crate::support::files(copy.path())
        .into_iter()
        .find(|file| file.ends_with("certificate.html"))
        .unwrap();
    vault.place.put(&page, &fs::read_to_string(copy.path().join(&page)).unwrap());
    assert!(vault.verify().expect(6).stdout.contains("file_overwritten"));
    vault.place.hide("checkpoints/1.note");
    assert!(vault.verify().expect(6).stdout.contains("file_deleted"));
}

#[test]
fn a_bucket_that_cannot_lock_or_is_a_store_of_the_project_is_told() {
    let vault = Vault::new("object_lock: P1D");
    let plain = Place::new(false);
    let settings = fs::read_to_string(vault.project.path("oubliette.yaml")).unwrap();
    let with = |bucket: &str, more: &str| {
        vault.project.write("oubliette.yaml", &(settings.replace("it-locking", bucket) + more));
    };
    with(plain.bucket, "");
    let said = vault.run(&["check"]).expect(2);
    assert!(said.stdout.contains("has no Object Lock"), "{}", said.stdout);
    vault.approved();
    vault.run(&["apply"]).expect(1);
    assert_eq!(vault.project.shop("SELECT count(*) FROM a"), "3", "nothing is touched without proof");
    let store = format!(
        "  exports: {{kind: s3, bucket: it-locking, endpoint: \"{}\", path_style: true, backups_kept: P0D}}\n",
        server().0
    );
    with("it-locking", &store);
    let said = vault.run(&["check", "--offline"]).expect(2);
    assert!(said.stdout.contains("that of the archive"), "{}", said.stdout);
}

const POINTS: &[&str] = &[
    "after-plan-filed",
    "after-entry",
    "after-tiles",
    "after-checkpoint",
    "after-intent-published",
    "after-statement",
    "after-envelope",
    "before-proof",
    "after-publish",
    "after-certified",
];

/// Kills one run at a point, and says what was not as it must be in the end.
fn trial(point: &str, hit: u64) -> (bool, Vec<String>) {
    let vault = Vault::new("");
    vault.approved();
    let mut killed = vault.command(&["apply", "latest"]);
    let ended = killed.env("OUBLIETTE_FAILPOINT", format!("{point}:{hit}")).output().unwrap();
    let is_killed = ended.status.signal() == Some(9);
    let mut faults = Vec::new();
    if is_killed {
        let resumed = vault.run(&["apply", "--resume"]);
        // Killed before the run began, or after its last write.
        if resumed.stderr.contains("no run was interrupted") {
            let again = vault.run(&["apply", "latest"]);
            if again.code != Some(0) && !again.stderr.contains("carried out already") {
                faults.push(format!("not begun again: {again:?}"));
            }
        } else if resumed.code != Some(0) {
            faults.push(format!("not resumed: {resumed:?}"));
        }
    }
    let report = vault.verify();
    let json = report.json();
    if report.code != Some(0) || json["findings"] != serde_json::json!([]) {
        faults.push(format!("does not verify: {json}"));
    }
    let certificates = json["certificates"].as_array().map_or(0, Vec::len);
    if certificates != 1 {
        faults.push(format!("{certificates} certificates"));
    }
    let copy = vault.copied();
    if verified(&vault.project, copy.path()).code != Some(0) {
        faults.push("the copy does not verify".to_owned());
    }
    if vault.project.shop("SELECT group_concat(id) FROM a") != "3" {
        faults.push("not the rows that must go".to_owned());
    }
    (is_killed, faults.into_iter().map(|fault| format!("{point}:{hit}: {fault}")).collect())
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_while_publishing_to_a_bucket_there_is_one_certificate_and_the_archive_holds() {
    let wanted = number("OUBLIETTE_KILLS", POINTS.len());
    let mut trials = POINTS.iter().flat_map(|point| [(*point, 1), (*point, 2), (*point, 3)]);
    let (mut kills, mut violations) = (0, Vec::new());
    // The first hits of all points first.
    let mut ordered: Vec<(&str, u64)> = trials.by_ref().collect();
    ordered.sort_by_key(|(_, hit)| *hit);
    for (point, hit) in ordered.into_iter().cycle().take(wanted) {
        let (is_killed, faults) = trial(point, hit);
        kills += usize::from(is_killed);
        violations.extend(faults);
    }
    eprintln!("kills: {kills}, trials: {wanted}, violations: {}", violations.len());
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert!(kills * 3 >= wanted, "only {kills} of {wanted} were killed");
}
