//! The form of a data map, as tables (floor 1).

use crate::policy::scalars::ZONE;
use crate::yaml::form::{Form, Key, NAME, Shape, TEXT};

pub static OWNERSHIPS: [&str; 4] = ["owns", "shared", "accesses", "mentions"];
pub static UNITS: [&str; 2] = ["seconds", "milliseconds"];

const NAME_FORM: Form = Form::Scalar(&NAME);
const TEXT_FORM: Form = Form::Scalar(&TEXT);

pub static DATA_MAP: Shape = Shape {
    name: "a data map",
    exactly_one: false,
    keys: &[Key::required("datasets", Form::List(&Form::Map(&DATASET)), "what is where")],
};

static DATASET: Shape = Shape {
    name: "a dataset",
    exactly_one: false,
    keys: &[
        Key::required("name", NAME_FORM, "name of the dataset, unique over all stores"),
        Key::required("store", NAME_FORM, "name of the store in the settings"),
        Key::optional("table", TEXT_FORM, "table, or schema and table with a point between"),
        Key::optional("objects", Form::Map(&OBJECTS), "objects or files instead of a table"),
        Key::required("record_type", NAME_FORM, "what rules speak of"),
        Key::optional("subject", Form::Entries(&TEXT_FORM), "which columns identify the person"),
        Key::optional("events", Form::Entries(&EVENT), "where each event is written"),
        Key::optional("fields", Form::Entries(&TEXT_FORM), "data category of columns"),
        Key::optional("links", Form::List(&Form::Map(&LINK)), "links beyond foreign keys"),
        Key::optional("alias", NAME_FORM, "what certificates call it in public"),
        Key::optional("marker", TEXT_FORM, "nullable column that tells which records are anonymized"),
        Key::optional("not_personal", Form::List(&TEXT_FORM), "columns that hold nothing personal"),
        Key::optional(
            "search_text",
            Form::List(&TEXT_FORM),
            "columns of free text in which a person may be named; searched after an erasure",
        ),
    ],
};

static OBJECTS: Shape = Shape {
    name: "an objects clause",
    exactly_one: false,
    keys: &[Key::required("key", TEXT_FORM, "template of the whole key, such as receipts/{year}/{file}")],
};

static EVENT: Form = Form::OneOf(&[TEXT_FORM, Form::Map(&EVENT_SHAPE)]);

static EVENT_SHAPE: Shape = Shape {
    name: "an event",
    exactly_one: false,
    keys: &[
        Key::required("column", TEXT_FORM, "column, or capture of the key template"),
        Key::optional("zone", Form::Scalar(&ZONE), "time zone of times written without one"),
        Key::optional("unit", Form::Words(&UNITS), "unit of epoch numbers"),
    ],
};

static LINK: Shape = Shape {
    name: "a link",
    exactly_one: false,
    keys: &[
        Key::required("column", TEXT_FORM, "column that names the other record"),
        Key::required("to", NAME_FORM, "dataset, or dataset and column with a point between"),
        Key::required(
            "ownership",
            Form::Words(&OWNERSHIPS),
            "owns: a file goes with this row, or this row with the other row; accesses: this row ends with the other row",
        ),
    ],
};
