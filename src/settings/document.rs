//! The form of the settings, as tables (floor 6).

use crate::plan::signature::ApproverKey;
use crate::policy::document::GUARDS;
use crate::policy::scalars::{PERIOD, SHARE, ZONE};
use crate::schedule::Cron;
use crate::settings::outside::{HTTP, NOTIFICATION};
use crate::settings::secret::SecretText;
use crate::yaml::form::{Form, Key, NAME, ScalarForm, Shape, TEXT};

const NAME_FORM: Form = Form::Scalar(&NAME);
const TEXT_FORM: Form = Form::Scalar(&TEXT);
const SECRET_FORM: Form = Form::Scalar(&SECRET);
const PATH_FORM: Form = Form::Scalar(&PATH);
const PERIOD_FORM: Form = Form::Scalar(&PERIOD);

/// A text that may hold references. Its faults never repeat it.
pub(super) static SECRET: ScalarForm = ScalarForm {
    expected: "a text with references ${env:NAME} or ${file:PATH}",
    code: "bad-reference",
    pattern: None,
    check: |text| SecretText::parse(text).map(drop).map_err(|error| error.to_string()),
};

/// A path. References are for credentials and stores; elsewhere `${` would be taken literally.
pub(super) static PATH: ScalarForm = ScalarForm {
    expected: "a path, without references",
    code: "bad-path",
    pattern: None,
    check: |text| {
        if text.contains("${") { Err("references are resolved in stores only".to_owned()) } else { Ok(()) }
    },
};

static CRON: ScalarForm = ScalarForm {
    expected: "six fields: second minute hour day month weekday",
    code: "bad-cron",
    pattern: None,
    check: |text| Cron::parse(text).map(drop).map_err(|error| error.to_string()),
};

static EXACT_PERIOD: ScalarForm = ScalarForm {
    expected: "a period of hours, minutes or seconds such as PT5M",
    code: "bad-period",
    pattern: Some("^PT[0-9A-Z]+$"),
    check: |text| match text.parse::<crate::policy::Period>() {
        Ok(period) if period.is_exact() => Ok(()),
        Ok(_) => Err("days and months have no fixed length here".to_owned()),
        Err(error) => Err(error.to_string()),
    },
};

static LEDGER: ScalarForm = ScalarForm {
    expected: "sqlite://PATH or postgres://USER@HOST/DATABASE",
    code: "bad-ledger",
    pattern: Some("^(sqlite|postgres|postgresql)://.+"),
    check: |text| match text.split_once("://") {
        Some(("sqlite", path)) if !path.is_empty() && !path.contains("${") => Ok(()),
        Some(("sqlite", path)) if !path.is_empty() => {
            Err("references are resolved in the address of a server only".to_owned())
        }
        Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => {
            SecretText::parse(text).map(drop).map_err(|error| error.to_string())
        }
        _ => Err("the ledger is named by its kind and path, or by the address of a server".to_owned()),
    },
};

pub static SETTINGS: Shape = Shape {
    name: "the settings",
    exactly_one: false,
    keys: &[
        Key::required("controller", Form::Map(&CONTROLLER), "who answers for the data (GDPR art. 4(7))"),
        Key::optional(
            "ledger",
            Form::Scalar(&LEDGER),
            "where runs are recorded: a file, or a PostgreSQL server",
        ),
        Key::optional("archive", Form::Map(&ARCHIVE), "where certificates are kept"),
        Key::optional("sealed", PATH_FORM, "directory of the openings, deletable"),
        Key::optional("signing_key", PATH_FORM, "path of the key that signs certificates"),
        Key::optional("log_key", PATH_FORM, "path of the key that signs the log"),
        Key::optional("sealing_key", PATH_FORM, "path of the key that seals openings"),
        Key::optional("author", TEXT_FORM, "who drafts plans"),
        Key::required("stores", Form::Entries(&Form::Map(&STORE)), "the stores by name"),
        Key::optional("schedules", Form::Entries(&Form::Map(&SCHEDULE)), "unattended runs by name"),
        Key::optional("daemon", Form::Map(&DAEMON), "how the daemon works"),
        Key::optional("approvals", Form::Map(&APPROVALS), "what an approval needs"),
        Key::optional("guards", Form::Map(&GUARDS), "guards of rules that name none"),
        Key::optional(
            "drift",
            Form::Map(&DRIFT),
            "how far counts may move; over either limit a plan is stale",
        ),
        Key::optional(
            "clock_tolerance",
            Form::Scalar(&EXACT_PERIOD),
            "greatest difference of clocks, PT5M unless said",
        ),
        Key::optional("pause_file", PATH_FORM, "while this file exists no batch is begun"),
        Key::optional("language", Form::Words(&["fr", "en"]), "language of what people read"),
        Key::optional(
            "suppression",
            Form::Map(&SUPPRESSION),
            "how erased persons are known when a backup brings them back",
        ),
        Key::optional(
            "recipients",
            Form::Entries(&Form::Map(&RECIPIENT)),
            "who received personal data and is told of an erasure (GDPR art. 19), by name",
        ),
        Key::optional(
            "notification",
            Form::Map(&NOTIFICATION),
            "whom the program tells what it cannot settle",
        ),
        Key::optional("http", Form::Map(&HTTP), "where the daemon answers health checks and the monitoring"),
    ],
};

