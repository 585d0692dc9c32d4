//! The unlinking itself: look once more, unlink, and make it durable.

use super::due::DueFile;
use super::durability::Unsynced;
use super::key;
use super::parent::Parent;
use super::root::{Opened, Root, look, system_error};
use crate::batch::{DatasetOutcome, KeptKey, KeptReason};
use crate::error::ConnectorError;
use crate::failpoint;
use crate::value::RecordKey;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

/// The removal of one batch.
#[derive(Debug)]
pub(super) struct Removal<'a> {
    root: &'a Root,
    outcome: DatasetOutcome,
    unsynced: Unsynced,
}

/// What became of one file.
enum Fate {
    Disposed,
    AlreadyAbsent,
    Kept(KeptReason),
}

impl<'a> Removal<'a> {
    /// `outcome` holds what is already known of the batch.
    pub(super) fn new(root: &'a Root, outcome: DatasetOutcome) -> Self {
        Self { root, outcome, unsynced: Unsynced::default() }
    }

    /// Removes those of the files that are as they were judged. An error leaves the batch in doubt:
    /// some may be gone, and looking will tell.
    pub(super) fn remove(mut self, files: Vec<DueFile>) -> Result<DatasetOutcome, ConnectorError> {
        let mut parent = Parent::default();
        for file in files {
            let fate = self.remove_one(&mut parent, &file)?;
            failpoint::hit("after-unlink");
            let key = RecordKey::text(file.key);
            match fate {
                Fate::Disposed => self.outcome.disposed.push(key),
                Fate::AlreadyAbsent => self.outcome.already_absent.push(key),
                Fate::Kept(reason) => self.outcome.kept.push(KeptKey { key, reason }),
            }
        }
        failpoint::hit("before-sync");
        self.unsynced
            .sync(self.root)
            .map_err(|errno| system_error(self.root.store(), "syncing after a removal", errno))?;
        Ok(self.outcome)
    }

    fn remove_one(&mut self, parent: &mut Parent, file: &DueFile) -> Result<Fate, ConnectorError> {
        let (path, name) = key::split(&file.key);
        let directory = match parent.open(self.root, path) {
            Ok(Opened::Directory(directory)) => directory.as_fd(),
            Ok(Opened::Absent) => return Ok(Fate::AlreadyAbsent),
            Ok(Opened::Foreign) => return Ok(Fate::Kept(KeptReason::ChangedSincePlan)),
            Err(errno) => return refusal(self.root, errno).map(Fate::Kept),
        };
        match look(directory, name.as_bytes()) {
            Ok(None) => return Ok(Fate::AlreadyAbsent),
            Ok(Some(status)) if status == file.status => {}
            Ok(Some(_)) => return Ok(Fate::Kept(KeptReason::ChangedSincePlan)),
            Err(errno) => return refusal(self.root, errno).map(Fate::Kept),
        }
        // Noted first: if it cannot be made durable afterwards, it must not be removed.
        if let Err(errno) = self.unsynced.note(path, directory) {
            return refusal(self.root, errno).map(Fate::Kept);
        }
        match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) => Ok(Fate::Disposed),
            Err(Errno::NOENT) => Ok(Fate::AlreadyAbsent),
            Err(errno) => fate_of_failed_unlink(self.root, errno),
        }
    }
}

/// With some answers the file is certainly still there. After any other, such as an I/O error or a
/// lost connection to a file server, it may be gone: the batch ends in doubt and looking will tell.
fn fate_of_failed_unlink(root: &Root, errno: Errno) -> Result<Fate, ConnectorError> {
    match errno {
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::BUSY | Errno::TXTBSY | Errno::ISDIR => {
            Ok(Fate::Kept(KeptReason::Refused))
        }
        errno => Err(system_error(root.store(), "removing a file", errno)),
    }
}

/// Why a file that could not even be looked at is kept. Lack of room or of descriptors is no matter
/// of one file and stops the batch.
pub(super) fn refusal(root: &Root, errno: Errno) -> Result<KeptReason, ConnectorError> {
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            Err(system_error(root.store(), "looking at a file", errno))
        }
        _ => Ok(KeptReason::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(errno: Errno, certainly_there: bool) {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open("files", place.path()).unwrap();
        let fate = fate_of_failed_unlink(&root, errno);
        assert_eq!(matches!(fate, Ok(Fate::Kept(KeptReason::Refused))), certainly_there, "{errno}");
        assert_eq!(fate.is_err(), !certainly_there, "{errno}");
    }

    #[test]
    fn only_an_answer_that_leaves_no_doubt_keeps_the_file_and_goes_on() {
        for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS, Errno::BUSY, Errno::TXTBSY, Errno::ISDIR] {
            check(errno, true);
        }
        for errno in [Errno::IO, Errno::STALE, Errno::TIMEDOUT, Errno::NOSPC, Errno::DQUOT, Errno::INTR] {
            check(errno, false);
        }
    }

    #[test]
    fn a_full_file_system_is_told_as_such() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open("files", place.path()).unwrap();
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            assert!(matches!(fate_of_failed_unlink(&root, errno), Err(ConnectorError::Full { .. })));
        }
    }
}
