//! Harm: every change of a published archive is detected.

use super::*;
use crate::archive::verify::Severity;

/// One way to harm an archive: what it is called, and what it does.
type Harm<'a> = (&'static str, Box<dyn Fn(&mut Memory) + 'a>);

const PARTS: [&str; 3] = ["certificate.dsse.json", "certificate.tlog-proof", "certificate.html"];

fn folder(files: &Memory, position: usize) -> String {
    files.path(PARTS[0], position).trim_end_matches(PARTS[0]).to_owned()
}

fn remove_certificate(files: &mut Memory) {
    let folder = folder(files, 0);
    files.0.retain(|path, _| !path.starts_with(&folder));
}

fn swap_certificates(files: &mut Memory) {
    let (one, two) = (folder(files, 0), folder(files, 1));
    for part in PARTS {
        let (one, two) = (format!("{one}{part}"), format!("{two}{part}"));
        let (first, second) = (files.0[&one].clone(), files.0[&two].clone());
        files.0.insert(one, second);
        files.0.insert(two, first);
    }
}

fn duplicate_certificate(files: &mut Memory) {
    let folder = folder(files, 0);
    for part in PARTS {
        let bytes = files.0[&format!("{folder}{part}")].clone();
        files.0.insert(format!("{}{part}", folder.replace("/05/", "/06/")), bytes);
    }
}

/// A certificate signed with the right key after the fact, complete with its view.
fn add_certificate(script: &Script, files: &mut Memory) {
    let envelope = statement(7, evidence(vec![target(1)])).sign(&[&script.keys.certificate]);
    let envelope = envelope.and_then(|envelope| envelope.to_bytes()).expect("signed");
    let trust_root = TrustRoot::parse(&script.keys.trust_root).expect("a trust root");
    let view = render(&trust_root.verify(&envelope).expect("it holds")).into_bytes();
    let (model, folder) = (folder(files, 0), folder(files, 0).replace("5c01", "5c07"));
    let proof = files.0[&format!("{model}{}", PARTS[1])].clone();
    for (part, bytes) in PARTS.into_iter().zip([envelope, proof, view]) {
        files.0.insert(format!("{folder}{part}"), bytes);
    }
}

fn put_back_checkpoint(files: &mut Memory) {
    let older = files.0["checkpoints/4.note"].clone();
    files.0.insert("checkpoint".to_owned(), older);
}

fn truncate_log(files: &mut Memory) {
    let older = files.0["checkpoints/3.note"].clone();
    files.0.insert("checkpoint".to_owned(), older);
    for size in 4..=6 {
        let note = format!("checkpoints/{size}.note");
        files.0.retain(|path, _| !path.ends_with(&format!(".p/{size}")) && *path != note);
    }
}

fn reorder_entries(files: &mut Memory) {
    let tile = files.0.get_mut("tile/entries/000.p/6").expect("there");
    let first = 2 + usize::from(u16::from_be_bytes([tile[0], tile[1]]));
    tile.rotate_left(first);
}

/// Puts the other archive's files in place of those whose path begins so.
fn transplant(files: &mut Memory, other: &Memory, beginnings: &[&str]) {
    let concerned = |path: &str| beginnings.iter().any(|beginning| path.starts_with(beginning));
    files.0.retain(|path, _| !concerned(path));
    let taken = other.0.iter().filter(|(path, _)| concerned(path));
    files.0.extend(taken.map(|(path, bytes)| (path.clone(), bytes.clone())));
}

fn structural_harms<'a>(script: &'a Script, other: &'a Memory) -> Vec<Harm<'a>> {
    vec![
        ("remove a certificate", Box::new(remove_certificate)),
        ("swap two certificates", Box::new(swap_certificates)),
        ("duplicate a certificate", Box::new(duplicate_certificate)),
        ("add a certificate", Box::new(|files| add_certificate(script, files))),
        ("put back an older checkpoint", Box::new(put_back_checkpoint)),
        ("truncate the entries", Box::new(|files| drop(files.0.remove("tile/entries/000.p/6")))),
        ("truncate the log with its notes", Box::new(truncate_log)),
        ("reorder the entries", Box::new(reorder_entries)),
        ("another log", Box::new(|files| transplant(files, other, &["tile", "checkpoint"]))),
        ("another key file", Box::new(|files| transplant(files, other, &["keys/"]))),
        ("other certificates", Box::new(|files| transplant(files, other, &["certificates/"]))),
        ("another archive", Box::new(|files| files.clone_from(other))),
        ("add a file", Box::new(|files| drop(files.0.insert("certificates/x.txt".to_owned(), vec![])))),
        (
            "add a policy nobody names",
            Box::new(|files| {
                files.0.insert(format!("policies/{}.yaml", Digest32::of(b"")), vec![]);
            }),
        ),
    ]
}