static CONTROLLER: Shape = Shape {
    name: "the controller",
    exactly_one: false,
    keys: &[
        Key::required("name", TEXT_FORM, "name as certificates show it"),
        Key::required("contact", TEXT_FORM, "where people may turn to"),
    ],
};

static ARCHIVE: Shape = Shape {
    name: "the archive",
    exactly_one: true,
    keys: &[
        Key::optional("directory", PATH_FORM, "a directory"),
        Key::optional("s3", Form::Map(&ARCHIVE_BUCKET), "a bucket"),
    ],
};

// Of every bucket.
const REGION: Key = Key::optional("region", TEXT_FORM, "region of the bucket, us-east-1 unless said");
const ENDPOINT: Key = Key::optional(
    "endpoint",
    SECRET_FORM,
    "address of a store that is not AWS, such as https://s3.example.org",
);
const PATH_STYLE: Key =
    Key::optional("path_style", Form::Boolean, "the bucket stands in the path, not in the name of the host");
const CA: Key = Key::optional(
    "ca",
    PATH_FORM,
    "file of certificates in PEM that are believed beside those of the system",
);

static ARCHIVE_BUCKET: Shape = Shape {
    name: "the archive in a bucket",
    exactly_one: false,
    keys: &[
        Key::required("bucket", TEXT_FORM, "name of the bucket"),
        Key::optional("prefix", TEXT_FORM, "where in the bucket, such as oubliette; at its root unless said"),
        REGION,
        ENDPOINT,
        PATH_STYLE,
        CA,
        Key::optional(
            "credentials",
            Form::Map(&CREDENTIALS),
            "who reads and writes; those of the environment unless said",
        ),
        Key::optional("object_lock", PERIOD_FORM, "how long what is written cannot be removed, such as P6Y"),
        Key::optional(
            "object_lock_mode",
            Form::Words(&["compliance", "governance"]),
            "compliance unless said: nobody can remove it; governance: who has a right of its own can",
        ),
    ],
};

pub static STORE_KINDS: [&str; 5] = ["sqlite", "directory", "postgres", "mysql", "s3"];

static STORE: Shape = Shape {
    name: "a store",
    exactly_one: false,
    keys: &[
        Key::required("kind", Form::Words(&STORE_KINDS), "what it is"),
        Key::optional("path", SECRET_FORM, "file of an SQLite database, or directory"),
        Key::optional(
            "reader",
            SIDE,
            "database as it is read: a file, or postgres:// or mysql://; of a bucket: who reads it",
        ),
        Key::optional("writer", SIDE, "database as it is written; of a bucket: who deletes from it"),
        Key::optional(
            "connections",
            Form::Count { low: 1, high: 8 },
            "most batches at once in a database server, 1 unless said",
        ),
        Key::optional(
            "vacuum",
            Form::Words(&["after_run", "left_to_server"]),
            "who clears dead rows away: the run at its end, unless said, or the server in its time",
        ),
        Key::optional(
            "partitions",
            Form::Words(&["row_by_row", "drop"]),
            "whether a partition in which every record is due is dropped as a whole; row by row unless said",
        ),
        Key::optional("backups_kept", PERIOD_FORM, "how long its backups live; not said is unknown"),
        Key::optional(
            "logs_kept",
            PERIOD_FORM,
            "how long the logs of a database server live, with their archives; as long as backups unless said",
        ),
        Key::optional("alias", NAME_FORM, "what certificates call it in public"),
        Key::optional("bucket", TEXT_FORM, "name of the bucket"),
        REGION,
        ENDPOINT,
        PATH_STYLE,
        CA,
        Key::optional(
            "bypass_governance",
            Form::Boolean,
            "governance retention of Object Lock is bypassed; stands on certificates",
        ),
        Key::optional("inventory", Form::Map(&INVENTORY), "S3 Inventory of the bucket, by which plans count"),
    ],
};

