//! No personal value in clear outside the stores: every command is run with the most talkative log and
//! with things going wrong, and every byte that was written is searched for planted values.

use crate::scenario::{self, CANARY, SMALL};
use crate::support::collector;
use crate::support::sink::{Sink, answer};
use crate::support::{Answer, Project, files, find_text};
use base64::Engine as _;
use oubliette::cli::command_table;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The value as it is, and in the forms in which it could be written by accident.
fn forms() -> Vec<String> {
    let mut forms = vec![CANARY.to_owned(), hex(CANARY.as_bytes())];
    for shift in 0..3 {
        let padded = [&b"\0\0"[..shift], CANARY.as_bytes()].concat();
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        // The first characters belong to the padding too, the last to what follows.
        forms.push(text[if shift == 0 { 0 } else { shift + 1 }..text.len() - 2].to_owned());
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    oubliette::digest::hex(bytes)
}

/// The form of a planted value that the bytes hold, if any.
pub(crate) fn found_in(bytes: &[u8]) -> Option<String> {
    let exact = String::from_utf8_lossy(bytes);
    let lower = exact.to_lowercase();
    forms().into_iter().find(|form| exact.contains(form.as_str()) || lower.contains(form.as_str()))
}

#[test]
fn the_search_finds_every_form() {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for text in [CANARY.to_uppercase(), hex(CANARY.as_bytes()), encode(CANARY)] {
        assert!(found_in(text.as_bytes()).is_some(), "{text}");
    }
    for before in ["", "a", "ab", "abc", "abcd"] {
        assert!(found_in(encode(&format!("{before}{CANARY} and more")).as_bytes()).is_some(), "{before}");
    }
    assert_eq!(found_in(b"canari739 is not it"), None);
}

/// Runs commands and keeps what was wrong with what they said.
struct Listener {
    project: Project,
    /// Recipients: the person's identities may go there.
    recipients: [Sink; 2],
    /// Where spans go, if they are sent.
    collector: Sink,
    commands: BTreeSet<String>,
    leaks: Vec<String>,
}

impl Listener {
    /// Runs a command; neither stream may hold a planted value.
    fn run(&mut self, arguments: &[&str]) -> Answer {
        let answer = self.run_for_the_asker(arguments);
        if let Some(form) = found_in(answer.stdout.as_bytes()) {
            self.leaks.push(format!("stdout of {arguments:?}: {form} in {}", around(&answer.stdout, &form)));
        }
        answer
    }

    /// Runs a command whose standard output is for the person who asked; standard error is not.
    fn run_for_the_asker(&mut self, arguments: &[&str]) -> Answer {
        self.run_with(arguments, &[])
    }

    fn run_with(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
        self.commands.insert(arguments[0].to_owned());
        let mut command = self.project.command(&[&["--log", "trace"], arguments].concat());
        command.env("RUST_BACKTRACE", "1").envs(environment.iter().copied());
        let answer = Answer::of(&command.output().unwrap());
        // What the shell was given stands in no output of the program: it comes from the stores or the log.
        if let Some(form) = found_in(answer.stderr.as_bytes()) {
            self.leaks.push(format!("stderr of {arguments:?}: {form} in {}", around(&answer.stderr, &form)));
        }
        assert!(!answer.stderr.contains("panicked"), "{arguments:?}: {}", answer.stderr);
        answer
    }

    fn search_spans(&mut self) {
        let sent = self.collector.received();
        assert_eq!(sent.is_empty(), cfg!(not(feature = "opentelemetry")));
        for one in sent {
            let found = found_in(&one.bytes).or_else(|| found_in(one.head.as_bytes()));
            self.leaks.extend(found.map(|form| format!("spans: {form} in {}", one.body)));
        }
    }

    /// Every file of the project but the stores themselves and what was handed to the asker.
    fn search_files(&mut self) {
        let stores = |name: &String| {
            name.starts_with("files/") || name.starts_with("shop.db") || name.starts_with("asked/")
        };
        let names: Vec<String> =
            files(&self.project.path("")).into_iter().filter(|name| !stores(name)).collect();
        for must in ["state/ledger.db", "plan.json", "certificates/checkpoint", "trust-root.json"] {
            assert!(names.iter().any(|name| name == must), "{must} was not searched");
        }
        for name in names {
            if let Some(form) = found_in(&fs::read(self.project.path(&name)).unwrap()) {
                self.leaks.push(format!("file {name}: {form}"));
            }
            if let Some(form) = found_in(name.as_bytes()) {
                self.leaks.push(format!("name of {name}: {form}"));
            }
        }
    }
}

/// The line of the text in which it was found, shortened.
fn around(text: &str, form: &str) -> String {
    let line = text.lines().find(|line| line.to_lowercase().contains(&form.to_lowercase()));
    line.unwrap_or("several lines").chars().take(600).collect()
}

fn listener() -> Listener {
    let mut project = scenario::shop_with(SMALL, "DELETE");
    let collector = Sink::answering(&[&answer("200 OK")]);
    project.environment.push(collector::at(&collector));
    project.sql(
        "shop.db",
        &format!(
            "UPDATE prospects SET last_contact_at = '{CANARY} no date' WHERE id = 9;
             UPDATE prospects SET country = 'FR', last_contact_at = x'{}' WHERE id = 11;
             UPDATE orders SET receipt = '../{CANARY}.pdf' WHERE id = 1;",
            hex(CANARY.as_bytes())
        ),
    );
    fs::create_dir(project.path("asked")).unwrap();
    let recipients =
        [Sink::answering(&[&answer("503 Busy"), &answer("200 OK")]), Sink::answering(&[&answer("410 Gone")])];
    let [hook, saas] = recipients.each_ref().map(|sink| sink.address.clone());
    let settings = fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    let declared = format!(
        "recipients:
  mailer: {{name: M, role: processor, record_types: [prospect, customer], identities: [email, customer_id],
    webhook: {{url: \"http://{hook}/t0k3n\", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}}}
  saas: {{name: S, role: joint, record_types: [prospect, customer], identities: [email],
    http: {{url: \"http://{saas}/people/{{identity.email}}\", headers: {{Authorization: Bearer t0k3n}}}}}}
  lawyer: {{name: L, role: controller, record_types: [prospect, customer], identities: [email], manual: true}}\n"
    );
    project.write("oubliette.yaml", &(settings + &declared));
    Listener { project, recipients, collector, commands: BTreeSet::new(), leaks: Vec::new() }
}

const WHY: [&str; 6] =
    ["--matter", "canari7391 v. X", "--reason", "canari7391 sues", "--owner", "canari7391"];

fn holds(listener: &mut Listener) -> String {
    let subject = format!("email={CANARY}.p12@example.org");
    let predicate = format!("email LIKE '{CANARY}.p14%'");
    let placed = listener.run_for_the_asker(
        &[&["hold", "add", "--subject", &subject], &WHY[..], &["--format", "json"]].concat(),
    );
    listener.run_for_the_asker(
        &[&["hold", "add", "--dataset", "shop.prospects", "--where", &predicate], &WHY[..]].concat(),
    );
    for broken in [
        format!("email = '{CANARY}"),
        format!("{CANARY} = 1"),
        format!("id = '{CANARY}'"),
        format!("email = '{CANARY}' AND (SELECT 1)"),
    ] {
        listener
            .run(&[&["hold", "add", "--dataset", "shop.prospects", "--where", &broken], &WHY[..]].concat());
    }
    let unknown = format!("passport={CANARY}");
    listener.run(&[&["hold", "add", "--subject", &unknown], &WHY[..]].concat());
    listener.run_for_the_asker(&["hold", "list"]);
    find_text(&placed.expect(0).json(), "hold_id").unwrap()
}

/// Everything that only reads.
fn reading(listener: &mut Listener) {
    let file = files(&listener.project.path("files/exports")).remove(0);
    let file = format!("exports/{file}");
    for arguments in [
        &["check"][..],
        &["check", "--offline", "--format", "json"],
        &["plan", "--format", "json"],
        &["plan", "--as-of", "2090-01-01"],
        &["show", "latest"],
        &["explain", "shop.prospects", "2"],
        &["explain", "shop.prospects", "9", "--format", "json"],
        &["explain", "shop.customers", "3"],
        &["explain", "files.exports", &file],
        &["explain", "shop.orders", CANARY],
        &["explain", "files.receipts", &format!("../{CANARY}")],
        &["status"],
        &["status", "--format", "json"],
        &["grants"],
        &["schema"],
        &["completions", "bash"],
        &["certificates", "list"],
    ] {
        listener.run(arguments);
    }
}

/// Runs that go wrong: a database that is locked, a constraint that fails, a table that is missing.
fn trouble(listener: &mut Listener) {
    let project = &listener.project;
    project.sql(
        "shop.db",
        &format!("CREATE TRIGGER no BEFORE DELETE ON prospects WHEN old.id = 102 BEGIN SELECT RAISE(ABORT, '{CANARY} refuses'); END;"),
    );
    project.approved();
    let refused = listener.run(&["apply", "latest"]);
    let said = refused.stderr.lines().filter(|line| !line.contains(" sqlx::")).collect::<Vec<_>>().join("\n");
    assert!(matches!(refused.code, Some(3 | 5)), "{:?} {said}", refused.code);
    listener.project.sql("shop.db", "DROP TRIGGER no; ALTER TABLE order_lines RENAME TO gone;");
    for arguments in [&["check"][..], &["plan"], &["apply"]] {
        listener.run(arguments);
    }
    listener.project.sql("shop.db", "ALTER TABLE gone RENAME TO order_lines;");
    let mut locked = Command::new("sqlite3")
        .arg(listener.project.path("shop.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = locked.stdin.take().unwrap();
    writeln!(input, "BEGIN EXCLUSIVE; SELECT 1;").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    for arguments in [&["check"][..], &["plan"], &["explain", "shop.prospects", "2"]] {
        listener.run(arguments);
    }
    drop(input);
    locked.wait().unwrap();
}

/// A run that is killed and resumed, and what can be asked of its certificate.
fn running(listener: &mut Listener) {
    let ahead = "INSERT OR REPLACE INTO clock_seen (one, at) VALUES (1, '2199-01-01T00:00:00.000000000Z');";
    listener.project.sql("state/ledger.db", ahead);
    listener.run(&["plan"]);
    listener.run(&["accept-clock", "--as", "ops", "--reason", "it ran ahead"]).expect(0);
    let plan = listener.project.path("plan.json").to_string_lossy().into_owned();
    listener.run(&["plan", "--out", &plan]).expect(0);
    listener.run(&["approve", &plan, "--as", "dpo", "--note", "canari7391 was told"]).expect(0);
    listener.run(&["approve", "--standing", "shop/prospect", "--as", "dpo"]);
    let small = [("OUBLIETTE_BATCH_RECORDS", "15"), ("OUBLIETTE_FAILPOINT", "after-commit:2")];
    let killed = listener.run_with(&["apply", &plan], &small);
    assert_eq!(killed.code, None, "{killed:?}");
    listener.search_files();
    listener.run(&["status"]);
    let end = listener.run(&["apply", "--resume", "--format", "json"]);
    assert!(matches!(end.code, Some(0 | 3)), "{end:?}");
    let certificate = find_text(&end.json(), "certificate_id").unwrap();
    let trust_root = listener.project.path("trust-root.json").to_string_lossy().into_owned();
    let asked = listener.project.path("asked/receipt.json").to_string_lossy().into_owned();
    let file = files(&listener.project.path("files/exports/2098")).remove(0);
    listener.run(&["verify", "certificates", "--trust-root", &trust_root]);
    listener.run(&["certificates", "show", &certificate]);
    listener.run(&["certificates", "html", &certificate]);
    listener.run(&["certificates", "receipt", &certificate, "shop.orders", CANARY]);
    listener.run(&[
        "certificates",
        "receipt",
        &certificate,
        "files.exports",
        &format!("exports/2098/{file}"),
    ]);
    listener.run(&["certificates", "receipt", &certificate, "shop.prospects", "4", "--out", &asked]);
    listener.run(&["certificates", "verify-receipt", &asked, "--archive", "certificates"]);
}

/// Requests of two persons: one that is killed and resumed, one that is refused.
fn requests(listener: &mut Listener) {
    let asked = |name: &str| listener.project.path(&format!("asked/{name}")).to_string_lossy().into_owned();
    let (one, other) = (asked("one.txt"), asked("other.txt"));
    let (copy, receipt) = (asked("copy.json"), asked("person.json"));
    fs::write(&one, format!("# from a letter\nemail={CANARY}.p20@example.org\ncustomer_id=3\n")).unwrap();
    fs::write(&other, format!("email={CANARY}.p22@example.org\n")).unwrap();
    let note = format!("{CANARY} wrote");
    let receive = |file: &str| {
        ["--format", "json", "requests", "receive", "--identities", file, "--note", &note].map(str::to_owned)
    };
    let mut ids = Vec::new();
    for file in [&one, &other, &other] {
        let arguments = receive(file);
        let arguments: Vec<&str> = arguments.iter().skip(2).map(String::as_str).collect();
        let arguments = [&arguments[..], &["--format", "json"]].concat();
        ids.push(find_text(&listener.run(&arguments).expect(0).json(), "request_id").unwrap());
    }
    assert_eq!(ids[1], ids[2], "the third says nothing new");
    for broken in [format!("email={CANARY}"), format!("passport={CANARY}"), CANARY.to_owned()] {
        listener.run(&["requests", "receive", "--identity", &broken]).expect(2);
    }
    listener.run(&["erase", &ids[0]]).expect(2);
    let method = format!("{CANARY} answered");
    listener.run(&["requests", "verify", &ids[0], "--as", "support", "--method", &method]).expect(0);
    listener.run(&["requests", "list"]);
    listener.run(&["locate", &ids[0], "--as", CANARY]).expect(0);
    let why = format!("{CANARY} called");
    listener.run(&["locate", "--identities", &other, "--as", "dpo", "--reason", &why]).expect(0);
    listener.run(&["export", &ids[0], "--as", "support", "--out", &copy]).expect(0);
    assert!(found_in(&fs::read(&copy).unwrap()).is_some(), "the copy is the person's own");
    // Who looked and why is for the asker.
    listener.run_for_the_asker(&["requests", "looks", "--format", "json"]).expect(0);
    // A member of staff sees the remark.
    listener.run_for_the_asker(&["requests", "show", &ids[0]]);
    let plan = listener.run(&["erase", &ids[0], "--format", "json"]).expect(0).json();
    let plan = find_text(&plan, "plan_id").unwrap();
    listener.run(&["show", &plan]);
    listener.run(&["approve", &plan, "--as", "dpo"]).expect(0);
    let point = [("OUBLIETTE_FAILPOINT", "after-commit:1")];
    assert_eq!(listener.run_with(&["apply", &plan], &point).code, None);
    listener.search_files();
    let end = listener.run(&["apply", "--resume", "--format", "json"]);
    assert!(matches!(end.code, Some(0 | 3)), "{end:?}");
    let certificate = find_text(&end.json(), "certificate_id").unwrap();
    listener.run(&["certificates", "show", &certificate]);
    telling(listener, &ids[0]);
    listener.run(&["requests", "answer", &ids[0], "--format", "json"]).expect(0);
    listener.run(&["requests", "receipt", &ids[0], "--out", &receipt]).expect(0);
    listener.run(&["certificates", "verify-receipt", &receipt, "--archive", "certificates"]).expect(0);
    returning(listener, &ids[0]);
    listener.run(&["requests", "extend", &ids[1], "--reason", "complexity"]).expect(0);
    listener.run(&["requests", "refuse", &ids[1], "--reason", "no-ground", "--note", &note]).expect(0);
    listener.run(&["requests", "list", "--all", "--format", "json"]);
}

/// Recipients: one that fails first, one that is gone, one whom a person tells.
fn telling(listener: &mut Listener, request: &str) {
    listener.run(&["requests", "recipients", request]).expect(0);
    listener.search_files();
    listener.run(&["requests", "notify", request, "--format", "json"]).expect(3);
    listener.run(&["erase", "--due"]);
    let shown = listener.run_for_the_asker(&["requests", "told", request, "lawyer"]).expect(0);
    assert!(found_in(shown.stdout.as_bytes()).is_some(), "who tells the recipient sees of whom");
    listener.run(&["requests", "told", request, "lawyer", "--as", "support"]).expect(0);
    let why = format!("{CANARY} moved");
    listener.run(&["requests", "told", request, "saas", "--as", "dpo", "--not-possible", &why]).expect(0);
    listener.run(&["requests", "recipients", request, "--format", "json"]).expect(0);
    for sink in &listener.recipients {
        let all: String =
            sink.received().iter().flat_map(|one| [one.head.clone(), one.body.clone()]).collect();
        assert!(found_in(all.as_bytes()).is_some(), "the recipient was told of whom");
    }
}

/// A restored backup brings a person back, who is found by hashes and erased again.
fn returning(listener: &mut Listener, request: &str) {
    let back = format!(
        "INSERT INTO prospects VALUES (9020, ' {}.P20@example.org', 'FR', '2019-01-01 08:00:00');",
        CANARY.to_uppercase()
    );
    listener.project.sql("shop.db", &back);
    let found = listener.run(&["check", "--format", "json"]).stdout;
    assert!(found.contains("erased-person-again"), "{found}");
    listener.run(&["status"]);
    let replay = listener.run(&["replay", "--request", request, "--format", "json"]).expect(0).json();
    let plan = find_text(&replay, "plan_id").unwrap();
    listener.run(&["show", &plan]);
    listener.search_files();
    listener.run(&["approve", &plan, "--as", "dpo"]).expect(0);
    let end = listener.run(&["apply", &plan, "--format", "json"]);
    assert!(matches!(end.code, Some(0 | 3)), "{end:?}");
    assert_eq!(listener.project.sql("shop.db", "SELECT count(*) FROM prospects WHERE id = 9020;"), "0");
    listener.run(&["replay", "--since", "2020-01-01", "--include-new"]).expect(0);
    // Why somebody could not be told is kept, for members of staff.
    listener.run_for_the_asker(&["requests", "show", request]);
}

/// The daemon, once, and what it tells people outside.
fn unattended(listener: &mut Listener) {
    let sink = Sink::answering(&[&answer("200 OK")]);
    let settings = fs::read_to_string(listener.project.path("oubliette.yaml")).unwrap();
    let declared = format!(
        "notification: {{least: info, webhooks: {{ops: {{url: \"http://{}/t0k3n\", secret: \
         whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}}}}}\n",
        sink.address
    );
    listener.project.write("oubliette.yaml", &(settings + &declared));
    listener.run(&["notify", "test"]).expect(0);
    listener.run(&["schedule"]).expect(0);
    listener.run(&["scan"]);
    listener.run(&["daemon", "--once"]);
    let told: String = sink.received().into_iter().flat_map(|one| [one.head, one.body]).collect();
    assert!(told.contains("oubliette.test") && told.contains("oubliette.scanned"), "{told}");
    assert_eq!(found_in(told.as_bytes()), None, "{told}");
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn nothing_that_is_written_holds_a_personal_value() {
    let mut listener = listener();
    listener.run(&["init", "another"]);
    listener.run(&["demo", "demonstration"]);
    let hold = holds(&mut listener);
    reading(&mut listener);
    trouble(&mut listener);
    running(&mut listener);
    requests(&mut listener);
    listener.run(&["hold", "release", &hold]);
    unattended(&mut listener);
    reading(&mut listener);
    listener.search_files();
    listener.search_spans();
    let expected: BTreeSet<String> = command_table().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listener.commands, expected, "every command was run");
    assert!(listener.leaks.is_empty(), "{} leaks:\n{}", listener.leaks.len(), listener.leaks.join("\n"));
}
