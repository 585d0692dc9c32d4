CREATE TABLE web_accounts (
    id INTEGER PRIMARY KEY, email TEXT UNIQUE, full_name TEXT NOT NULL, phone TEXT, birth_date DATE,
    address TEXT, city TEXT, last_activity_at TEXT, anonymized_at TEXT
);
CREATE TABLE loyalty_cards (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, card_number TEXT NOT NULL,
    holder_name TEXT NOT NULL, email TEXT, last_used_on DATE
);
CREATE TABLE newsletter_prospects (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL, first_name TEXT, country TEXT NOT NULL, last_click_at TEXT
);
CREATE TABLE support_tickets (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, closed_at TEXT
);
CREATE TABLE ticket_messages (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    author TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX ticket_messages_by_ticket ON ticket_messages (ticket_id);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES web_accounts (id),
    delivered_at TEXT, total_cents INTEGER NOT NULL, delivery_note TEXT
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE order_lines (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id),
    product TEXT NOT NULL, quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL
);
CREATE INDEX order_lines_by_order ON order_lines (order_id);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY, order_number TEXT NOT NULL, customer_name TEXT NOT NULL, email TEXT,
    address TEXT, amount_cents INTEGER NOT NULL, issued_on DATE NOT NULL
);
CREATE TABLE call_notes (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, noted_at INTEGER NOT NULL, note TEXT NOT NULL
);
