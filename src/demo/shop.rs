//! The rows and files of the demonstration shop. Every date is told from `now` backwards, so that
//! the shop ages with the clock; names come from short lists, addresses end in `.example`.

use super::chance::Chance;
use super::{DISPUTED_CUSTOMER, DemoError};
use chrono::{DateTime, Datelike, Duration, SecondsFormat, Utc};
use chrono_tz::Europe::Paris;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};

const SEED: u64 = 0x0b11_e77e;
const ACCOUNTS: i64 = 1_200;
const CARDS: i64 = 900;
const PROSPECTS: i64 = 2_000;
const TICKETS: i64 = 700;
const ORDERS: i64 = 2_400;
const CALLS: i64 = 1_500;
const YEAR: u32 = 365;

const FIRST_NAMES: [&str; 12] = [
    "Camille", "Louise", "Jade", "Emma", "Alice", "Inès", "Gabriel", "Raphaël", "Louis", "Arthur", "Noé",
    "Hugo",
];
const LAST_NAMES: [&str; 12] = [
    "Martin", "Bernard", "Dubois", "Thomas", "Robert", "Richard", "Petit", "Durand", "Leroy", "Moreau",
    "Simon", "Lefèvre",
];
const CITIES: [&str; 8] = ["Paris", "Lyon", "Nantes", "Lille", "Rennes", "Toulouse", "Grenoble", "Brest"];
const PRODUCTS: [&str; 8] =
    ["Théière", "Lampe", "Couverture", "Carafe", "Tabouret", "Vase", "Panier", "Bougie"];
const SUBJECTS: [&str; 5] =
    ["Colis en retard", "Échange", "Remboursement", "Produit abîmé", "Question sur un produit"];

/// Statements that count each table.
pub(super) const COUNTS: [(&str, &str); 9] = [
    ("web_accounts", "SELECT count(*) FROM web_accounts"),
    ("loyalty_cards", "SELECT count(*) FROM loyalty_cards"),
    ("newsletter_prospects", "SELECT count(*) FROM newsletter_prospects"),
    ("support_tickets", "SELECT count(*) FROM support_tickets"),
    ("ticket_messages", "SELECT count(*) FROM ticket_messages"),
    ("orders", "SELECT count(*) FROM orders"),
    ("order_lines", "SELECT count(*) FROM order_lines"),
    ("invoices", "SELECT count(*) FROM invoices"),
    ("call_notes", "SELECT count(*) FROM call_notes"),
];
pub(super) const COUNT_ACCOUNTS_ANONYMIZED: &str =
    "SELECT count(*) FROM web_accounts WHERE anonymized_at IS NOT NULL";
pub(super) const COUNT_INVOICES_ANONYMIZED: &str =
    "SELECT count(*) FROM invoices WHERE customer_name = 'Client effacé'";
pub(super) const COUNT_BROKEN_REFERENCES: &str = "SELECT count(*) FROM pragma_foreign_key_check";

/// One file of the shop.
pub(super) struct Document {
    pub(super) key: String,
    pub(super) text: String,
}

/// What the making of the shop goes along with.
struct Maker<'a> {
    database: Transaction<'a, Sqlite>,
    chance: Chance,
    now: DateTime<Utc>,
    documents: Vec<Document>,
}

/// Makes tables and rows; the files are still to be written.
pub(super) async fn fill(
    database: &mut SqliteConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Document>, DemoError> {
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *database).await?;
    let chance = Chance::new(SEED);
    let mut maker = Maker { database: database.begin().await?, chance, now, documents: Vec::new() };
    maker.accounts().await?;
    maker.cards().await?;
    maker.prospects().await?;
    maker.tickets().await?;
    maker.orders().await?;
    maker.calls().await?;
    maker.database.commit().await?;
    Ok(maker.documents)
}

