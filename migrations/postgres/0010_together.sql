-- Several requests carried out by one plan: what was found, and what receipts are made of, are kept for each.
ALTER TABLE request_plan DROP CONSTRAINT request_plan_pkey;
ALTER TABLE request_plan ADD PRIMARY KEY (plan_id, request_id);
ALTER TABLE request_receipt DROP CONSTRAINT request_receipt_pkey;
ALTER TABLE request_receipt ADD PRIMARY KEY (certificate_id, request_id);
CREATE INDEX request_receipt_by_time ON request_receipt (at);

-- Those whose run goes on, or has just ended.
CREATE INDEX request_running ON request (line) WHERE state = 'running';
-- Those whose person is to be forgotten.
CREATE INDEX request_to_forget ON request (line) WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL;
