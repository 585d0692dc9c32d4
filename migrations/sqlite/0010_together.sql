-- Several requests carried out by one plan: what was found, and what receipts are made of, are kept for each.
CREATE TABLE request_plan_each (
    plan_id    TEXT NOT NULL REFERENCES plan (plan_id),
    request_id TEXT NOT NULL REFERENCES request (request_id),
    line       INTEGER NOT NULL,
    sealed     BLOB,
    PRIMARY KEY (plan_id, request_id)
) STRICT;
INSERT INTO request_plan_each (plan_id, request_id, line, sealed)
    SELECT plan_id, request_id, line, sealed FROM request_plan;
DROP TABLE request_plan;
ALTER TABLE request_plan_each RENAME TO request_plan;
CREATE INDEX request_plan_by_request ON request_plan (request_id, line);

CREATE TABLE request_receipt_each (
    certificate_id TEXT NOT NULL,
    request_id     TEXT NOT NULL REFERENCES request (request_id),
    at             TEXT NOT NULL,
    sealed         BLOB NOT NULL,
    PRIMARY KEY (certificate_id, request_id)
) STRICT;
INSERT INTO request_receipt_each (certificate_id, request_id, at, sealed)
    SELECT certificate_id, request_id, at, sealed FROM request_receipt;
DROP TABLE request_receipt;
ALTER TABLE request_receipt_each RENAME TO request_receipt;
CREATE INDEX request_receipt_by_request ON request_receipt (request_id);
CREATE INDEX request_receipt_by_time ON request_receipt (at);

-- Those whose run goes on, or has just ended.
CREATE INDEX request_running ON request (line) WHERE state = 'running';
-- Those whose person is to be forgotten.
CREATE INDEX request_to_forget ON request (line) WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL;