impl Maker<'_> {
    fn days_ago(&self, days: u32) -> DateTime<Utc> {
        self.now - Duration::days(i64::from(days)) - Duration::hours(i64::from(days % 11))
    }

    fn name(&mut self) -> String {
        format!("{} {}", self.chance.word(&FIRST_NAMES), self.chance.word(&LAST_NAMES))
    }

    fn customer(&mut self) -> i64 {
        1 + i64::from(self.chance.below(u32::try_from(ACCOUNTS).unwrap_or(1)))
    }

    /// Local time without an offset, as many programs write it.
    fn local(at: DateTime<Utc>) -> String {
        at.with_timezone(&Paris).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    async fn accounts(&mut self) -> Result<(), DemoError> {
        for id in 1..=ACCOUNTS {
            // About one in eight is inactive for more than three years; the disputed one too.
            let days = if id == DISPUTED_CUSTOMER { 4 * YEAR } else { self.chance.below(1_250) };
            let active = (!self.chance.percent(1) || id == DISPUTED_CUSTOMER)
                .then(|| Self::local(self.days_ago(days)));
            let birth = format!("{}-{:02}-{:02}", 1950 + self.chance.below(55), 1 + id % 12, 1 + id % 28);
            let (name, city) = (self.name(), self.chance.word(&CITIES));
            sqlx::query(
                "INSERT INTO web_accounts (id, email, full_name, phone, birth_date, address, city, last_activity_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(format!("client{id}@courriel.example"))
            .bind(name)
            .bind(format!("+33 6 00 {:02} {:02} {:02}", id / 100 % 100, id % 100, id % 97))
            .bind(birth)
            .bind(format!("{} rue des Lilas", 1 + id % 120))
            .bind(city)
            .bind(active)
            .execute(&mut *self.database)
            .await?;
        }
        Ok(())
    }

    async fn cards(&mut self) -> Result<(), DemoError> {
        for id in 1..=CARDS {
            let days = self.chance.below(1_250);
            let (customer, name) = (self.customer(), self.name());
            // A few cards were never used, and a till had its clock in the next year.
            let used = match id % 150 {
                0 => None,
                75 => Some((self.now + Duration::days(200)).date_naive()),
                _ => Some(self.days_ago(days).date_naive()),
            };
            sqlx::query(
                "INSERT INTO loyalty_cards (id, customer_id, card_number, holder_name, email, last_used_on)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(customer)
            .bind(format!("FID{id:08}"))
            .bind(name)
            .bind(format!("client{customer}@courriel.example"))
            .bind(used.map(|day| day.to_string()))
            .execute(&mut *self.database)
            .await?;
        }
        Ok(())
    }

    async fn prospects(&mut self) -> Result<(), DemoError> {
        for id in 1..=PROSPECTS {
            // Nobody cleaned up for years: a third is due, more than the guard lets pass unseen.
            let days = self.chance.below(1_650);
            let country = self.chance.word(&["FR", "FR", "FR", "FR", "BE", "CH"]);
            let name = self.chance.word(&FIRST_NAMES);
            let clicked = (!self.chance.percent(2))
                .then(|| self.days_ago(days).to_rfc3339_opts(SecondsFormat::Secs, true));
            sqlx::query(
                "INSERT INTO newsletter_prospects (id, email, first_name, country, last_click_at)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(format!("prospect{id}@courriel.example"))
            .bind(name)
            .bind(country)
            .bind(clicked)
            .execute(&mut *self.database)
            .await?;
        }
        Ok(())
    }

    async fn tickets(&mut self) -> Result<(), DemoError> {
        let mut message = 0;
        for id in 1..=TICKETS {
            let disputed = id == 7;
            let days = if disputed { 3 * YEAR } else { self.chance.below(850) };
            let customer = if disputed { DISPUTED_CUSTOMER } else { self.customer() };
            let status = if !disputed && self.chance.percent(8) { "open" } else { "closed" };
            let forgotten = !disputed && id % 100 == 0;
            let closed = (status == "closed" && !forgotten)
                .then(|| self.days_ago(days).to_rfc3339_opts(SecondsFormat::Secs, true));
            let subject = self.chance.word(&SUBJECTS);
            sqlx::query(
                "INSERT INTO support_tickets (id, customer_id, subject, body, status, closed_at)
                 VALUES (?, ?, ?, 'Bonjour, pouvez-vous m''aider ?', ?, ?)",
            )
            .bind(id)
            .bind(customer)
            .bind(subject)
            .bind(status)
            .bind(closed)
            .execute(&mut *self.database)
            .await?;
            for _ in 0..=self.chance.below(4) {
                message += 1;
                let author = self.name();
                sqlx::query(
                    "INSERT INTO ticket_messages (id, ticket_id, author, body) VALUES (?, ?, ?, 'Merci.')",
                )
                .bind(message)
                .bind(id)
                .bind(author)
                .execute(&mut *self.database)
                .await?;
            }
        }
        Ok(())
    }

    async fn orders(&mut self) -> Result<(), DemoError> {
        let mut line = 0;
        for id in 1..=ORDERS {
            let disputed = id == 13;
            // Orders go back five years and a half, their invoices eleven.
            let days = if disputed { 5 * YEAR + 120 } else { self.chance.below(2_000) };
            let customer = if disputed { DISPUTED_CUSTOMER } else { self.customer() };
            let delivered = self.days_ago(days);
            let lost = !disputed && id % 300 == 0;
            let total = i64::from(900 + self.chance.below(20_000));
            let note = (disputed || id % 4 == 0).then(|| self.delivery_note(id, customer));
            if disputed || id % 5 == 0 {
                self.receipt(id, customer, delivered, total);
            }
            sqlx::query(
                "INSERT INTO orders (id, customer_id, delivered_at, total_cents, delivery_note)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(customer)
            .bind((!lost).then(|| delivered.to_rfc3339_opts(SecondsFormat::Secs, true)))
            .bind(total)
            .bind(note)
            .execute(&mut *self.database)
            .await?;
            for _ in 0..=self.chance.below(3) {
                line += 1;
                let (product, quantity) = (self.chance.word(&PRODUCTS), 1 + self.chance.below(3));
                sqlx::query(
                    "INSERT INTO order_lines (id, order_id, product, quantity, price_cents) VALUES (?, ?, ?, ?, ?)",
                )
                .bind(line)
                .bind(id)
                .bind(product)
                .bind(quantity)
                .bind(total / i64::from(quantity))
                .execute(&mut *self.database)
                .await?;
            }
            self.invoice(id, total).await?;
        }
        Ok(())
    }

    /// The accounts keep invoices of their own, older than the shop's orders.
    async fn invoice(&mut self, id: i64, total: i64) -> Result<(), DemoError> {
        let days = self.chance.below(12 * YEAR);
        let issued = self.days_ago(days);
        let (customer, name) = (self.customer(), self.name());
        sqlx::query(
            "INSERT INTO invoices (id, order_number, customer_name, email, address, amount_cents, issued_on)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(format!("C{:06}", 100_000 + id))
        .bind(name)
        .bind(format!("client{customer}@courriel.example"))
        .bind(format!("{} rue des Lilas", 1 + id % 120))
        .bind(total)
        .bind(issued.date_naive().to_string())
        .execute(&mut *self.database)
        .await?;
        Ok(())
    }

    /// A delivery note that its order names.
    fn delivery_note(&mut self, order: i64, customer: i64) -> String {
        let key = format!("delivery-notes/{customer}/bon-{order}.txt");
        let text = format!("La Petite Boutique\nBon de livraison {order}\nClient {customer}\n");
        self.documents.push(Document { key: key.clone(), text });
        key
    }

    /// A till receipt of the month of a purchase. No table names it.
    fn receipt(&mut self, number: i64, customer: i64, at: DateTime<Utc>, total: i64) {
        let day = at.with_timezone(&Paris).date_naive();
        let key = format!("receipts/{:04}/{:02}/{customer}/recu-{number}.txt", day.year(), day.month());
        let text = format!(
            "La Petite Boutique\nReçu de caisse {number}\nClient {customer}\nTotal {},{:02} EUR\n",
            total / 100,
            total % 100
        );
        self.documents.push(Document { key, text });
    }

    async fn calls(&mut self) -> Result<(), DemoError> {
        for id in 1..=CALLS {
            let disputed = id == 3;
            let days = if disputed { 300 } else { self.chance.below(210) };
            let customer = if disputed { DISPUTED_CUSTOMER } else { self.customer() };
            sqlx::query("INSERT INTO call_notes (id, customer_id, noted_at, note) VALUES (?, ?, ?, ?)")
                .bind(id)
                .bind(customer)
                .bind(self.days_ago(days).timestamp())
                .bind("Le client rappelle demain.")
                .execute(&mut *self.database)
                .await?;
        }
        Ok(())
    }
}
