-- The ledger's first tables, in the schema that the connection's search_path names. Instants are
-- RFC 3339 text in UTC with nine digits of a second, compared byte by byte (COLLATE "C"), so that text
-- order is time order. Numbers and marks (0 or 1) are BIGINT, so that the statements are those of the
-- ledger on SQLite. No table holds a personal value in clear: columns named `sealed` are encrypted,
-- columns named `counts` and `kept` are JSON with dataset names, reason codes and numbers.

CREATE TABLE ledger (
    one       BIGINT PRIMARY KEY CHECK (one = 1),
    -- A known text under the sealing key: tells a wrong key at once.
    key_check BYTEA NOT NULL
);

CREATE TABLE plan (
    line       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id    TEXT NOT NULL UNIQUE,
    digest     TEXT NOT NULL,
    drafted_at TEXT COLLATE "C" NOT NULL,
    canonical  BYTEA NOT NULL
);
CREATE INDEX plan_by_age ON plan (drafted_at, line);

CREATE TABLE approval (
    line        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id     TEXT NOT NULL REFERENCES plan (plan_id),
    plan_digest TEXT NOT NULL,
    approved_at TEXT COLLATE "C" NOT NULL,
    -- Approver and note.
    sealed      BYTEA NOT NULL
);
CREATE INDEX approval_by_plan ON approval (plan_id);

CREATE TABLE standing_approval (
    line        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy      TEXT NOT NULL,
    rule        TEXT NOT NULL,
    rule_digest TEXT NOT NULL,
    approved_at TEXT COLLATE "C" NOT NULL,
    revoked_at  TEXT COLLATE "C",
    -- Approver.
    sealed      BYTEA NOT NULL
);
CREATE INDEX standing_by_rule ON standing_approval (policy, rule) WHERE revoked_at IS NULL;

-- Its one row is also the lock that a transaction takes before it writes anything.
CREATE TABLE hold_register (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL
);
INSERT INTO hold_register (one, revision) VALUES (1, 0);

CREATE TABLE hold (
    line              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hold_id           TEXT NOT NULL UNIQUE,
    placed_at         TEXT COLLATE "C" NOT NULL,
    placed_revision   BIGINT NOT NULL,
    review_on         TEXT COLLATE "C",
    released_at       TEXT COLLATE "C",
    released_revision BIGINT,
    -- Matter, reason, owner and scope.
    sealed            BYTEA NOT NULL
);
CREATE INDEX hold_active ON hold (line) WHERE released_at IS NULL;

CREATE TABLE run (
    line           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id         TEXT NOT NULL UNIQUE,
    plan_id        TEXT NOT NULL UNIQUE,
    plan_digest    TEXT NOT NULL,
    certificate_id TEXT NOT NULL UNIQUE,
    state          TEXT NOT NULL CHECK (state IN ('running', 'certifying', 'certified')),
    started_at     TEXT COLLATE "C" NOT NULL,
    intent_index   BIGINT,
    reconciled     BIGINT NOT NULL CHECK (reconciled IN (0, 1)),
    statement      TEXT,
    run_key_sealed BYTEA,
    -- 1 once the sealed bytes are known to be in no row of the ledger.
    keys_destroyed BIGINT NOT NULL DEFAULT 0 CHECK (keys_destroyed IN (0, 1))
);
CREATE INDEX run_undestroyed ON run (line) WHERE state = 'certified' AND keys_destroyed = 0;
CREATE INDEX run_open ON run (line) WHERE state <> 'certified';

-- One line for each transition of a batch. Never edited, never deleted.
CREATE TABLE journal (
    line          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id        TEXT NOT NULL REFERENCES run (run_id),
    item          BIGINT NOT NULL,
    part          BIGINT NOT NULL,
    batch         BIGINT NOT NULL,
    attempt       BIGINT NOT NULL,
    transition    TEXT NOT NULL CHECK (transition IN ('intend', 'act', 'settle', 'prove', 'abandon')),
    dataset       TEXT NOT NULL,
    counts        TEXT NOT NULL,
    kept          TEXT NOT NULL,
    hold_revision BIGINT NOT NULL,
    at            TEXT COLLATE "C" NOT NULL
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END
$$;
CREATE TRIGGER journal_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the journal's last line says of each batch: derived, written in the same transaction.
CREATE TABLE batch (
    run_id        TEXT NOT NULL REFERENCES run (run_id),
    item          BIGINT NOT NULL,
    part          BIGINT NOT NULL,
    batch         BIGINT NOT NULL,
    attempt       BIGINT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('intended', 'acted', 'proven', 'abandoned')),
    dataset       TEXT NOT NULL,
    counts        TEXT NOT NULL,
    kept          TEXT NOT NULL,
    hold_revision BIGINT NOT NULL,
    at            TEXT COLLATE "C" NOT NULL,
    reconciled    BIGINT NOT NULL CHECK (reconciled IN (0, 1)),
    PRIMARY KEY (run_id, item, part, batch)
);
-- Batches of an item are numbered over all its parts.
CREATE UNIQUE INDEX batch_number ON batch (run_id, item, batch);
CREATE INDEX batch_open ON batch (run_id, item, part, batch) WHERE state IN ('intended', 'acted');

-- Keys of records under the run's key. Beside the journal, because these are destroyed.
CREATE TABLE batch_keys (
    run_id TEXT NOT NULL REFERENCES run (run_id),
    item   BIGINT NOT NULL,
    part   BIGINT NOT NULL,
    batch  BIGINT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('intended', 'outcome')),
    sealed BYTEA NOT NULL,
    PRIMARY KEY (run_id, item, part, batch, kind)
);

-- The clock as it was last accepted.
CREATE TABLE clock_seen (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    at  TEXT COLLATE "C" NOT NULL
);

-- The newest head of each archive's log, to notice an archive that was rolled back.
CREATE TABLE checkpoint (
    origin TEXT PRIMARY KEY,
    note   BYTEA NOT NULL
);

-- Who may act, by name of what is acted on. On SQLite this is a lock on a file. A row is never deleted:
-- its token only grows, and whoever writes to the journal under a smaller one is refused.
CREATE TABLE lease (
    scope      TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    token      BIGINT NOT NULL,
    -- By the clock of the server.
    expires_at TIMESTAMPTZ NOT NULL
);
