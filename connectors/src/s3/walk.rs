//! The walk over what is stored under each key, key by key in the order of the listing, and over unfinished
//! uploads after them.
//!
//! Everything under one key comes at once, sorted by the second part of the record key, so that a walk can
//! begin after any record, also one that is gone by now. It reads only, and holds one page and one key, and what it
//! was asked to read ahead.

use super::client::Bucket;
use super::key::{NULL, Named, is_plain_in_xml};
use super::listing::{Entry, Kind, Marker, Range, VersionPage};
use crate::error::ConnectorError;
use crate::value::RecordKey;
use std::collections::VecDeque;

/// Entries asked for when one key is looked at: few keys have more.
const ENTRIES_OF_ONE_KEY: i32 = 200;

/// What is listed next.
#[derive(Debug)]
enum Part {
    Versions {
        prefix: String,
        after: Option<Marker>,
    },
    /// Of this key only.
    OneKey {
        key: String,
    },
    Uploads {
        prefix: String,
    },
}

/// A walk and where it stands.
#[derive(Debug)]
pub(super) struct Walk {
    bucket: Bucket,
    parts: VecDeque<Part>,
    /// Entries of the key that may go on in the next page.
    open: Vec<Entry>,
    ready: VecDeque<Vec<Entry>>,
    /// Records up to this one are left out.
    after: Option<(String, String)>,
    /// The store does not list in the order of keys: what is under one key may have come apart.
    is_disordered: bool,
    /// Pages that were listed.
    pages: u32,
    /// The bucket never kept versions, and its objects are listed.
    lists_objects: bool,
}

impl Walk {
    /// `prefixes` are sorted and none begins another. Unfinished uploads are looked for below `uploads`: a
    /// listing of versions names no directory that holds nothing else.
    pub(super) fn start(
        bucket: &Bucket,
        prefixes: &[String],
        uploads: Option<&str>,
        after: Option<&RecordKey>,
    ) -> Result<Self, ConnectorError> {
        let after = match after.map(Named::of) {
            None => None,
            Some(Some(Named::Version { key, part })) => Some((key.to_owned(), part.to_owned())),
            Some(_) => return Err(bucket.unusable("the cursor of a walk is no key of a record")),
        };
        let among_uploads = after.as_ref().is_some_and(|(_, part)| part.starts_with(super::key::UPLOAD));
        let mut parts = VecDeque::new();
        for prefix in prefixes.iter().filter(|_| !among_uploads) {
            let whole = |after| Part::Versions { prefix: prefix.clone(), after };
            match &after {
                Some((key, _)) if key.starts_with(prefix.as_str()) => {
                    parts.push_back(Part::OneKey { key: key.clone() });
                    parts.push_back(whole(Some((key.clone(), None))));
                }
                Some((key, _)) if prefix < key => {}
                _ => parts.push_back(whole(None)),
            }
        }
        parts.extend(uploads.map(|prefix| Part::Uploads { prefix: prefix.to_owned() }));
        let (open, ready) = (Vec::new(), VecDeque::new());
        Ok(Self {
            bucket: bucket.clone(),
            parts,
            open,
            ready,
            after,
            is_disordered: false,
            pages: 0,
            lists_objects: false,
        })
    }

    /// The same over the objects of a bucket that never kept versions.
    pub(super) fn over_objects(self) -> Self {
        Self { lists_objects: true, ..self }
    }

    /// Whether the store was seen to list in another order than that of keys.
    pub(super) fn is_disordered(&self) -> bool {
        self.is_disordered
    }

    /// Pages that were listed so far.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Goes on as a walk that begins after this record, which it came past. `left` is what is under its key, if
    /// that is not dealt with to its end.
    pub(super) fn go_on_after(&mut self, last: &Entry, left: Option<Vec<Entry>>) {
        self.after = Some((last.key.clone(), last.part.clone()));
        if let Some(left) = left {
            self.ready.push_front(left);
        }
        self.pages = 0;
    }

    /// Whether nothing that is listed and not yet walked over can be replaced by a write: each version has an id of
    /// its own.
    pub(super) fn is_settled(&self) -> bool {
        let waiting = self.ready.iter().flatten().chain(&self.open);
        !self.is_disordered && waiting.into_iter().all(|entry| entry.id != NULL)
    }

    /// Lists pages until so many keys are ready, at most `pages_max`.
    pub(super) async fn read_ahead(&mut self, keys: usize, pages_max: u32) -> Result<(), ConnectorError> {
        for _ in 0..pages_max {
            let lists_versions = matches!(self.parts.front(), Some(Part::Versions { .. }));
            if self.ready.len() >= keys || !lists_versions || !self.list().await? {
                break;
            }
        }
        Ok(())
    }

    /// Everything under the next key; of the key of the cursor only what comes after it.
    pub(super) async fn advance(&mut self) -> Result<Option<Group>, ConnectorError> {
        loop {
            while let Some(entries) = self.ready.pop_front() {
                let mut group = Group::of(entries, self.after.as_ref());
                if group.entries.len() == group.skipped {
                    continue;
                }
                let has_marker = group.entries.iter().any(|entry| entry.kind == Kind::Marker);
                if has_marker && (self.is_disordered || group.hides_nothing()) {
                    // Much stands on there being nothing else.
                    let key = group.key().to_owned();
                    group = Group::of(versions_of(&self.bucket, &key).await?, self.after.as_ref());
                }
                if group.entries.len() > group.skipped {
                    return Ok(Some(group));
                }
            }
            if !self.list().await? {
                return Ok(None);
            }
        }
    }

