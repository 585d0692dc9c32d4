//! The right to work on runs: one process at a time.
//!
//! Floor 6. One advisory lock (`flock`) on a file beside the ledger, for all its runs, and one for whoever acts
//! on the schedules. The kernel lets go of it when the process ends, however it ends, so a killed run can be
//! resumed at once. Holds and plans do not need it: they are placed and drafted while a run is going.

use super::SqliteStore;
use crate::journal::{JournalError, RunLease};
use crate::ledger::LedgerError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The scope of runs, which every ledger had from its first version on.
const RUNS: &str = "any";

/// Holds the lock as long as it lives. The file itself stays: removing it would let two processes
/// lock two files of the same name.
#[derive(Debug)]
struct FileLease {
    _file: File,
}

impl RunLease for FileLease {
    fn is_held(&self) -> bool {
        true
    }
}

impl SqliteStore {
    pub(in crate::ledger) fn lease(&self, scope: &str) -> Result<Box<dyn RunLease>, JournalError> {
        let file = open_lock(self.lock_path(scope)).map_err(LedgerError::from)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Box::new(FileLease { _file: file })),
            Err(Errno::WOULDBLOCK) => Err(JournalError::Busy { scope: scope.to_owned() }),
            Err(error) => Err(LedgerError::from(io::Error::from(error)).into()),
        }
    }

    /// `<ledger>.lock` for runs; for another scope `<ledger>.<scope>.lock`.
    pub(super) fn lock_path(&self, scope: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        if scope != RUNS {
            name.push(".");
            name.push(scope);
        }
        name.push(".lock");
        name.into()
    }
}

fn open_lock(path: PathBuf) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}
