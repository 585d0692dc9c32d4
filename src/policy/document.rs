//! The form of a policy document, as tables (floor 1).
//!
//! [`super::read`] makes values of what has this form. The JSON Schema comes from here too.

use super::scalars::{ANY_TEXT, CODE, DATE, JURISDICTION, MONTH_DAY, NULL, PERIOD, RETAIN_FOR, SHARE, ZONE};
use crate::yaml::form::{Form, Key, NAME, Shape, TEXT};

pub static ROUNDINGS: [&str; 4] = ["none", "end_of_month", "end_of_calendar_year", "end_of_fiscal_year"];
pub static START_TYPES: [&str; 3] = ["collection", "operation", "relationship"];
pub static BOUND_KINDS: [&str; 4] = ["minimum", "maximum", "recommended", "limitation"];
pub static SENSES: [&str; 2] = ["at_most", "at_least"];
pub static CERTAINTIES: [&str; 3] = ["official", "secondary", "unchecked"];

const NAME_FORM: Form = Form::Scalar(&NAME);
const TEXT_FORM: Form = Form::Scalar(&TEXT);

pub static POLICY: Shape = Shape {
    name: "a policy",
    exactly_one: false,
    keys: &[
        Key::required("policy", NAME_FORM, "name of the policy"),
        Key::required(
            "version",
            Form::Count { low: 1, high: 1_000_000 },
            "a number that grows with each change",
        ),
        Key::required("effective_from", Form::Scalar(&DATE), "first day on which this version applies"),
        Key::required("owner", TEXT_FORM, "who answers for it"),
        Key::required("next_review", Form::Scalar(&DATE), "when it is looked at again"),
        Key::required("jurisdictions", Form::List(&Form::Scalar(&JURISDICTION)), "whose law it follows"),
        Key::required("time_zone", Form::Scalar(&ZONE), "whose days and years the periods count"),
        Key::optional(
            "fiscal_year_ends",
            Form::Scalar(&MONTH_DAY),
            "last day of the fiscal year, \"12-31\" unless said",
        ),
        Key::required("rules", Form::List(&Form::Map(&RULE)), "one rule for each record type"),
    ],
};

pub static RULE: Shape = Shape {
    name: "a rule",
    exactly_one: false,
    keys: &[
        Key::required("id", NAME_FORM, "name of the rule, unique in its policy"),
        Key::optional("record_type", NAME_FORM, "the record type it speaks of; the id unless said"),
        Key::optional(
            "applies_to",
            Form::List(&NAME_FORM),
            "datasets by name, instead of all of the record type",
        ),
        Key::required("title", Form::Map(&TEXTS), "what the records are, for people"),
        Key::required("purpose", Form::Map(&TEXTS), "what they are kept for"),
        Key::required("legal_basis", Form::Scalar(&CODE), "why they may be kept, such as eu-gdpr:A6-1-f"),
        Key::required(
            "starts_from",
            Form::OneOf(&[NAME_FORM, Form::Map(&START)]),
            "the event that starts the period",
        ),
        Key::required("retain_for", Form::Scalar(&RETAIN_FOR), "how long, such as P3Y"),
        Key::optional(
            "delete_within",
            Form::Scalar(&PERIOD),
            "margin of execution; older than the sum is overdue",
        ),
        Key::optional("where", TEXT_FORM, "which records of the type, as an SQL condition"),
        Key::required(
            "disposition",
            Form::OneOf(&[Form::Words(&["purge"]), Form::Map(&DISPOSITION)]),
            "what becomes of a due record",
        ),
        Key::optional(
            "bounds",
            Form::List(&Form::Map(&BOUND)),
            "duties and recommendations the period stands under",
        ),
        Key::optional("reason", TEXT_FORM, "why the period departs from a recommendation or has no end"),
        Key::optional("guards", Form::Map(&GUARDS), "limits over which a plan needs an approval of its own"),
        Key::optional("erasure", Form::Map(&ERASURE), "what an erasure request does to the records"),
        Key::optional("processing_record", TEXT_FORM, "entry of the records of processing"),
        Key::optional("owner", TEXT_FORM, "who answers for the rule, if not the policy's owner"),
        Key::optional("about_children", Form::Boolean, "whether the data are about children"),
    ],
};

pub static TEXTS: Shape = Shape {
    name: "a text in two languages",
    exactly_one: false,
    keys: &[Key::optional("fr", TEXT_FORM, "in French"), Key::optional("en", TEXT_FORM, "in English")],
};

static START: Shape = Shape {
    name: "a start",
    exactly_one: false,
    keys: &[
        Key::optional("event", NAME_FORM, "event of the data map"),
        Key::optional("rounding", Form::Words(&ROUNDINGS), "what the start is moved to"),
        Key::optional("type", Form::Words(&START_TYPES), "kind of the start (DIN 66398)"),
        Key::optional(
            "none_left",
            Form::List(&NAME_FORM),
            "record types of which none may refer to the record any more",
        ),
    ],
};

static DISPOSITION: Shape = Shape {
    name: "a disposition",
    exactly_one: true,
    keys: &[
        Key::optional(
            "anonymize",
            Form::Entries(&TRANSFORM),
            "what becomes of each column, ending anonymous",
        ),
        Key::optional(
            "pseudonymize",
            Form::Entries(&TRANSFORM),
            "what becomes of each column, still personal",
        ),
    ],
};

