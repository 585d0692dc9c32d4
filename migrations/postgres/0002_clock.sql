-- Each time that somebody accepted a clock behind the last instant seen: what had been seen, what was
-- accepted instead, and who did it and why.
CREATE TABLE clock_accepted (
    line        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seen_at     TEXT COLLATE "C" NOT NULL,
    accepted_at TEXT COLLATE "C" NOT NULL,
    -- Who and why.
    sealed      BYTEA NOT NULL
);
