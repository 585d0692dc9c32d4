-- Each time that somebody accepted a clock behind the last instant seen: what had been seen, what was
-- accepted instead, and who did it and why.
CREATE TABLE clock_accepted (
    line        INTEGER PRIMARY KEY,
    seen_at     TEXT NOT NULL,
    accepted_at TEXT NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;
