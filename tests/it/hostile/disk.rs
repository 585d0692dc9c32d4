//! A disk that is full while a plan is applied: a clear error, and a state from which `--resume` goes
//! on once there is room. A small file system in memory is mounted for it, which needs root.

use crate::scenario;
use crate::support::Project;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system, unmounted in the end.
struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts over the directory and moves what was in it onto the small disk.
    fn mount(place: &Path, size_kib: u32) -> Option<Self> {
        let aside = place.with_extension("aside");
        fs::rename(place, &aside).unwrap();
        fs::create_dir(place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size_kib}k"), "tmpfs"])
            .arg(place)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let disk = Self { place: place.to_path_buf() };
        let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(place).status().unwrap();
        assert!(copied.success());
        fs::remove_dir_all(aside).unwrap();
        Some(disk)
    }

    /// Fills the disk but for so many bytes.
    fn fill(&self, free_bytes: u64) {
        let path = self.place.join("filler");
        let mut filler = File::create(&path).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let size = filler.metadata().unwrap().len();
        filler.set_len(size.saturating_sub(free_bytes)).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.place.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone_with_the_machine_at_the_latest = Command::new("umount").arg(&self.place).status();
    }
}

fn apply(project: &Project, arguments: &[&str]) -> crate::support::Answer {
    let output = project.command(arguments).env("OUBLIETTE_BATCH_RECORDS", "20").output().unwrap();
    crate::support::Answer::of(&output)
}

/// Applies with only so much room in the directory, then with enough; true if there was too little.
fn try_with(directory: &str, free_kib: u64, settings: &str) -> Option<bool> {
    let template = scenario::small();
    fs::create_dir(template.path("db")).unwrap();
    for file in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        let _not_all_there = fs::rename(template.path(file), template.path("db").join(file));
    }
    template.write("oubliette.yaml", settings);
    let undisturbed = template.copy();
    undisturbed.approved();
    apply(&undisturbed, &["apply"]).expect(0);
    let project = template;
    let disk = SmallDisk::mount(&project.path(directory), 4_096)?;
    project.approved();
    disk.fill(free_kib * 1024);
    let first = apply(&project, &["apply"]);
    assert!(!first.stderr.contains("panicked"), "{}", first.stderr);
    let was_full = first.code != Some(0);
    if was_full {
        assert!(
            ["full", "space", "no room"].iter().any(|word| first.stderr.contains(word)),
            "not clear: {}",
            first.stderr
        );
    }
    if was_full && first.stderr.contains("--resume") {
        // Also without room the project can be looked at, or what keeps it from that is said.
        for arguments in [&["status"][..], &["plan"]] {
            let looked = project.run(arguments);
            let asks = looked.stderr.contains("--resume");
            assert!(looked.code == Some(0) || !asks, "{arguments:?}: {}", looked.stderr);
        }
    }
    disk.free();
    if was_full {
        // The hint is the way on: there is a run to be gone on with if and only if it says so.
        let resumed = apply(&project, &["apply", "--resume"]);
        if resumed.stderr.contains("no run was interrupted") {
            assert!(!first.stderr.contains("--resume"), "{}", first.stderr);
            apply(&project, &["apply"]).expect(0);
        } else {
            assert!(first.stderr.contains("--resume"), "{}", first.stderr);
            resumed.expect(0);
        }
    }
    let state = |project: &Project| {
        let files = crate::support::files(&project.path("files"));
        project.sql("db/shop.db", ".dump") + &files.join("\n")
    };
    assert_eq!(
        state(&project),
        state(&undisturbed),
        "{directory} with {free_kib} KiB: the end states differ"
    );
    let root = project.path("trust-root.json");
    let archive = project.path("certificates");
    project.run(&["verify", archive.to_str().unwrap(), "--trust-root", root.to_str().unwrap()]).expect(0);
    Some(was_full)
}

#[track_caller]
fn check(directory: &str, free_kib: &[u64]) {
    let settings = scenario::SETTINGS
        .replace("reader: shop.db, writer: shop.db", "reader: db/shop.db, writer: db/shop.db");
    let mut full = 0;
    for free in free_kib {
        let Some(was_full) = try_with(directory, *free, &settings) else {
            assert!(std::env::var("CI").is_err(), "mounting a small disk needs root");
            let _nobody_reads = writeln!(std::io::stderr(), "skipped: mounting a small disk needs root");
            return;
        };
        full += u32::from(was_full);
    }
    assert!(full > 0, "the disk was never full");
}

#[test]
fn a_full_disk_under_the_ledger_can_be_gone_on_from() {
    check("state", &[0, 24, 64, 160]);
}

#[test]
fn a_full_disk_under_the_database_can_be_gone_on_from() {
    check("db", &[0, 16, 48]);
}

#[test]
fn a_full_disk_under_the_archive_can_be_gone_on_from() {
    check("certificates", &[0, 16, 36, 52]);
}
