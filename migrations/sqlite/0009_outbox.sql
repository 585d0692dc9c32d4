-- What the program tells people: notices, on their way. `value` is JSON with codes, names and counts, nothing personal.
CREATE TABLE outbox (
    line      INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL UNIQUE,
    -- Equal for notices of the same thing.
    sameness  TEXT NOT NULL,
    raised_at TEXT NOT NULL,
    value     TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_by_sameness ON outbox (sameness, raised_at);

-- One line for each receiver, by its name in the settings.
CREATE TABLE outbox_delivery (
    notice_id TEXT NOT NULL REFERENCES outbox (notice_id),
    target    TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts  INTEGER NOT NULL,
    -- When the next attempt may begin; while one is under way, when it counts as lost.
    next_at   TEXT NOT NULL,
    -- Why the last attempt failed.
    reason    TEXT,
    PRIMARY KEY (notice_id, target)
) STRICT;
CREATE INDEX outbox_waiting ON outbox_delivery (next_at) WHERE state = 'waiting';