    /// Lists one page; false when there is nothing left at all.
    async fn list(&mut self) -> Result<bool, ConnectorError> {
        self.pages += 1;
        match self.parts.pop_front() {
            None => {
                let last = std::mem::take(&mut self.open);
                let is_more = !last.is_empty();
                self.ready.extend(is_more.then_some(last));
                return Ok(is_more);
            }
            Some(Part::OneKey { key }) => {
                let own = versions_of(&self.bucket, &key).await?;
                self.ready.extend((!own.is_empty()).then_some(own));
            }
            Some(Part::Versions { prefix, after }) => {
                let mut page = self.page(&prefix, after).await?;
                // Listed by itself before: to begin after a key means on Ceph to begin with its versions.
                let cursor = self.after.as_ref().map(|(key, _)| key.as_str());
                page.entries.retain(|entry| Some(entry.key.as_str()) != cursor);
                self.take(page.entries);
                if page.next.is_some() {
                    self.parts.push_front(Part::Versions { prefix, after: page.next });
                }
            }
            Some(Part::Uploads { prefix }) => {
                let last = std::mem::take(&mut self.open);
                self.ready.extend((!last.is_empty()).then_some(last));
                let cursor = self.after.as_ref().filter(|(_, part)| part.starts_with(super::key::UPLOAD));
                let is_ahead =
                    |entry: &Entry| cursor.is_none_or(|(key, part)| (&entry.key, &entry.part) > (key, part));
                for upload in self.bucket.uploads(&prefix).await?.into_iter().filter(is_ahead) {
                    match self.ready.back_mut() {
                        Some(group) if is_together(group, &upload) => group.push(upload),
                        _ => self.ready.push_back(vec![upload]),
                    }
                }
            }
        }
        Ok(true)
    }

    /// One page of the prefix. Keys that XML does not carry some stores tell otherwise in a listing of objects than in
    /// one of versions, by which everything is counted: with the first of them a walk goes on by versions.
    async fn page(&mut self, prefix: &str, after: Option<Marker>) -> Result<VersionPage, ConnectorError> {
        let range = Range { prefix, by_directory: false, entries_max: 0, after: after.as_ref() };
        if self.lists_objects {
            let page = self.bucket.current(range).await?;
            if page.entries.iter().all(|entry| is_plain_in_xml(&entry.key)) {
                return Ok(page);
            }
            self.lists_objects = false;
            let after = after.as_ref().map(|(key, _)| (key.clone(), None));
            return self.bucket.versions(Range { after: after.as_ref(), ..range }).await;
        }
        self.bucket.versions(range).await
    }

    /// Puts a page, whose versions and markers came in two lists, into the groups of its keys.
    fn take(&mut self, mut entries: Vec<Entry>) {
        let before = self.open.first().map(|entry| entry.key.clone());
        let is_sorted =
            |kind| entries.iter().filter(|entry| entry.kind == kind).is_sorted_by_key(|entry| &entry.key);
        let mut disordered = !is_sorted(Kind::Version) || !is_sorted(Kind::Marker);
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        disordered |= before.zip(entries.first()).is_some_and(|(before, first)| before > first.key);
        self.is_disordered |= disordered;
        for entry in entries {
            if self.open.first().is_some_and(|open| open.key != entry.key) {
                let done = std::mem::take(&mut self.open);
                self.ready.push_back(done);
            }
            self.open.push(entry);
        }
    }
}

fn is_together(group: &[Entry], upload: &Entry) -> bool {
    group.first().is_some_and(|first| first.kind == Kind::Upload && first.key == upload.key)
}

/// Everything under one key, or the unfinished uploads under it.
#[derive(Debug)]
pub(super) struct Group {
    /// Sorted by the second part of the record key.
    pub(super) entries: Vec<Entry>,
    /// So many of them, from the beginning, are not after the cursor: they are here because a marker is
    /// judged by what it hides.
    pub(super) skipped: usize,
}

impl Group {
    pub(super) fn of(mut entries: Vec<Entry>, after: Option<&(String, String)>) -> Self {
        entries.sort_by(|one, other| one.part.cmp(&other.part));
        // A version that was listed twice, because something went between two pages, is one.
        entries.dedup_by(|one, other| one.part == other.part);
        let is_before =
            |entry: &Entry| after.is_some_and(|(key, part)| entry.key == *key && entry.part <= *part);
        let skipped = entries.iter().take_while(|entry| is_before(entry)).count();
        Self { entries, skipped }
    }

    pub(super) fn key(&self) -> &str {
        self.entries.first().map_or("", |entry| entry.key.as_str())
    }

    /// No version is left under the key.
    pub(super) fn hides_nothing(&self) -> bool {
        !self.entries.iter().any(|entry| entry.kind == Kind::Version)
    }
}

/// Every version and marker of one key, found by equality.
pub(super) async fn versions_of(bucket: &Bucket, key: &str) -> Result<Vec<Entry>, ConnectorError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let range = Range {
            prefix: key,
            after: after.as_ref(),
            by_directory: false,
            entries_max: ENTRIES_OF_ONE_KEY,
        };
        let page = bucket.versions(range).await?;
        let listed = page.entries.len();
        let own: Vec<Entry> = page.entries.into_iter().filter(|entry| entry.key == key).collect();
        // What only begins with the key comes after it.
        let is_over = own.len() < listed;
        found.extend(own);
        match page.next {
            Some(next) if !is_over => after = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Everything under one key, unfinished uploads included.
pub(super) async fn of_key(bucket: &Bucket, key: &str) -> Result<Group, ConnectorError> {
    let mut found = versions_of(bucket, key).await?;
    found.extend(bucket.uploads(key).await?.into_iter().filter(|entry| entry.key == key));
    Ok(Group::of(found, None))
}
