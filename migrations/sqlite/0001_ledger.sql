-- The ledger's first tables. Instants are RFC 3339 text in UTC with nine digits of a second, so that
-- text order is time order. No table holds a personal value in clear: columns named `sealed` are
-- encrypted, columns named `counts` and `kept` are JSON with dataset names, reason codes and numbers.

CREATE TABLE ledger (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    -- A known text under the sealing key: tells a wrong key at once.
    key_check BLOB NOT NULL
) STRICT;

CREATE TABLE plan (
    line       INTEGER PRIMARY KEY,
    plan_id    TEXT NOT NULL UNIQUE,
    digest     TEXT NOT NULL,
    drafted_at TEXT NOT NULL,
    canonical  BLOB NOT NULL
) STRICT;
CREATE INDEX plan_by_age ON plan (drafted_at, line);

CREATE TABLE approval (
    line        INTEGER PRIMARY KEY,
    plan_id     TEXT NOT NULL REFERENCES plan (plan_id),
    plan_digest TEXT NOT NULL,
    approved_at TEXT NOT NULL,
    -- Approver and note.
    sealed      BLOB NOT NULL
) STRICT;
CREATE INDEX approval_by_plan ON approval (plan_id);

CREATE TABLE standing_approval (
    line        INTEGER PRIMARY KEY,
    policy      TEXT NOT NULL,
    rule        TEXT NOT NULL,
    rule_digest TEXT NOT NULL,
    approved_at TEXT NOT NULL,
    revoked_at  TEXT,
    -- Approver.
    sealed      BLOB NOT NULL
) STRICT;
CREATE INDEX standing_by_rule ON standing_approval (policy, rule) WHERE revoked_at IS NULL;

CREATE TABLE hold_register (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO hold_register (one, revision) VALUES (1, 0);

CREATE TABLE hold (
    line              INTEGER PRIMARY KEY,
    hold_id           TEXT NOT NULL UNIQUE,
    placed_at         TEXT NOT NULL,
    placed_revision   INTEGER NOT NULL,
    review_on         TEXT,
    released_at       TEXT,
    released_revision INTEGER,
    -- Matter, reason, owner and scope.
    sealed            BLOB NOT NULL
) STRICT;
CREATE INDEX hold_active ON hold (line) WHERE released_at IS NULL;

CREATE TABLE run (
    line           INTEGER PRIMARY KEY,
    run_id         TEXT NOT NULL UNIQUE,
    plan_id        TEXT NOT NULL UNIQUE,
    plan_digest    TEXT NOT NULL,
    certificate_id TEXT NOT NULL UNIQUE,
    state          TEXT NOT NULL CHECK (state IN ('running', 'certifying', 'certified')),
    started_at     TEXT NOT NULL,
    intent_index   INTEGER,
    reconciled     INTEGER NOT NULL CHECK (reconciled IN (0, 1)),
    statement      TEXT,
    run_key_sealed BLOB,
    -- 1 once the sealed bytes are known to be in no file of the ledger.
    keys_destroyed INTEGER NOT NULL DEFAULT 0 CHECK (keys_destroyed IN (0, 1))
) STRICT;
CREATE INDEX run_undestroyed ON run (line) WHERE state = 'certified' AND keys_destroyed = 0;
CREATE INDEX run_open ON run (line) WHERE state <> 'certified';

-- One line for each transition of a batch. Never edited, never deleted.
CREATE TABLE journal (
    line          INTEGER PRIMARY KEY,
    run_id        TEXT NOT NULL REFERENCES run (run_id),
    item          INTEGER NOT NULL,
    part          INTEGER NOT NULL,
    batch         INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    transition    TEXT NOT NULL CHECK (transition IN ('intend', 'act', 'settle', 'prove', 'abandon')),
    dataset       TEXT NOT NULL,
    counts        TEXT NOT NULL,
    kept          TEXT NOT NULL,
    hold_revision INTEGER NOT NULL,
    at            TEXT NOT NULL
) STRICT;
CREATE TRIGGER journal_lines_stay BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER journal_lines_remain BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- What the journal's last line says of each batch: derived, written in the same transaction.
CREATE TABLE batch (
    run_id        TEXT NOT NULL REFERENCES run (run_id),
    item          INTEGER NOT NULL,
    part          INTEGER NOT NULL,
    batch         INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('intended', 'acted', 'proven', 'abandoned')),
    dataset       TEXT NOT NULL,
    counts        TEXT NOT NULL,
    kept          TEXT NOT NULL,
    hold_revision INTEGER NOT NULL,
    at            TEXT NOT NULL,
    reconciled    INTEGER NOT NULL CHECK (reconciled IN (0, 1)),
    PRIMARY KEY (run_id, item, part, batch)
) STRICT;
-- Batches of an item are numbered over all its parts.
CREATE UNIQUE INDEX batch_number ON batch (run_id, item, batch);
CREATE INDEX batch_open ON batch (run_id, item, part, batch) WHERE state IN ('intended', 'acted');

-- Keys of records under the run's key. Beside the journal, because these are destroyed.
CREATE TABLE batch_keys (
    run_id TEXT NOT NULL REFERENCES run (run_id),
    item   INTEGER NOT NULL,
    part   INTEGER NOT NULL,
    batch  INTEGER NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('intended', 'outcome')),
    sealed BLOB NOT NULL,
    PRIMARY KEY (run_id, item, part, batch, kind)
) STRICT;

-- The clock as it was last accepted.
CREATE TABLE clock_seen (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at  TEXT NOT NULL
) STRICT;

-- The newest head of each archive's log, to notice an archive that was rolled back.
CREATE TABLE checkpoint (
    origin TEXT PRIMARY KEY,
    note   BLOB NOT NULL
) STRICT;
