//! Tests of `journal::codec`.

use super::*;
use chrono::{DateTime, NaiveDate};
use connectors::Value;
use proptest::prelude::*;

fn intended(keys: Vec<RecordKey>) -> Intended {
    Intended {
        last_key: keys.last().cloned(),
        groups: vec![DatasetKeys { dataset: "crm.prospects".into(), keys }],
        mark: None,
    }
}

/// Compares by canonical text, because NaN differs from itself.
fn canonical(keys: &[DatasetKeys]) -> Vec<(String, Vec<String>)> {
    keys.iter()
        .map(|group| (group.dataset.clone(), group.keys.iter().map(RecordKey::canonical).collect()))
        .collect()
}

#[track_caller]
fn check_round_trip(value: &Intended) -> usize {
    let bytes = encode_intended(value).expect("encodes");
    let back = decode_intended(&bytes).expect("decodes");
    assert_eq!(canonical(&back.groups), canonical(&value.groups));
    assert_eq!(
        back.last_key.as_ref().map(RecordKey::canonical),
        value.last_key.as_ref().map(RecordKey::canonical)
    );
    bytes.len()
}

#[test]
fn close_integer_keys_take_one_byte_each_and_scattered_ones_about_three() {
    let close = check_round_trip(&intended((1_000_000..1_020_000).map(RecordKey::int).collect()));
    assert!(close < 20_100, "{close} bytes");
    let scattered = check_round_trip(&intended((0..20_000).map(|n| RecordKey::int(n * 5_000)).collect()));
    assert!(scattered < 60_000, "{scattered} bytes");
}

#[test]
fn object_keys_share_their_prefixes() {
    let keys = (0..1_000).map(|n| RecordKey::text(format!("receipts/2019/05/customer-{n:06}/receipt.pdf")));
    let bytes = check_round_trip(&intended(keys.collect()));
    assert!(bytes < 20_000, "{bytes} bytes for 46 000 bytes of keys");
}

#[test]
fn texts_whose_shared_prefix_ends_inside_a_letter_come_back() {
    check_round_trip(&intended(vec![RecordKey::text("é"), RecordKey::text("è"), RecordKey::text("")]));
}

#[test]
fn the_ends_of_every_value_type_come_back() {
    let values = vec![
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Real(f64::NAN),
        Value::Real(-0.0),
        Value::Text("Zoë 🦀".into()),
        Value::Bytes(vec![0, 255]),
        Value::Date(NaiveDate::MIN),
        Value::Date(NaiveDate::MAX),
        Value::Instant(DateTime::<chrono::Utc>::MIN_UTC),
        Value::Instant(DateTime::<chrono::Utc>::MAX_UTC),
    ];
    check_round_trip(&intended(vec![RecordKey::of(values)]));
    check_round_trip(&intended([i64::MIN, i64::MAX, 0, i64::MIN].map(RecordKey::int).to_vec()));
    check_round_trip(&Intended { groups: Vec::new(), last_key: None, mark: None });
    check_round_trip(&Intended { groups: Vec::new(), last_key: None, mark: Some("a mark".to_owned()) });
}

#[test]
fn what_a_newer_version_wrote_is_refused_as_such() {
    let mut bytes = encode_intended(&intended(vec![RecordKey::int(1)])).expect("encodes");
    bytes[0] = 2;
    assert_eq!(decode_intended(&bytes).err(), Some(CodecError::Version { found: 2 }));
}

#[test]
fn an_outcome_is_not_read_as_an_intent() {
    let bytes = encode_outcome(&OutcomeDelta::default()).expect("encodes");
    assert_eq!(decode_intended(&bytes).err(), Some(CodecError::Malformed));
}

