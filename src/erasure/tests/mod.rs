//! One person in random graphs of tables: nobody else's cell changes, and nothing of the person survives
//! that nothing which stays refers to.
//!
//! The oracle knows whose every row is because it made them, and computes by itself what constraints keep;
//! it shares no code with the walk.

mod people;
mod store;
mod together;

use super::compile;
use super::deadline::Law;
use super::gathered::Gathered;
use super::graph::Graph;
use super::ground::RequestKind;
use super::planner::{Asking, Drafted, RequestInput, draft, executable, reach_of};
use super::request::{NewRequest, Request};
use crate::catalog::Catalog;
use crate::hold::HoldBook;
use crate::plan::compile::Surroundings;
use crate::plan::testing::{at, catalog};
use crate::plan::world::{Sources, World};
use crate::plan::{FindingSeverity, Plan};
use crate::subject::Identity;
use connectors::{Batch, BatchRange, ConnectorError, Intended, IntentSink, RecordDisposer as _};
use people::{Random, Shop};
use std::collections::{BTreeMap, BTreeSet};
use store::{Databases, Row};

/// Graphs of the ordinary run; the variable asks for more.
const GRAPHS: u64 = 150;
const GRAPHS_VARIABLE: &str = "OUBLIETTE_TEST_GRAPHS";

fn request(number: usize) -> Request {
    let mut request = Request::receive(NewRequest {
        request_id: format!("request-{number}"),
        kind: RequestKind::Erasure,
        ground: None,
        law: Law::EuGdpr,
        country: "FR".to_owned(),
        received_at: at("2026-06-01T12:00:00Z"),
        about_child: false,
        record_types: BTreeSet::new(),
    })
    .unwrap();
    request.verify(at("2026-06-02T12:00:00Z")).unwrap();
    request
}

async fn drafted(catalog: &Catalog, sources: &Sources, persons: &[(Request, Vec<String>)]) -> Drafted {
    let holds = HoldBook::default();
    let persons = persons.iter().map(|(request, given)| Asking {
        request,
        given: given.iter().map(|text| Identity::parse(text).unwrap()).collect(),
        before: None,
        renewal: None,
    });
    let input = RequestInput {
        catalog,
        sources,
        holds: &holds,
        persons: persons.collect(),
        found_key: [7; 32],
        now: at("2026-06-15T12:00:00Z"),
        valid_for: chrono::Duration::days(1),
        plan_id: "plan-1".to_owned(),
        request_id: "together-1".to_owned(),
        author: "anna".to_owned(),
        tool_version: "0".to_owned(),
        clock_doubt: None,
    };
    draft(input).await.unwrap()
}

async fn planned(catalog: &Catalog, sources: &Sources, given: &[String]) -> (Plan, Gathered) {
    let drafted = drafted(catalog, sources, &[(request(1), given.to_vec())]).await;
    (drafted.plan.unwrap(), drafted.found)
}

struct NoJournal;

