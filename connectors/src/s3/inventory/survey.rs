//! Counts where each version of a dataset falls, by an inventory instead of a listing.

use super::columns::{Columns, Needs};
use super::fetch::{Fault, Parts, Reading, newest};
use super::manifest::{File, Format, Manifest};
use super::{Broken, InventoryOptions, csv, parquet};
use crate::error::ConnectorError;
use crate::objects::{absorb, count};
use crate::s3::attributes::fields_of;
use crate::s3::client::Bucket;
use crate::s3::judge::Judge;
use crate::s3::key::record_key;
use crate::s3::listing::{Entry, Kind};
use crate::s3::walk::{Group, Walk, versions_of};
use crate::s3::{ETAG, SIZE, STORAGE_CLASS, template_of};
use crate::selection::{InventoryNote, Selection, Survey};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// Lines that are handed over at once.
const LINES: usize = 1_000;
/// Pieces whose locks and tags are looked up at once.
const PIECES_AT_ONCE: usize = 16;
/// Versions of one key that are judged together.
const PIECE_MAX: usize = 5_000;

pub(in crate::s3) async fn survey(
    bucket: &Bucket,
    options: &InventoryOptions,
    selection: &Selection,
) -> Result<(Survey, InventoryNote), ConnectorError> {
    crate::s3::refuse_linked(selection)?;
    let lists = bucket.beside(&options.bucket);
    let (manifest, age) = newest(bucket, &lists, options).await?;
    let judge = Judge::new(bucket, selection).await?;
    let made_at = manifest.created_at;
    let age_seconds = u64::try_from(age.num_seconds()).unwrap_or(0);
    let note = InventoryNote { made_at, age_seconds, listed: 0, newer: 0 };
    let mut counting = Counting {
        bucket,
        judge: &judge,
        survey: Survey::default(),
        note,
        ready: Vec::new(),
        open: Vec::new(),
    };
    let needs = needs_of(selection);
    for file in &manifest.files {
        counting.file(&lists, &manifest, file, needs).await?;
    }
    counting.close();
    counting.judge_ready().await?;
    counting.uploads(template_of(&selection.address)?.literal_prefix()).await?;
    Ok((counting.survey, counting.note))
}

fn needs_of(selection: &Selection) -> Needs {
    let fields = fields_of(selection);
    Needs { size: fields.contains(SIZE), etag: fields.contains(ETAG), class: fields.contains(STORAGE_CLASS) }
}

struct Counting<'a> {
    bucket: &'a Bucket,
    judge: &'a Judge<'a>,
    survey: Survey,
    note: InventoryNote,
    /// Versions and markers of one key each.
    ready: Vec<Vec<Entry>>,
    /// Those of the key whose lines are coming.
    open: Vec<Entry>,
}

