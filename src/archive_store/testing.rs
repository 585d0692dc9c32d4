//! A small history to publish, and a copy of an archive in memory, for the tests of both places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tokio::runtime::Runtime;

use super::DirectoryFiles;
use crate::archive::verify::{TrustAnchor, VerifyOptions, VerifyReport, verify};
use crate::archive::{
    ArchiveError, ArchiveFiles, CertificateArchive, ListedFile, Past, Publication, Published,
};
use crate::certificate::TrustRoot;
use crate::certificate::tests::{Keys, record_set, statement};
use crate::digest::Digest32;
use crate::evidence::Exception;
use crate::evidence::tests::{code, evidence, target};
use crate::views::certificate_html::render;

pub(super) const POLICY: &[u8] = b"policy: customers-fr\n";

/// Three plans: two end in a certificate, one is abandoned.
pub(super) struct Script {
    pub(super) keys: Keys,
    pub(super) work: tempfile::TempDir,
}

/// One for all tests: connections are kept by the runtime in which they were made.
pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Waits for the end.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// A directory in memory where there is one: hundreds of runs, each with some hundred syncs.
pub(super) fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

impl Script {
    pub(super) fn new() -> Self {
        Self { keys: Keys::new(0), work: memory_directory() }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.work.path().join("archive")
    }

    pub(super) fn commitments(&self) -> PathBuf {
        self.work.path().join("record-commitments.bin")
    }

    /// Publishes everything from wherever an earlier attempt stopped.
    pub(super) fn run(&self, archive: &mut dyn CertificateArchive) -> Result<(), ArchiveError> {
        for number in 1..=2 {
            self.certificate(archive, number)?;
        }
        let plan = b"{\"plan\":9}";
        wait(archive.publish_intent(Digest32::of(plan), plan))?;
        wait(archive.publish_abandonment(Digest32::of(plan)))?;
        Ok(())
    }

    pub(super) fn certificate(
        &self,
        archive: &mut dyn CertificateArchive,
        number: u8,
    ) -> Result<Published, ArchiveError> {
        let plan = format!("{{\"plan\":{number}}}");
        let plan_digest = Digest32::of(plan.as_bytes());
        let intent_log_index = wait(archive.publish_intent(plan_digest, plan.as_bytes()))?;
        let mut value = evidence(vec![target(u64::from(number) + 4)]);
        value.plan_digest = plan_digest;
        value.intent_log_index = intent_log_index;
        value.record_set = record_set(&self.commitments(), u64::from(number) + 4);
        if number == 2 {
            value.targets[0].counts.matched += 1;
            value.targets[0].counts.excepted = 1;
            value.targets[0].verification.as_mut().expect("read back").remaining = 1;
            value.targets[0].exceptions = vec![Exception::new(code("legal_hold"), 1)];
        }
        let statement = statement(number, value);
        let envelope = statement.sign(&[&self.keys.certificate])?.to_bytes()?;
        let trust_root = TrustRoot::parse(&self.keys.trust_root)?;
        let html = render(&trust_root.verify(&envelope)?);
        wait(archive.publish(&Publication { envelope: &envelope, html: &html, policies: &[POLICY] }))
    }

    pub(super) fn verify(&self, files: &dyn ArchiveFiles) -> VerifyReport {
        self.verify_with(files, None, 0)
    }

    pub(super) fn verify_with(
        &self,
        files: &dyn ArchiveFiles,
        kept: Option<&[u8]>,
        entries_min: u64,
    ) -> VerifyReport {
        let anchor = TrustAnchor::File(&self.keys.trust_root);
        let options = VerifyOptions { anchor, kept_checkpoint: kept, entries_min };
        verify(files, &options, &render)
    }
}

/// A copy of an archive in memory, to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Memory(pub(super) BTreeMap<String, Vec<u8>>);

impl Memory {
    pub(super) fn of(root: &Path) -> Self {
        Self::copy(&DirectoryFiles::new(root))
    }

    /// Everything that can be read.
    pub(super) fn copy(files: &dyn ArchiveFiles) -> Self {
        let listed = files.list(10_000).expect("listed").into_iter().filter(|file| !file.past.is_gone);
        let read = |path: &str| files.read(path, 1 << 24).expect("read").expect("there");
        Self(listed.map(|file| (file.path.clone(), read(&file.path))).collect())
    }

    pub(super) fn path(&self, end: &str, position: usize) -> String {
        self.0.keys().filter(|path| path.ends_with(end)).nth(position).expect("there").clone()
    }
}

impl ArchiveFiles for Memory {
    fn list(&self, _: usize) -> Result<Vec<ListedFile>, ArchiveError> {
        let listed = |(path, bytes): (&String, &Vec<u8>)| ListedFile {
            path: path.clone(),
            is_plain: true,
            size_bytes: bytes.len() as u64,
            past: Past::default(),
        };
        Ok(self.0.iter().map(listed).collect())
    }

    fn read(&self, path: &str, _: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.0.get(path).cloned())
    }
}
