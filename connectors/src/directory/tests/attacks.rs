//! Nothing outside the root is ever touched, whatever the tree looks like or becomes.

use super::*;
use crate::port::RecordSource;
use crate::selection::DoubtReason;
use std::os::unix::ffi::OsStrExt as _;

const OUTSIDE: &str = "secret.txt";

fn place_with_outside() -> Place {
    let place = Place::with_files(&["a/x", "a/y", "b/x"]);
    std::fs::write(place.outside().join(OUTSIDE), "outside").unwrap();
    std::fs::write(place.outside().join("x"), "outside").unwrap();
    place
}

#[track_caller]
fn assert_outside_untouched(place: &Place) {
    for name in [OUTSIDE, "x"] {
        assert_eq!(std::fs::read_to_string(place.outside().join(name)).unwrap(), "outside");
    }
}

#[tokio::test]
async fn links_to_files_and_directories_are_kept_and_reported() {
    let place = place_with_outside();
    link(&place.outside().join(OUTSIDE), &place.path("a/link"));
    link(&place.outside(), &place.path("c"));
    let survey = place.source().survey(&selection("{directory}/{file}")).await.unwrap();
    assert_eq!((survey.total, survey.due), (5, 3));
    assert_eq!(survey.undecidable, [(DoubtReason::NoRegularFile, 2)].into());
    assert_eq!(texts(&survey.undecidable_samples[&DoubtReason::NoRegularFile]), ["a/link", "c"]);
    for disposer in place.disposers() {
        dispose_all(&disposer, &selection("{directory}/{file}")).await;
        assert!(place.has("a/link") && place.has("c") && !place.has("a/x"));
        assert_outside_untouched(&place);
    }
}

#[tokio::test]
async fn a_directory_swapped_for_a_link_after_the_intent_loses_nothing_outside() {
    for position in [0, 1] {
        let place = place_with_outside();
        let [first, second] = place.disposers();
        let disposer = if position == 0 { first } else { second };
        let sink = Sink::doing(|| {
            std::fs::rename(place.path("a"), place.path("moved")).unwrap();
            link(&place.outside(), &place.path("a"));
        });
        let outcome =
            disposer.dispose(&batch(&selection("{directory}/{file}"), None, 10), &sink).await.unwrap();
        assert_eq!(sink.intended(), ["a/x", "a/y", "b/x"]);
        assert_eq!(disposed(&outcome), ["b/x"]);
        let changed = KeptReason::ChangedSincePlan;
        assert_eq!(kept(&outcome), [("a/x".to_owned(), changed), ("a/y".to_owned(), changed)]);
        assert_outside_untouched(&place);
        assert!(place.has("moved/x"));
    }
}

#[tokio::test]
async fn a_file_swapped_for_a_link_or_another_file_after_the_intent_is_kept() {
    let place = place_with_outside();
    let sink = Sink::doing(|| {
        std::fs::remove_file(place.path("a/x")).unwrap();
        link(&place.outside().join(OUTSIDE), &place.path("a/x"));
        std::fs::rename(place.path("b/x"), place.path("a/y")).unwrap();
    });
    let outcome =
        place.disposer().dispose(&batch(&selection("{directory}/{file}"), None, 10), &sink).await.unwrap();
    assert_eq!(disposed(&outcome), Vec::<String>::new());
    assert_eq!(absent(&outcome), ["b/x"]);
    assert_eq!(kept(&outcome).len(), 2);
    assert!(place.has("a/x") && place.has("a/y"));
    assert_outside_untouched(&place);
}

#[tokio::test]
async fn keys_that_lead_out_of_the_root_are_refused() {
    let place = place_with_outside();
    link(&place.outside(), &place.path("c"));
    let absolute = place.outside().join(OUTSIDE);
    let keys = [
        "../outside/secret.txt",
        "a/../x",
        "a//x",
        "c/x",
        "./a",
        absolute.to_str().unwrap(),
        "a/x\0",
        "",
        "..",
    ];
    for disposer in place.disposers() {
        for template in ["{directory}/{file}", "{a}/{b}/{c}", "{file}"] {
            let mut linked = selection(template);
            linked.start = StartCondition::Linked;
            let outcome = disposer.dispose(&named(&linked, &keys), &quiet()).await.unwrap();
            assert_eq!(disposed(&outcome), Vec::<String>::new());
            assert!(kept(&outcome).iter().all(|(_, reason)| *reason == KeptReason::Refused));
            assert_eq!(kept(&outcome).len(), keys.len());
        }
    }
    assert_outside_untouched(&place);
    assert!(place.has("a/x"));
}

#[tokio::test]
async fn what_is_behind_a_link_is_not_called_absent() {
    let place = place_with_outside();
    link(&place.outside(), &place.path("c"));
    let selection = selection("{directory}/{file}");
    let keys = ["c/x", "c/none", "../none", "gone/x", "a/none", "a/x", "b/x/y"].map(RecordKey::text).to_vec();
    let group = crate::batch::DatasetKeys { dataset: "files.all".to_owned(), keys };
    let seen = place.source().observe(&selection, &group).await.unwrap();
    let absent: Vec<bool> = seen.iter().map(|one| one.state == crate::batch::ObservedState::Absent).collect();
    assert_eq!(absent, [false, false, false, true, true, false, true]);
}

