//! Where walks put their questions, so that those of many persons are asked at once.
//!
//! Floor 3; reads only. Every walk goes on until it needs an answer; when none can go on, everything that they ask
//! is read, dataset by dataset, and each gets the rows that it would have got alone. What one of them asks nobody
//! else learns of: a row is given to those whose own question it meets.

use super::WalkError;
use super::probe::{Probe, Shape, predicate_of, shapes_of};
use super::read::Reader;
use crate::erasure::found::FoundRow;
use crate::erasure::graph::Graph;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Probes of one statement: far below what one can bind.
const PROBES_PER_QUERY: usize = 500;

/// Questions that wait for an answer.
#[derive(Default)]
pub(super) struct Desk {
    open: Mutex<Vec<Asked>>,
    lost: Mutex<BTreeSet<String>>,
}

type Answer = oneshot::Sender<Vec<FoundRow>>;

/// What is asked of one dataset, and who waits for it.
type Questions = (Vec<Vec<Probe>>, Vec<Answer>);

struct Asked {
    dataset: String,
    probes: Vec<Probe>,
    answer: Answer,
}

impl Desk {
    /// The rows of the dataset that meet one of the probes; none if it is lost.
    pub(super) async fn ask(&self, dataset: &str, probes: Vec<Probe>) -> Vec<FoundRow> {
        if probes.is_empty() {
            return Vec::new();
        }
        let (answer, told) = oneshot::channel();
        let asked = Asked { dataset: dataset.to_owned(), probes, answer };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        // Thousands wait in one task: none of them is to count as work of it.
        tokio::task::unconstrained(told).await.unwrap_or_default()
    }

    /// Whether the dataset can be relied on to have been read.
    pub(super) fn is_lost(&self, graph: &Graph<'_>, dataset: &str) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(dataset)
            || !graph.datasets.contains_key(dataset)
    }

    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets all of these go on to their end; what they came to, in no order. At most `rows_max` rows are given out.
    ///
    /// # Errors
    /// [`WalkError::TooManyRows`].
    pub(super) async fn serve<F: Future>(
        &self,
        walks: impl IntoIterator<Item = F>,
        reader: &mut Reader<'_>,
        rows_max: usize,
    ) -> Result<Vec<F::Output>, WalkError> {
        let mut walks: FuturesUnordered<F> = walks.into_iter().collect();
        let (mut ended, mut rows) = (Vec::with_capacity(walks.len()), 0);
        while !walks.is_empty() {
            while let Some(one) = walks.next().now_or_never().flatten() {
                ended.push(one);
            }
            rows += self.answer(reader).await;
            if rows > rows_max {
                return Err(WalkError::TooManyRows { most: rows_max });
            }
        }
        Ok(ended)
    }

    /// Answers everything that is asked; how many rows were given out.
    async fn answer(&self, reader: &mut Reader<'_>) -> usize {
        let mut by_dataset: BTreeMap<String, Questions> = BTreeMap::new();
        for Asked { dataset, probes, answer } in self.take() {
            let (asked, answers) = by_dataset.entry(dataset).or_default();
            asked.push(probes);
            answers.push(answer);
        }
        let mut given = 0;
        for (dataset, (probes, answers)) in by_dataset {
            let found = rows_for_each(reader, &dataset, &probes).await;
            if reader.is_lost(&dataset) {
                self.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(dataset);
            }
            for (answer, rows) in answers.into_iter().zip(found) {
                given += rows.len();
                // Who does not wait any more needs no answer.
                answer.send(rows).ok();
            }
        }
        given
    }
}

/// The shape of a probe and its values as they are compared.
type Key<'p> = (&'p Shape, &'p [String]);

/// For each of these the rows that meet one of its probes.
pub(super) async fn rows_for_each(
    reader: &mut Reader<'_>,
    dataset: &str,
    asked: &[Vec<Probe>],
) -> Vec<Vec<FoundRow>> {
    if let [only] = asked {
        return vec![alone(reader, dataset, only).await];
    }
    let mut wanted: HashMap<Key<'_>, (&Probe, Vec<usize>)> = HashMap::new();
    let mut order = Vec::new();
    for (place, probes) in asked.iter().enumerate() {
        for probe in probes {
            let key = (&probe.shape, probe.form.as_slice());
            let (_, who) = wanted.entry(key).or_insert_with(|| {
                order.push(key);
                (probe, Vec::new())
            });
            if who.last() != Some(&place) {
                who.push(place);
            }
        }
    }
    let mut found: Vec<Vec<FoundRow>> = vec![Vec::new(); asked.len()];
    for keys in order.chunks(PROBES_PER_QUERY) {
        let probes: Vec<&Probe> =
            keys.iter().filter_map(|key| wanted.get(key).map(|(probe, _)| *probe)).collect();
        let shapes = shapes_of(probes.iter().copied());
        for row in reader.rows(dataset, predicate_of(probes)).await {
            let mut who: BTreeSet<usize> = BTreeSet::new();
            for (shape, fields) in &shapes {
                let Some(form) = shape.form_of(fields, &row.values) else { continue };
                if let Some((_, places)) = wanted.get(&(*shape, form.as_slice())) {
                    who.extend(places);
                }
            }
            if who.is_empty() {
                // Met in a way that is not known here.
                return one_by_one(reader, dataset, asked).await;
            }
            for place in who {
                if let Some(rows) = found.get_mut(place) {
                    rows.push(row.clone());
                }
            }
        }
    }
    found
}

async fn one_by_one(reader: &mut Reader<'_>, dataset: &str, asked: &[Vec<Probe>]) -> Vec<Vec<FoundRow>> {
    let mut found = Vec::with_capacity(asked.len());
    for probes in asked {
        found.push(alone(reader, dataset, probes).await);
    }
    found
}

async fn alone(reader: &mut Reader<'_>, dataset: &str, probes: &[Probe]) -> Vec<FoundRow> {
    let mut found = Vec::new();
    for probes in probes.chunks(PROBES_PER_QUERY) {
        found.extend(reader.rows(dataset, predicate_of(probes)).await);
    }
    found
}
