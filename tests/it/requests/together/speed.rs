//! What a request costs when many are carried out together, beside what it costs alone: everything from its receipt
//! to its certificate, with the same program on the same shop.
//!
//! `OUBLIETTE_TEST_TOGETHER=10000 OUBLIETTE_TEST_ONE_BY_ONE=200` asks for the numbers that the documents speak of.

use super::{erased, lines, mail, town, verified};
use std::time::Instant;

/// Persons of the ordinary run, and how many times faster they must be together.
const TOGETHER: u64 = 60;
const ONE_BY_ONE: u64 = 5;
const RATIO: f64 = 4.0;
/// From so many on the ratio must be this one.
const MANY: u64 = 10_000;
const RATIO_OF_MANY: f64 = 20.0;

fn number_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn a_request_among_many_takes_a_fraction_of_one_alone() {
    let together = number_of("OUBLIETTE_TEST_TOGETHER", TOGETHER);
    let one_by_one = number_of("OUBLIETTE_TEST_ONE_BY_ONE", ONE_BY_ONE);
    let project = town(together + one_by_one, 5);
    let begun = Instant::now();
    for number in 1..=one_by_one {
        let request = super::super::verified(&project, &format!("email={}", mail(number)), &[]);
        super::super::erased(&project, &request, 0);
    }
    let alone = begun.elapsed().as_secs_f64() / f64::from(u32::try_from(one_by_one).unwrap());
    let begun = Instant::now();
    let persons = lines(one_by_one + 1..=one_by_one + together);
    let ids = verified(&project, &persons);
    let received = begun.elapsed().as_secs_f64();
    let (planned, statement) = erased(&project, (0, 0));
    let whole = begun.elapsed().as_secs_f64();
    let among = whole / f64::from(u32::try_from(together).unwrap());
    let ratio = alone / among;
    println!(
        "one of {one_by_one} alone: {:.1} ms; one of {together} together: {:.1} ms (received and verified in \
         {received:.1} s, all in {whole:.1} s); {ratio:.1} times faster",
        alone * 1e3,
        among * 1e3
    );
    assert_eq!(planned["left"].as_array().unwrap().len(), 0);
    assert_eq!(statement["evidence"]["requests"].as_array().unwrap().len(), ids.len());
    let wanted = if together >= MANY { RATIO_OF_MANY } else { RATIO };
    assert!(ratio >= wanted, "only {ratio:.1} times faster");
}