#[test]
fn a_root_that_is_a_link_is_missing_or_is_a_file_is_a_clear_error() {
    let place = place_with_outside();
    let link_path = place.base.path().join("link");
    link(&place.root(), &link_path);
    for path in [link_path.clone(), link_path.join(""), link_path.join(".")] {
        let error = DirectorySource::open("files", &path).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }
    let missing = DirectorySource::open("files", &place.base.path().join("none")).unwrap_err();
    assert!(matches!(missing, ConnectorError::Unreachable { .. }), "{missing}");
    let file = DirectorySource::open("files", &place.path("a/x")).unwrap_err();
    assert!(file.to_string().contains("not a directory"), "{file}");
}

#[tokio::test]
async fn the_root_stays_the_directory_that_was_opened() {
    let place = place_with_outside();
    let disposer = place.disposer();
    std::fs::rename(place.root(), place.base.path().join("moved")).unwrap();
    link(&place.outside(), &place.root());
    let outcome = dispose_all(&disposer, &selection("{file}")).await;
    assert_eq!(disposed(&outcome), Vec::<String>::new());
    assert_outside_untouched(&place);
}

#[tokio::test]
async fn a_file_with_a_second_name_is_kept_under_both() {
    let place = Place::with_files(&["a/x", "a/y"]);
    std::fs::hard_link(place.path("a/x"), place.outside().join("twin")).unwrap();
    let selection = selection("{directory}/{file}");
    let survey = place.source().survey(&selection).await.unwrap();
    assert_eq!((survey.due, survey.undecidable), (1, [(DoubtReason::SeveralNames, 1)].into()));
    assert!(place.source().facts(&selection, &RecordKey::text("a/x")).await.is_err());
    let named = place.disposer().dispose(&named(&selection, &["a/x"]), &quiet()).await.unwrap();
    assert_eq!(kept(&named), [("a/x".to_owned(), KeptReason::Refused)]);
    assert_eq!(disposed(&dispose_all(&place.disposer(), &selection).await), ["a/y"]);
    assert!(place.has("a/x"));
}

#[tokio::test]
async fn odd_names_are_removed_by_their_exact_bytes() {
    let long = "n".repeat(255);
    let names = [
        "it's",
        "say \"x\"",
        " lead",
        "line\nbreak",
        "caf\u{e9}",
        "cafe\u{301}",
        "; rm -rf *",
        "-rf",
        "$(id)",
        "*",
        "...",
        "\u{1}\u{7f}",
        "a\\b",
        &long,
    ];
    let place = Place::new();
    for name in names {
        place.file(&format!("d/{name}"));
    }
    place.file("kept/x");
    let outcome = dispose_all(&place.disposer(), &selection("d/{file}")).await;
    assert_eq!(disposed(&outcome).len(), names.len());
    for name in names {
        assert!(!place.has(&format!("d/{name}")), "{name:?}");
    }
    assert!(place.has("kept/x"));
}

#[tokio::test]
async fn special_files_and_names_that_are_not_unicode_are_kept_and_reported() {
    let place = Place::with_files(&["d/x"]);
    let fifo = place.path("d/fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("d/socket")).unwrap();
    let latin1 = place.path("d").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::write(&latin1, "x").unwrap();
    let survey = place.source().survey(&selection("d/{file}")).await.unwrap();
    assert_eq!((survey.total, survey.in_scope, survey.due), (4, 4, 1));
    let doubts = [(DoubtReason::NoRegularFile, 2), (DoubtReason::NameUnreadable, 1)].into();
    assert_eq!(survey.undecidable, doubts);
    assert_eq!(disposed(&dispose_all(&place.disposer(), &selection("d/{file}")).await), ["d/x"]);
    assert!(latin1.exists() && fifo.exists() && place.has("d/socket"));
}

/// Takes the mounts away again, also when the test fails.
struct Mounted(Vec<PathBuf>);

impl Drop for Mounted {
    fn drop(&mut self) {
        for at in &self.0 {
            drop(std::process::Command::new("umount").arg(at).status());
        }
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that is not run is named")]
async fn mount_points_are_kept_and_reported_and_not_crossed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN (needs root): mount_points_are_kept_and_reported_and_not_crossed");
        return;
    }
    let place = place_with_outside();
    std::fs::create_dir(place.path("bound")).unwrap();
    let mounted = Mounted(vec![place.path("b"), place.path("bound")]);
    let mount = |arguments: &[&std::ffi::OsStr]| {
        assert!(std::process::Command::new("mount").args(arguments).status().unwrap().success());
    };
    mount(&["-t".as_ref(), "tmpfs".as_ref(), "tmpfs".as_ref(), place.path("b").as_ref()]);
    mount(&["--bind".as_ref(), place.outside().as_ref(), place.path("bound").as_ref()]);
    place.file("b/on-tmpfs");
    let all = selection("{directory}/{file}");
    let survey = place.source().survey(&all).await.unwrap();
    assert_eq!((survey.due, survey.undecidable), (2, [(DoubtReason::NoRegularFile, 2)].into()));
    let keys = ["b/x", "bound/none"].map(RecordKey::text).to_vec();
    let group = crate::batch::DatasetKeys { dataset: "files.all".to_owned(), keys };
    let seen = place.source().observe(&all, &group).await.unwrap();
    assert!(seen.iter().all(|one| one.state == crate::batch::ObservedState::Present));
    assert_eq!(disposed(&dispose_all(&place.disposer(), &all).await), ["a/x", "a/y"]);
    assert!(place.has("b/on-tmpfs"));
    assert_outside_untouched(&place);
    drop(mounted);
    assert!(place.has("b/x"));
}