impl Counting<'_> {
    async fn file(
        &mut self,
        lists: &Bucket,
        manifest: &Manifest,
        file: &File,
        needs: Needs,
    ) -> Result<(), ConnectorError> {
        let (sender, mut receiver) = mpsc::channel(2);
        let (reading, tag) = Reading::begin(lists, file).await?;
        let parts = Parts::new(lists, file, tag);
        let (format, columns) = (manifest.format, manifest.columns.clone());
        let (is_compressed, name) = (file.key.rsplit('.').next() == Some("gz"), self.bucket.name.clone());
        let reader = tokio::task::spawn_blocking(move || {
            let mut lines = Lines { sender, ready: Vec::new(), bucket: name };
            match format {
                Format::Csv => {
                    let columns = Columns::of(columns.iter().map(String::as_str), needs, true)
                        .map_err(Fault::Broken)?;
                    csv::read(reading, is_compressed, &mut |fields| lines.take(&columns, fields))?;
                }
                Format::Parquet => {
                    // Nothing is believed of it before all of it was seen to be the file of the manifest.
                    reading.finish()?;
                    let names = parquet::names(&parts)?;
                    let columns =
                        Columns::of(names.iter().map(String::as_str), needs, false).map_err(Fault::Broken)?;
                    parquet::read(&parts, &mut |fields| lines.take(&columns, fields))?;
                }
            }
            lines.flush();
            Ok(())
        });
        while let Some(entries) = receiver.recv().await {
            for entry in entries {
                self.take(entry).await?;
            }
        }
        let done =
            reader.await.unwrap_or_else(|_| Err(Fault::Broken("the reading of a file broke off".to_owned())));
        done.map_err(|fault| self.bucket.fault(&fault))
    }

    async fn take(&mut self, entry: Entry) -> Result<(), ConnectorError> {
        if self.judge.captures(&entry.key).is_none() {
            return Ok(());
        }
        if is_newer(&entry, self.note.made_at) {
            self.note.newer += 1;
            return Ok(());
        }
        self.note.listed += 1;
        if self.open.first().is_some_and(|open| open.key != entry.key) || self.open.len() >= PIECE_MAX {
            self.close();
            if self.ready.len() >= PIECES_AT_ONCE {
                self.judge_ready().await?;
            }
        }
        self.open.push(entry);
        Ok(())
    }

    fn close(&mut self) {
        let piece = std::mem::take(&mut self.open);
        if !piece.is_empty() {
            self.ready.push(piece);
        }
    }

    async fn judge_ready(&mut self) -> Result<(), ConnectorError> {
        let pieces = std::mem::take(&mut self.ready);
        let looks: Vec<_> =
            pieces.into_iter().map(|piece| of_piece(self.bucket, self.judge, piece)).collect();
        let parts: Vec<Survey> =
            futures_util::stream::iter(looks).buffered(PIECES_AT_ONCE).try_collect().await?;
        for part in parts {
            absorb(&mut self.survey, part);
        }
        Ok(())
    }

    /// Unfinished uploads as they are now; those begun since the inventory are as any version written since.
    async fn uploads(&mut self, prefix: &str) -> Result<(), ConnectorError> {
        let mut walk = Walk::start(self.bucket, &[], Some(prefix), None)?;
        while let Some(mut group) = walk.advance().await? {
            group.entries.retain(|entry| !is_newer(entry, self.note.made_at));
            absorb(&mut self.survey, counts(self.judge, &group, |_| true).await?);
        }
        Ok(())
    }
}

fn is_newer(entry: &Entry, made_at: DateTime<Utc>) -> bool {
    entry.modified_at.is_none_or(|modified_at| modified_at > made_at)
}

/// Versions are judged by their lines. A marker is judged by what is under its key, of which an inventory may have
/// lines elsewhere: the bucket is asked.
async fn of_piece(bucket: &Bucket, judge: &Judge<'_>, piece: Vec<Entry>) -> Result<Survey, ConnectorError> {
    let (markers, versions): (Vec<Entry>, Vec<Entry>) =
        piece.into_iter().partition(|entry| entry.kind == Kind::Marker);
    let mut survey = counts(judge, &Group::of(versions, None), |_| true).await?;
    if let Some(first) = markers.first() {
        let parts: BTreeSet<&str> = markers.iter().map(|marker| marker.part.as_str()).collect();
        let now = Group::of(versions_of(bucket, &first.key).await?, None);
        absorb(&mut survey, counts(judge, &now, |entry| parts.contains(entry.part.as_str())).await?);
    }
    Ok(survey)
}

/// The counts of what is wanted of one key.
async fn counts(
    judge: &Judge<'_>,
    group: &Group,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Survey, ConnectorError> {
    let mut survey = Survey::default();
    let Some(captures) = judge.captures(group.key()) else { return Ok(survey) };
    let facts = judge.facts_of(group, &captures, true).await?;
    for (entry, facts) in group.entries.iter().zip(&facts).filter(|(entry, _)| wanted(entry)) {
        count(&mut survey, || record_key(entry), judge.judge(entry, facts));
    }
    Ok(survey)
}

/// Hands lines over in bundles.
struct Lines {
    sender: mpsc::Sender<Vec<Entry>>,
    ready: Vec<Entry>,
    bucket: String,
}

impl Lines {
    /// False when nobody wants more.
    fn take(&mut self, columns: &Columns, fields: &[String]) -> Result<bool, Broken> {
        self.ready.push(columns.entry(fields, &self.bucket)?);
        Ok(self.ready.len() < LINES || self.flush())
    }

    fn flush(&mut self) -> bool {
        self.sender.blocking_send(std::mem::take(&mut self.ready)).is_ok()
    }
}