#[async_trait::async_trait]
impl IntentSink for NoJournal {
    async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// Carries a plan out in small batches, as execution does.
async fn carried_out(
    catalog: &Catalog,
    sources: &Sources,
    databases: &Databases,
    plan: &Plan,
    found: &Gathered,
) {
    let request = request(1);
    let world = World::inspect(catalog, sources).await;
    let graph = Graph::of(catalog, &world);
    let targets = catalog.targets(plan.as_of);
    let around = Surroundings {
        catalog,
        world: &world,
        targets: &targets,
        as_of: plan.as_of,
        drafted_at: plan.drafted_at,
    };
    let groups = (0..found.groups()).map(|group| found.whole(group));
    let items: Vec<_> =
        groups.flat_map(|whole| compile::items(&around, &graph, &whole, reach_of(&request))).collect();
    assert_eq!(items.len(), plan.items.len());
    for (item, planned) in items.into_iter().zip(&plan.items) {
        assert_eq!(item.schema_digest, planned.schema_digest);
        let item = executable(&around, planned, item);
        if planned.counts.due == 0 {
            continue;
        }
        let selection = item.with_holds(&HoldBook::default()).unwrap();
        let disposer = databases.disposer(&planned.store).await;
        let (mut after, mut done) = (None, 0);
        loop {
            let range = BatchRange { after: after.clone(), up_to: None, due: None, records_max: 500 };
            let batch = Batch { selection: selection.clone(), range, only_keys: None };
            let outcome = disposer.dispose(&batch, &NoJournal).await.unwrap();
            done += outcome.groups.iter().map(|group| group.disposed.len() as u64).sum::<u64>();
            after = outcome.last_key.or(after);
            if outcome.exhausted {
                break;
            }
        }
        assert_eq!(done, planned.counts.due, "{}", planned.dataset);
    }
}

/// What must be there afterwards: everything but the person's rows that nothing which stays refers to.
fn expected(shop: &Shop) -> BTreeMap<String, BTreeSet<Row>> {
    let mut going: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (table, rows) in shop.tables.iter().enumerate() {
        going.extend(rows.rows.iter().enumerate().filter(|(_, row)| row.own).map(|(row, _)| (table, row)));
    }
    loop {
        let kept: Vec<(usize, usize)> =
            going.iter().copied().filter(|&(table, row)| shop.is_kept(table, row, &going)).collect();
        if kept.is_empty() {
            break;
        }
        for one in kept {
            going.remove(&one);
        }
    }
    let left = shop.tables.iter().enumerate().map(|(table, rows)| {
        let rows = rows.rows.iter().enumerate().filter(|(row, _)| !going.contains(&(table, *row)));
        (rows.clone().count(), shop.tables[table].name.clone(), rows.map(|(_, row)| row.dump()).collect())
    });
    left.map(|(_, name, rows)| (name, rows)).collect()
}

async fn one_graph(seed: u64) -> (usize, usize) {
    let shop = Shop::random(&mut Random::new(seed));
    let databases = Databases::create(&shop).await;
    let catalog = catalog(&databases.documents());
    let sources = databases.sources().await;
    let before = databases.dump(&shop).await;
    let (plan, found) = planned(&catalog, &sources, &Shop::given()).await;
    let refused: Vec<_> =
        plan.findings.iter().filter(|one| one.severity == FindingSeverity::Refusal).collect();
    assert!(refused.is_empty(), "seed {seed}: {refused:?}");
    assert!(plan.unreachable.is_empty(), "seed {seed}: {:?}", plan.unreachable);
    assert_eq!(databases.dump(&shop).await, before, "seed {seed}: planning wrote");
    carried_out(&catalog, &sources, &databases, &plan, &found).await;
    let after = databases.dump(&shop).await;
    let expected = expected(&shop);
    for (table, rows) in &expected {
        let survived: Vec<_> = after[table].difference(rows).collect();
        let lost: Vec<_> = rows.difference(&after[table]).collect();
        assert!(lost.is_empty(), "seed {seed}: {table} lost or changed {lost:?}");
        assert!(survived.is_empty(), "seed {seed}: {table} still has {survived:?}");
    }
    let own = shop.tables.iter().flat_map(|table| &table.rows).filter(|row| row.own).count();
    let gone =
        before.values().map(BTreeSet::len).sum::<usize>() - after.values().map(BTreeSet::len).sum::<usize>();
    (own, gone)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how many graphs is asked for by the environment")]
fn nobody_else_is_touched_and_nothing_of_the_person_survives() {
    let graphs = std::env::vars().find(|(name, _)| name == GRAPHS_VARIABLE);
    let graphs = graphs.map_or(GRAPHS, |(_, text)| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut own, mut gone) = (0, 0);
    for seed in 0..graphs {
        let (of_own, of_gone) = runtime.block_on(one_graph(seed));
        own += of_own;
        gone += of_gone;
    }
    // The test must not be content with doing nothing.
    assert!(gone * 10 > own * 6, "only {gone} of {own} rows went");
    assert!(gone < own, "constraints kept nothing in {graphs} graphs");
}