static INVENTORY: Shape = Shape {
    name: "the inventory of a bucket",
    exactly_one: false,
    keys: &[
        Key::optional("bucket", TEXT_FORM, "bucket that it is delivered to; the bucket itself unless said"),
        Key::required(
            "prefix",
            TEXT_FORM,
            "folder that holds one folder for each delivery, named by its time",
        ),
        Key::optional("max_age", PERIOD_FORM, "how old it may be, P2D unless said"),
    ],
};

/// Text for databases, a map for buckets.
const SIDE: Form = Form::OneOf(&[SECRET_FORM, Form::Map(&CREDENTIALS)]);

static CREDENTIALS: Shape = Shape {
    name: "the credentials of a bucket",
    exactly_one: false,
    keys: &[
        Key::optional("access_key", SECRET_FORM, "id of an access key, with `secret_key`"),
        Key::optional("secret_key", SECRET_FORM, "secret of the access key"),
        Key::optional("session_token", SECRET_FORM, "token of a temporary access key"),
        Key::optional("profile", TEXT_FORM, "profile of the shared credential files"),
        Key::optional("role", TEXT_FORM, "role that the credentials of the environment assume, as arn:…"),
        Key::optional("external_id", SECRET_FORM, "external id that the role asks for"),
        Key::optional("anonymous", Form::Boolean, "no credentials at all"),
    ],
};

static SCHEDULE: Shape = Shape {
    name: "a schedule",
    exactly_one: false,
    keys: &[
        Key::required("cron", Form::Scalar(&CRON), "when, such as \"0 30 2 * * *\""),
        Key::required("time_zone", Form::Scalar(&ZONE), "whose clock"),
        Key::required("policies", Form::List(&NAME_FORM), "which policies"),
        Key::optional("window", PERIOD_FORM, "how long after its time a run may go on"),
        Key::optional(
            "jitter",
            Form::Scalar(&EXACT_PERIOD),
            "most by which a due time is put off, differently each time; none unless said",
        ),
        Key::optional(
            "missed",
            Form::Words(&["next_window", "at_once"]),
            "what was missed while nothing ran: waits for the next window unless said, or is caught up at once",
        ),
    ],
};

static DAEMON: Shape = Shape {
    name: "the daemon",
    exactly_one: false,
    keys: &[
        Key::optional(
            "mode",
            Form::Words(&["enforce", "dry_run"]),
            "whether anything is carried out, as it is unless said",
        ),
        Key::optional(
            "dry_run_reminder",
            Form::Count { low: 1, high: 3_650 },
            "after how many days a dry run left on is announced, and again each time; 7 unless said",
        ),
        Key::optional("jump", Form::Map(&JUMP), "when a rise of what is due waits for a person"),
        Key::optional("scan", Form::Map(&SCAN), "when everything is looked at for what is beyond its time"),
        Key::optional(
            "stop_within",
            Form::Scalar(&EXACT_PERIOD),
            "after how long a stop no longer waits for the batch under way, PT1M unless said",
        ),
        Key::optional(
            "helps",
            Form::Boolean,
            "whether a part of a run is done here while another daemon acts, as it is unless said",
        ),
    ],
};

static JUMP: Shape = Shape {
    name: "the jump guard",
    exactly_one: false,
    keys: &[
        Key::optional(
            "factor",
            Form::Count { low: 2, high: 1_000_000 },
            "how many times the usual number of due records, 10 unless said",
        ),
        Key::optional(
            "floor",
            Form::Count { low: 0, high: i64::MAX.unsigned_abs() },
            "up to so many records nothing is a jump, 1000 unless said",
        ),
    ],
};

static SCAN: Shape = Shape {
    name: "the verification scan",
    exactly_one: false,
    keys: &[
        Key::required("cron", Form::Scalar(&CRON), "when, at least once a quarter"),
        Key::required("time_zone", Form::Scalar(&ZONE), "whose clock"),
    ],
};