fn harms_to_each_file(archive: &Memory) -> Vec<Harm<'_>> {
    let paths = archive.0.keys().filter(|path| *path != ".lock");
    let on_each = paths.flat_map(|path| -> [Harm<'_>; 3] {
        [
            ("remove a file", Box::new(move |files| drop(files.0.remove(path)))),
            ("append a byte", Box::new(move |files| files.0.get_mut(path).expect("there").push(b'\n'))),
            ("empty a file", Box::new(move |files| files.0.get_mut(path).expect("there").clear())),
        ]
    });
    on_each.collect()
}

/// Older partial tiles may be absent (tlog-tiles lets them be pruned): their removal is no harm.
fn is_prunable(path: &str) -> bool {
    path.contains(".p/") && !path.ends_with(".p/6")
}

#[test]
fn a_removed_reordered_added_or_swapped_file_is_detected() {
    let script = Script::new();
    let archive = script.done();
    let mut other = Script::new();
    other.keys = Keys::new(99);
    let other = other.done();
    let (mut tried, mut missed) = (0, Vec::new());
    for (name, harm) in structural_harms(&script, &other).into_iter().chain(harms_to_each_file(&archive)) {
        let mut harmed = archive.clone();
        harm(&mut harmed);
        let gone: Vec<_> = archive.0.keys().filter(|path| !harmed.0.contains_key(*path)).collect();
        let only_pruned =
            harmed.0.len() + gone.len() == archive.0.len() && gone.iter().all(|path| is_prunable(path));
        if harmed == archive || (only_pruned && name == "remove a file") {
            continue;
        }
        tried += 1;
        if script.verify(&harmed).findings.is_empty() {
            missed.push(name);
        }
    }
    println!("structural harm: tried {tried}, detected {}", tried - missed.len());
    assert_eq!(missed, Vec::<&str>::new());
    assert!(tried > 60, "{tried}");
}

#[test]
fn an_archive_put_back_to_an_earlier_state_is_detected_with_a_kept_checkpoint() {
    let script = Script::new();
    let mut archive = script.open(None).expect("opened");
    script.certificate(&mut archive, 1).expect("published");
    let earlier = Memory::of(&script.root());
    script.certificate(&mut archive, 2).expect("published");
    let kept = archive.checkpoint().to_owned();
    drop(archive);
    assert!(script.verify(&earlier).holds(), "alone it cannot be noticed");
    let report = script.verify_with(&earlier, Some(kept.as_bytes()), 0);
    assert_eq!(report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["log_shrunk"]);
    assert!(!script.verify_with(&earlier, None, 3).holds());
    let later = Memory::of(&script.root());
    let older_note = earlier.0["checkpoint"].as_slice();
    assert_eq!(script.verify_with(&later, Some(older_note), 4).findings, []);
    let mut other = Script::new();
    other.keys = Keys::new(99);
    assert!(!script.verify_with(&later, Some(&other.done().0["checkpoint"]), 0).holds());
}

/// Of how many bytes one is changed; 1 changes each of them, which takes minutes.
const STRIDE: usize = 4;
const STRIDE_VARIABLE: &str = "OUBLIETTE_TEST_BYTE_STRIDE";

#[test]
fn a_single_byte_changed_in_any_file_is_detected() {
    let script = Script::new();
    let archive = script.done();
    let stride = std::env::vars().find(|(name, _)| name == STRIDE_VARIABLE);
    let stride = stride.map_or(STRIDE, |(_, text)| text.parse().unwrap());
    let changes: Vec<(&String, usize)> = archive
        .0
        .iter()
        .flat_map(|(path, bytes)| (0..bytes.len()).map(move |position| (path, position)))
        .step_by(stride)
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let missed: Vec<(&String, usize)> = std::thread::scope(|scope| {
        let workers: Vec<_> = changes
            .chunks(changes.len().div_ceil(threads))
            .map(|share| scope.spawn(|| undetected(&script, &archive, share)))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    println!(
        "single-byte changes: tried {} over {} files, detected {}",
        changes.len(),
        archive.0.len(),
        changes.len() - missed.len()
    );
    assert_eq!(missed, []);
    assert!(changes.len() * stride > 20_000, "{}", changes.len());
}

fn undetected<'a>(
    script: &Script,
    archive: &Memory,
    changes: &[(&'a String, usize)],
) -> Vec<(&'a String, usize)> {
    let mut harmed = archive.clone();
    let mut missed = Vec::new();
    for (path, position) in changes {
        let flip = |harmed: &mut Memory| {
            let bytes = harmed.0.get_mut(*path).expect("there");
            bytes[*position] ^= 1 << (position % 8);
        };
        flip(&mut harmed);
        let report = script.verify(&harmed);
        if report.findings.iter().all(|finding| finding.severity < Severity::Error) {
            missed.push((*path, *position));
        }
        flip(&mut harmed);
    }
    missed
}
