//! Approvals that are signed with the real `ssh-keygen`, through the real binary.

use crate::honest::project;
use crate::support::{Project, find_text};
use std::fs;
use std::process::Command;

fn ssh_keygen(project: &Project, arguments: &[&str]) {
    let output = Command::new("ssh-keygen").args(arguments).current_dir(project.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A project in which every approval must be signed, and the DPO has the key `dpo`.
fn signed() -> Project {
    let project = project(
        &[("t", "purge")],
        "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);
         INSERT INTO t VALUES (1, '2010-01-01'), (2, date('now')), (3, date('now')), (4, date('now')),
             (5, date('now')), (6, date('now'));",
    );
    for name in ["dpo", "eve"] {
        ssh_keygen(&project, &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    }
    give_key(&project, "dpo");
    project
}

/// Makes this the DPO's key.
fn give_key(project: &Project, name: &str) {
    let key = fs::read_to_string(project.path(&format!("{name}.pub"))).unwrap();
    let text = fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    // Without what was said of approvals before, which is one line here or three at the end.
    let (before, after) = text.split_once("approvals:").unwrap();
    let rest = after
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with("  require") && !line.starts_with("  approvers"));
    let text = format!("{before}{}", rest.collect::<Vec<_>>().join("\n"));
    let approvals = format!(
        "\napprovals:\n  require_signature: true\n  approvers: [{{name: dpo, key: \"{}\"}}]\n",
        key.trim()
    );
    project.write("oubliette.yaml", &(text + &approvals));
}

/// What is to be signed, signed with this key.
fn sign(project: &Project, what: &[&str], key: &str) {
    let lines = project.run(&[&["approve", "--as", "dpo", "--to-sign"], what].concat()).expect(0).stdout;
    assert!(lines.contains("\ndigest ") && lines.ends_with("\napprover dpo\n"), "{lines}");
    project.write("lines", &lines);
    let _none_yet = fs::remove_file(project.path("lines.sig"));
    ssh_keygen(project, &["-q", "-Y", "sign", "-f", key, "-n", "oubliette-approval", "lines"]);
}

#[test]
fn a_plan_is_carried_out_only_on_a_signature_of_its_approver() {
    let project = signed();
    project.plan();
    let refused = project.run(&["approve", "latest", "--as", "dpo"]).expect(5);
    assert!(
        refused.stderr.contains("not signed") && refused.stderr.contains("--to-sign"),
        "{}",
        refused.stderr
    );
    sign(&project, &["latest"], "eve");
    let refused = project.run(&["approve", "latest", "--as", "dpo", "--signature", "lines.sig"]).expect(5);
    assert!(refused.stderr.contains("not this approver's"), "{}", refused.stderr);

    sign(&project, &["latest"], "dpo");
    project.run(&["approve", "latest", "--as", "dpo", "--signature", "lines.sig"]).expect(0);
    let shown = project.run(&["--format", "json", "show", "latest"]).expect(0).json();
    assert!(shown["approvals"][0]["signature"].as_str().unwrap().contains("BEGIN SSH SIGNATURE"));
    // Looked at again: the key is not the DPO's any more.
    give_key(&project, "eve");
    let refused = project.run(&["apply"]).expect(5);
    assert!(refused.stderr.contains("not this approver's"), "{}", refused.stderr);
    give_key(&project, "dpo");
    let end = project.run(&["--format", "json", "apply"]).expect(0).json();
    let id = find_text(&end, "certificate_id").unwrap();
    let stated = project.run(&["--format", "json", "certificates", "show", &id]).expect(0).stdout;
    assert!(stated.contains("approver-signed"), "{stated}");
}

#[test]
fn a_signature_of_another_plan_is_none() {
    let project = signed();
    project.plan();
    sign(&project, &["latest"], "dpo");
    project.plan();
    let refused = project.run(&["approve", "latest", "--as", "dpo", "--signature", "lines.sig"]).expect(5);
    assert!(refused.stderr.contains("not one of these lines"), "{}", refused.stderr);
}

#[test]
fn a_standing_approval_is_signed_too() {
    let project = signed();
    project.run(&["approve", "--standing", "shop/t", "--as", "dpo"]).expect(5);
    sign(&project, &["--standing", "shop/t"], "dpo");
    project.run(&["approve", "--standing", "shop/t", "--as", "dpo", "--signature", "lines.sig"]).expect(0);
    project.plan();
    let status = || project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status()["plans"][0]["approved"], true);
    give_key(&project, "eve");
    assert_eq!(status()["plans"][0]["approved"], false);
}