static TRANSFORM: Form = Form::OneOf(&[Form::Scalar(&NULL), Form::Map(&TRANSFORM_SHAPE)]);

static TRANSFORM_SHAPE: Shape = Shape {
    name: "a transform",
    exactly_one: true,
    keys: &[
        Key::optional("replace", Form::Scalar(&ANY_TEXT), "a fixed text"),
        Key::optional("hash", Form::Map(&HASH), "a keyed hash (stays a pseudonym)"),
        Key::optional(
            "generalize",
            Form::OneOf(&[Form::Words(&["year", "month"]), Form::Map(&BUCKET)]),
            "year, month or a bucket of numbers",
        ),
        Key::optional("mask", Form::Map(&MASK), "all but some characters as * (stays personal)"),
        Key::optional("truncate", Form::Count { low: 1, high: 10_000 }, "the first characters only"),
    ],
};

static HASH: Shape = Shape {
    name: "a hash",
    exactly_one: false,
    keys: &[Key::required(
        "hex_length",
        Form::Count { low: 8, high: 64 },
        "hexadecimal digits kept, 32 is usual",
    )],
};

static BUCKET: Shape = Shape {
    name: "a bucket",
    exactly_one: false,
    keys: &[Key::required("bucket", Form::Count { low: 1, high: 1_000_000_000_000 }, "width of a bucket")],
};

static MASK: Shape = Shape {
    name: "a mask",
    exactly_one: false,
    keys: &[
        Key::required("keep_first", Form::Count { low: 0, high: 100 }, "characters left at the beginning"),
        Key::required("keep_last", Form::Count { low: 0, high: 100 }, "characters left at the end"),
    ],
};

static BOUND: Shape = Shape {
    name: "a bound",
    exactly_one: false,
    keys: &[
        Key::optional("pack", NAME_FORM, "row of the shipped packs"),
        Key::optional("confirmed", Form::Boolean, "the row was checked against the text of the law"),
        Key::optional("kind", Form::Words(&BOUND_KINDS), "what kind of bound"),
        Key::optional("sense", Form::Words(&SENSES), "of a recommendation, at_most unless said"),
        Key::optional("period", Form::Scalar(&PERIOD), "its period"),
        Key::optional("rounding", Form::Words(&ROUNDINGS), "what its start is moved to"),
        Key::optional("cite", TEXT_FORM, "where it stands written"),
    ],
};

pub static GUARDS: Shape = Shape {
    name: "the guards",
    exactly_one: false,
    keys: &[
        Key::optional("max_share", Form::Scalar(&SHARE), "greatest share of a dataset in one plan"),
        Key::optional(
            "max_records",
            Form::Count { low: 0, high: i64::MAX.unsigned_abs() },
            "most records in one plan",
        ),
        Key::optional(
            "empty_dataset",
            Form::Words(&["refuse", "allow"]),
            "whether a plan may leave a dataset empty",
        ),
        Key::optional(
            "keep_newest",
            Form::Count { low: 0, high: 1_000_000_000 },
            "newest records that always stay",
        ),
        Key::optional(
            "max_records_per_day",
            Form::Count { low: 0, high: i64::MAX.unsigned_abs() },
            "most records that go unattended in one day; without, no more than `max_records` a plan",
        ),
    ],
};

static ERASURE: Shape = Shape {
    name: "an erasure clause",
    exactly_one: false,
    keys: &[
        Key::required("exception", Form::Scalar(&CODE), "the exception of GDPR article 17(3)"),
        Key::optional("citation", TEXT_FORM, "the law behind the exception"),
        Key::optional("keeps", Form::List(&TEXT_FORM), "columns that the exception covers, if not all"),
        Key::optional(
            "meanwhile",
            Form::Entries(&TRANSFORM),
            "what becomes of each other column at once, ending anonymous",
        ),
    ],
};

/// The file of shipped bounds.
pub static PACKS: Shape = Shape {
    name: "a file of packs",
    exactly_one: false,
    keys: &[
        Key::required("checked_on", Form::Scalar(&DATE), "when the rows were last checked"),
        Key::required("rows", Form::List(&Form::Map(&PACK_ROW)), "the bounds"),
    ],
};

static PACK_ROW: Shape = Shape {
    name: "a pack row",
    exactly_one: false,
    keys: &[
        Key::required("id", NAME_FORM, "name of the row"),
        Key::required("jurisdiction", Form::Scalar(&JURISDICTION), "whose law"),
        Key::required("category", TEXT_FORM, "what data"),
        Key::required("starts_from", TEXT_FORM, "what starts the period"),
        Key::required("start_type", Form::Words(&START_TYPES), "kind of the start"),
        Key::required("kind", Form::Words(&BOUND_KINDS), "what kind of bound"),
        Key::optional("sense", Form::Words(&SENSES), "of a recommendation"),
        Key::required("period", Form::Scalar(&PERIOD), "its period"),
        Key::optional("rounding", Form::Words(&ROUNDINGS), "what its start is moved to"),
        Key::required("cite", TEXT_FORM, "where it stands written"),
        Key::optional("source", TEXT_FORM, "where it was seen"),
        Key::required("certainty", Form::Words(&CERTAINTIES), "how well it was checked"),
        Key::optional("note", TEXT_FORM, "what else to know"),
    ],
};
