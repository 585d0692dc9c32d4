-- Processes that help with a run of another one, and what that offers them.
CREATE TABLE helper (
    run_id TEXT NOT NULL REFERENCES run (run_id),
    helper BIGINT NOT NULL,
    -- 'dismissed': nothing that it writes is accepted, and what it left open is not settled yet.
    state  TEXT NOT NULL CHECK (state IN ('joined', 'dismissed', 'left')),
    PRIMARY KEY (run_id, helper)
);

CREATE TABLE offer (
    run_id   TEXT NOT NULL,
    item     BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('open', 'taken', 'done', 'returned')),
    -- Who took it, and when by the clock of the server.
    helper   BIGINT,
    taken_at TIMESTAMPTZ,
    disposed BIGINT NOT NULL DEFAULT 0,
    -- The token of the right to act under which it was made: those of a leader that is gone are nobody's.
    leader   BIGINT NOT NULL,
    -- A range of keys.
    sealed   BYTEA NOT NULL,
    PRIMARY KEY (run_id, item, number),
    FOREIGN KEY (run_id, helper) REFERENCES helper (run_id, helper)
);
CREATE INDEX offer_open ON offer (run_id, item, number) WHERE state = 'open';
