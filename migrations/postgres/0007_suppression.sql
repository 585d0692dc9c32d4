-- What tells that an erased person is seen again: keyed hashes, never an identity, and each with an end.
CREATE TABLE suppression (
    request_id     TEXT PRIMARY KEY REFERENCES request (request_id),
    certificate_id TEXT NOT NULL,
    -- When the first run ended; a record collected later was given anew.
    erased_at      TEXT COLLATE "C" NOT NULL,
    -- When the last run ended: a backup made later has nothing to bring back.
    last_erased_at TEXT COLLATE "C" NOT NULL,
    expires_at     TEXT COLLATE "C" NOT NULL
);

CREATE TABLE suppression_identity (
    request_id TEXT NOT NULL REFERENCES suppression (request_id),
    kind       TEXT NOT NULL,
    -- Of one form under which a store can hold the identity.
    hash       BYTEA NOT NULL,
    -- 1: the person gave it; 0: it was read from their records.
    given      BIGINT NOT NULL,
    PRIMARY KEY (request_id, kind, hash)
);

-- What was kept on purpose and still names the person.
CREATE TABLE suppression_kept (
    request_id TEXT NOT NULL REFERENCES suppression (request_id),
    hash       BYTEA NOT NULL,
    PRIMARY KEY (request_id, hash)
);

-- The newest look for erased persons: counts by dataset, as JSON.
CREATE TABLE suppression_look (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    value TEXT NOT NULL
);