#[test]
fn every_shortening_and_lengthening_is_refused() {
    let bytes =
        encode_intended(&intended(vec![RecordKey::text("a"), RecordKey::text("ab")])).expect("encodes");
    for length in 0..bytes.len() {
        assert!(decode_intended(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(decode_intended(&longer).err(), Some(CodecError::Malformed));
}

#[test]
fn a_few_bytes_cannot_ask_for_much_memory() {
    // One group, an empty name, a run of integers that says it has 2^21 of them and has none.
    let lying = [CODEC_VERSION, KIND_INTENDED, 1, 0, 1, 0x80, 0x80, 0x80, 0x01];
    assert_eq!(decode_intended(&lying).err(), Some(CodecError::Malformed));
    let huge = [CODEC_VERSION, KIND_INTENDED, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(decode_intended(&huge).err(), Some(CodecError::TooLarge));
}

#[test]
fn shared_prefixes_cannot_multiply_a_text_without_bound() {
    // One text of 64 KiB, then 8 192 keys of two bytes that repeat it: 512 MiB if it were obeyed.
    let mut bytes = vec![CODEC_VERSION, KIND_INTENDED, 1, 0, 2];
    bytes.extend_from_slice(&[0x81, 0x40, 0, 0x80, 0x80, 0x04]);
    bytes.extend(std::iter::repeat_n(b'x', 65_536));
    for _ in 0..8_192 {
        bytes.extend_from_slice(&[0x80, 0x80, 0x04, 0]);
    }
    bytes.push(0);
    assert_eq!(decode_intended(&bytes).err(), Some(CodecError::TooLarge));
}

#[test]
fn disposed_keys_are_the_intended_without_those_that_were_not() {
    let intended = intended((1..=5).map(RecordKey::int).collect());
    let delta = OutcomeDelta {
        groups: vec![
            DeltaGroup {
                dataset: "crm.prospects".into(),
                not_disposed: vec![RecordKey::int(2), RecordKey::int(5)],
            },
            DeltaGroup { dataset: "crm.other".into(), not_disposed: vec![RecordKey::int(1)] },
        ],
        ..OutcomeDelta::default()
    };
    let expected = [1, 3, 4].map(RecordKey::int).to_vec();
    assert_eq!(delta.disposed(&intended), [DatasetKeys { dataset: "crm.prospects".into(), keys: expected }]);
    assert_eq!(OutcomeDelta::default().disposed(&intended), intended.groups);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Real(f64::from_bits(bits))),
        any::<String>().prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        (-95_000_000i32..95_000_000)
            .prop_filter_map("a date", |days| NaiveDate::from_num_days_from_ce_opt(days).map(Value::Date)),
        (-8_000_000_000_000i64..8_000_000_000_000, 0..1_000_000_000u32)
            .prop_filter_map("an instant", |(at, nanos)| DateTime::from_timestamp(at, nanos)
                .map(Value::Instant)),
    ]
}

fn keys() -> impl Strategy<Value = Vec<RecordKey>> {
    prop_oneof![
        prop::collection::vec(any::<i64>().prop_map(RecordKey::int), 0..60),
        prop::collection::vec("[a-cé]{0,6}".prop_map(RecordKey::text), 0..60),
        prop::collection::vec(prop::collection::vec(value(), 0..4).prop_map(RecordKey::of), 0..20),
    ]
}

proptest! {
    #[test]
    fn every_intent_comes_back(
        groups in prop::collection::vec((any::<String>(), keys()), 0..4),
        last in prop::option::of(prop::collection::vec(value(), 0..4).prop_map(RecordKey::of)),
    ) {
        let groups = groups.into_iter().map(|(dataset, keys)| DatasetKeys { dataset, keys }).collect();
        check_round_trip(&Intended { groups, last_key: last, mark: None });
    }

    #[test]
    fn every_outcome_comes_back(numbers in prop::collection::vec(any::<i64>(), 0..50), exhausted: bool) {
        let not_disposed: Vec<RecordKey> = numbers.into_iter().map(RecordKey::int).collect();
        let delta = OutcomeDelta {
            last_key: not_disposed.first().cloned(),
            groups: vec![DeltaGroup { dataset: "d".into(), not_disposed }],
            exhausted,
        };
        let bytes = encode_outcome(&delta).expect("encodes");
        prop_assert_eq!(decode_outcome(&bytes).expect("decodes"), delta);
    }

    #[test]
    fn hostile_bytes_are_refused_or_read_but_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        headed: bool,
    ) {
        if headed {
            bytes.splice(0..0, [CODEC_VERSION, KIND_INTENDED]);
        }
        if let Ok(value) = decode_intended(&bytes) {
            check_round_trip(&value);
        }
        // Whatever came out, nothing panicked.
        prop_assert!(decode_outcome(&bytes).is_err() || bytes.first() == Some(&CODEC_VERSION));
    }
}