static APPROVALS: Shape = Shape {
    name: "the approvals",
    exactly_one: false,
    keys: &[
        Key::optional("approver_not_author", Form::Boolean, "who drafted a plan may not approve it"),
        Key::optional("plan_valid_for", PERIOD_FORM, "how long a plan may wait, P7D unless said"),
        Key::optional("approvers", Form::List(&Form::Map(&APPROVER)), "whose approvals must be signed"),
        Key::optional(
            "require_signature",
            Form::Boolean,
            "every approval must be signed, by one of the approvers",
        ),
    ],
};

static APPROVER: Shape = Shape {
    name: "an approver",
    exactly_one: false,
    keys: &[
        Key::required("name", TEXT_FORM, "as `approve --as` gives it"),
        Key::required("key", Form::Scalar(&APPROVER_KEY), "public key, as a line of a .pub file or in PEM"),
    ],
};

static APPROVER_KEY: ScalarForm = ScalarForm {
    expected: "a public key of ssh-ed25519 or ecdsa-sha2-nistp256, or a P-256 key in PEM",
    code: "bad-key",
    pattern: None,
    check: |text| ApproverKey::parse(text).map(drop).map_err(|error| error.to_string()),
};

static RECIPIENT: Shape = Shape {
    name: "a recipient",
    exactly_one: false,
    keys: &[
        Key::required("name", TEXT_FORM, "name as the person reads it"),
        Key::optional("alias", NAME_FORM, "what certificates call it in public; its key unless said"),
        Key::required(
            "role",
            Form::Words(&["processor", "controller", "joint"]),
            "what it is in the sense of the GDPR",
        ),
        Key::optional("datasets", Form::List(&NAME_FORM), "datasets of which it received data"),
        Key::optional("record_types", Form::List(&NAME_FORM), "record types of which it received data"),
        Key::optional("categories", Form::List(&TEXT_FORM), "data categories that it received"),
        Key::required(
            "identities",
            Form::List(&NAME_FORM),
            "kinds of identities under which it knows people; it is told these and no others",
        ),
        Key::optional("webhook", Form::Map(&WEBHOOK), "it takes signed webhooks"),
        Key::optional("http", Form::Map(&HTTP_TEMPLATE), "it has an interface of its own"),
        Key::optional("manual", Form::Boolean, "a person tells it"),
    ],
};

pub(super) static WEBHOOK: Shape = Shape {
    name: "a webhook",
    exactly_one: false,
    keys: &[
        Key::required("url", SECRET_FORM, "https address"),
        Key::required("secret", SECRET_FORM, "base64 of 24 to 64 bytes, with or without whsec_"),
        Key::optional("old_secret", SECRET_FORM, "signs too, while the receiver changes over"),
        Key::optional("ca", PATH_FORM, "file of certificates in PEM that are believed too"),
        Key::optional("plain_http", Form::Boolean, "http to another machine is allowed"),
    ],
};

static HTTP_TEMPLATE: Shape = Shape {
    name: "an HTTP template",
    exactly_one: false,
    keys: &[
        Key::optional("method", Form::Words(&super::recipients::METHODS), "POST unless said"),
        Key::required("url", SECRET_FORM, "https address, with places such as {identity.email}"),
        Key::optional("headers", Form::Entries(&SECRET_FORM), "headers, with references"),
        Key::optional("body", TEXT_FORM, "JSON, in whose texts places are filled in"),
        Key::optional("ca", PATH_FORM, "file of certificates in PEM that are believed too"),
        Key::optional("plain_http", Form::Boolean, "http to another machine is allowed"),
    ],
};

static SUPPRESSION: Shape = Shape {
    name: "suppression",
    exactly_one: false,
    keys: &[
        Key::optional(
            "kept_for",
            PERIOD_FORM,
            "how long keyed hashes are kept; the longest `backups_kept` and 30 days unless said",
        ),
        Key::optional(
            "look",
            Form::Words(&["every_run", "when_asked"]),
            "whether every retention run looks for erased persons; so unless said",
        ),
    ],
};

static DRIFT: Shape = Shape {
    name: "the drift margins",
    exactly_one: false,
    keys: &[
        Key::optional("max_share", Form::Scalar(&SHARE), "of the planned count, 5% unless said"),
        Key::optional(
            "max_records",
            Form::Count { low: 0, high: i64::MAX.unsigned_abs() },
            "records, 100 unless said",
        ),
    ],
};
