//! A simulated year: nightly and weekly schedules in Paris and New York, both changes of the clock, crashes,
//! outages and changed policies. Each due record goes in its window and none before; each stands on exactly
//! one certificate; the same seed makes the same bytes.
//!
//! `OUBLIETTE_SIMULATED_DAYS` sets how long (365 is the trial; a few days otherwise).

use super::shops::SHOPS;
use super::simulation::{Amount, Lived, Simulation};
use super::stage::Stage;
use crate::support::commitments::{self, Records};
use crate::support::{files, fingerprints};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectors::RecordKey;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Over the change of the clock in Paris.
const DAYS: i64 = 10;
/// Three lives are compared by their bytes.
const DAYS_COMPARED: i64 = 5;

fn amount(usual: i64) -> Amount {
    let days = std::env::var("OUBLIETTE_SIMULATED_DAYS").ok().map_or(usual, |days| days.parse().unwrap());
    // Of a year 20, 5 and 3.
    let of_year = |count: i64| u64::try_from((count * days + 364) / 365).unwrap();
    Amount { days, kills: of_year(20).max(2), outages: of_year(5).max(2), changes: of_year(3).max(2) }
}

async fn lived(seed: u64, amount: Amount) -> (Stage, Lived) {
    Box::pin(Simulation::new(seed, amount).await.live()).await
}

async fn json(stage: &Stage, arguments: &[&str]) -> Value {
    let said = stage.call(&[&["--format", "json"], arguments].concat()).await.expect(0).stdout;
    serde_json::from_str(&said).unwrap()
}

/// Every certificate, by its id, after the archive was verified.
async fn certificates(stage: &Stage) -> Vec<String> {
    let (archive, root) = (stage.path("certificates"), stage.path("trust-root.json"));
    let verify = ["verify", archive.to_str().unwrap(), "--trust-root", root.to_str().unwrap()];
    stage.call(&verify).await.expect(0);
    let list = json(stage, &["certificates", "list"]).await;
    let ids = list["certificates"].as_array().unwrap().iter();
    ids.map(|one| one["certificate_id"].as_str().unwrap().to_owned()).collect()
}

/// How many records the signed statements count as purged. They were verified; to ask the program for each of a
/// year's would take longer than the year.
fn purged(stage: &Stage, ids: &[String]) -> u64 {
    let archive = stage.path("certificates");
    let statements: Vec<Value> = files(&archive)
        .iter()
        .filter(|name| name.ends_with("certificate.dsse.json"))
        .map(|name| statement(&archive.join(name)))
        .collect();
    assert_eq!(statements.len(), ids.len());
    let targets = statements
        .iter()
        .flat_map(|statement| statement["predicate"]["evidence"]["targets"].as_array().unwrap());
    targets.map(|target| target["counts"]["purged"].as_u64().unwrap()).sum()
}

fn statement(envelope: &Path) -> Value {
    let envelope: Value = serde_json::from_slice(&fs::read(envelope).unwrap()).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn records(lived: &Lived) -> Records {
    let of_shop = |(name, ids): (&&str, &Vec<u64>)| {
        let dataset = format!("{name}.visits");
        let key = |id: &u64| RecordKey::int(i64::try_from(*id).unwrap()).canonical();
        ids.iter().map(|id| (dataset.clone(), key(id))).collect::<Vec<_>>()
    };
    lived.gone.iter().flat_map(of_shop).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_due_record_goes_in_its_window_and_none_before() {
    let (began, amount) = (std::time::Instant::now(), amount(DAYS));
    let (stage, lived) = lived(7, amount).await;
    let gone = records(&lived);
    assert!(SHOPS.iter().all(|shop| !lived.gone[shop.name].is_empty()), "a shop was idle: {lived:?}");
    assert!((gone.len() as u64) < lived.rows, "nothing was too young");
    assert_eq!(lived.kills, amount.kills);
    assert!(lived.windows.excused > 0, "no outage lasted: {lived:?}");
    let ids = certificates(&stage).await;
    assert_eq!(purged(&stage, &ids), gone.len() as u64);
    let faults = commitments::faults(&stage.path("sealed"), &ids, &gone);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!(
        "{amount:?}: {} of {} rows went, {:?}, {} died, {} certificates, in {:?}",
        gone.len(),
        lived.rows,
        lived.windows,
        lived.kills,
        ids.len(),
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_makes_the_same_bytes() {
    let mut prints = Vec::new();
    for seed in [3, 3, 4] {
        let (stage, lived) = lived(seed, amount(DAYS_COMPARED)).await;
        assert!(!records(&lived).is_empty(), "{lived:?}");
        prints.push(fingerprints(&stage.path("certificates")));
    }
    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0], prints[2]);
}
