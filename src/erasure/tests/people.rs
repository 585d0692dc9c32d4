//! A random shop: tables with rows of which it is known whose they are and what refers to what.

use super::store::{Row, Table};
use std::collections::BTreeSet;

/// Splitmix64: the same shop for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most.max(1) as u64)).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// Person 0 is the one who asks.
pub(super) const PEOPLE: usize = 5;

pub(super) struct Shop {
    pub(super) tables: Vec<Table>,
    /// (child table, row, parent table, row): as long as the child is there the parent stays.
    keeps: Vec<(usize, usize, usize, usize)>,
}

const CUSTOMERS: usize = 0;
const ADDRESSES: usize = 1;
const ORDERS: usize = 2;
const LINES: usize = 3;
const NOTES: usize = 4;
const MESSAGES: usize = 5;
const COMMENTS: usize = 6;
const GROUPS: usize = 7;
const MEMBERSHIPS: usize = 8;
const LOGINS: usize = 9;
const PROFILES: usize = 10;
const REVIEWS: usize = 11;
const ACCOUNTS: usize = 12;
const DEVICES: usize = 13;
const TICKETS: usize = 14;
const EVENTS: usize = 15;
const CITIES: usize = 16;
const WATCHERS: usize = 17;

impl Shop {
    pub(super) fn random(random: &mut Random) -> Self {
        let mut shop = Self { tables: super::store::empty_tables(), keeps: Vec::new() };
        let customers = shop.customers(random);
        shop.orders(random, &customers);
        shop.talk(random, &customers);
        shop.accounts(random, &customers);
        shop.others(random, &customers);
        shop.shared();
        shop
    }

    pub(super) fn given() -> Vec<String> {
        Self::given_of(0)
    }

    pub(super) fn given_of(person: usize) -> Vec<String> {
        vec![format!("email={}", email(person))]
    }

    /// Whether a row that stays refers to it.
    pub(super) fn is_kept(&self, table: usize, row: usize, going: &BTreeSet<(usize, usize)>) -> bool {
        let mut keeps = self.keeps.iter();
        keeps
            .any(|&(child, from, parent, to)| (parent, to) == (table, row) && !going.contains(&(child, from)))
    }

    fn add(&mut self, table: usize, own: bool, values: Vec<Option<String>>) -> usize {
        self.tables[table].rows.push(Row { own, values });
        self.tables[table].rows.len() - 1
    }

    /// (row, id, person) of every customer; some people have two numbers.
    fn customers(&mut self, random: &mut Random) -> Vec<(usize, usize, usize)> {
        for city in 0..3 {
            self.add(CITIES, false, vec![number(city + 1)]);
        }
        for address in 0..PEOPLE + 2 {
            let city = (!random.one_in(4)).then(|| random.below(3) + 1);
            let row = self.add(ADDRESSES, false, vec![number(address + 1), city.and_then(number)]);
            if let Some(city) = city {
                self.keeps.push((ADDRESSES, row, CITIES, city - 1));
            }
        }
        let mut customers = Vec::new();
        for person in 0..PEOPLE {
            for _ in 0..=usize::from(random.one_in(3)) {
                let id = customers.len() + 10;
                let address = (!random.one_in(5)).then(|| random.below(PEOPLE + 2));
                let referrer = if customers.is_empty() || !random.one_in(4) {
                    None
                } else {
                    Some(customers[random.below(customers.len())])
                };
                let values = vec![
                    number(id),
                    Some(spelled(random, &email(person))),
                    address.and_then(|address| number(address + 1)),
                    referrer.and_then(|(_, id, _)| number(id)),
                ];
                let row = self.add(CUSTOMERS, person == 0, values);
                if let Some(address) = address {
                    self.keeps.push((CUSTOMERS, row, ADDRESSES, address));
                }
                if let Some((referrer, _, _)) = referrer {
                    self.keeps.push((CUSTOMERS, row, CUSTOMERS, referrer));
                }
                customers.push((row, id, person));
            }
        }
        customers
    }

    fn orders(&mut self, random: &mut Random, customers: &[(usize, usize, usize)]) {
        for order in 0..random.below(14) {
            let customer = customers[random.below(customers.len())];
            let as_guest = random.one_in(3);
            // A gift: ordered by one, and the e-mail address is another's.
            let named = if random.one_in(4) { random.below(PEOPLE) } else { customer.2 };
            let has_email = as_guest || random.one_in(2);
            let own =
                named == 0 && (as_guest || customer.2 == 0) || !has_email && !as_guest && customer.2 == 0;
            let own = own && !(has_email && named != 0);
            let address = random.one_in(3).then(|| random.below(PEOPLE + 2));
            let values = vec![
                number(order + 1),
                if as_guest { None } else { number(customer.1) },
                has_email.then(|| spelled(random, &email(named))),
                address.and_then(|address| number(address + 1)),
            ];
            let row = self.add(ORDERS, own, values);
            if !as_guest {
                self.keeps.push((ORDERS, row, CUSTOMERS, customer.0));
            }
            if let Some(address) = address {
                self.keeps.push((ORDERS, row, ADDRESSES, address));
            }
            // Somebody may follow the order: that ends with them, and with the order.
            if random.one_in(3) {
                let watcher = customers[random.below(customers.len())];
                let id = self.tables[WATCHERS].rows.len() + 1;
                let values = vec![number(id), number(order + 1), number(watcher.1)];
                let watching = self.add(WATCHERS, own || watcher.2 == 0, values);
                self.keeps.push((WATCHERS, watching, ORDERS, row));
                self.keeps.push((WATCHERS, watching, CUSTOMERS, watcher.0));
            }
            for line in 0..random.below(3) {
                let keys = [number(order + 1), number(line + 1)];
                let line_row = self.add(LINES, own, vec![keys[0].clone(), keys[1].clone(), text("line")]);
                self.keeps.push((LINES, line_row, ORDERS, row));
                for _ in 0..random.below(2) {
                    let id = self.tables[NOTES].rows.len() + 1;
                    let values = vec![number(id), keys[0].clone(), keys[1].clone()];
                    let note = self.add(NOTES, own, values);
                    self.keeps.push((NOTES, note, LINES, line_row));
                }
            }
        }
        // Of an order that nobody has any more.
        let id = self.tables[NOTES].rows.len() + 1;
        self.add(NOTES, false, vec![number(id), number(900), number(1)]);
    }

    fn talk(&mut self, random: &mut Random, customers: &[(usize, usize, usize)]) {
        for message in 0..random.below(8) {
            let from = customers[random.below(customers.len())];
            let to = customers[random.below(customers.len())];
            let (no_reader, lost_reader) = (random.one_in(4), random.one_in(4));
            let own = from.2 == 0 && (no_reader || lost_reader || to.2 == 0);
            let reader = match (no_reader, lost_reader) {
                (true, _) => None,
                (false, true) => number(999),
                (false, false) => number(to.1),
            };
            let row = self.add(MESSAGES, own, vec![number(message + 1), number(from.1), reader]);
            self.keeps.push((MESSAGES, row, CUSTOMERS, from.0));
            if !no_reader && !lost_reader {
                self.keeps.push((MESSAGES, row, CUSTOMERS, to.0));
            }
        }
        for comment in 0..random.below(10) {
            let author = random.below(PEOPLE).min(random.below(PEOPLE));
            let parent = if comment == 0 || random.one_in(3) { None } else { Some(random.below(comment)) };
            // An answer is part of what it answers, and written by somebody.
            let of_own = parent.is_none_or(|parent| self.tables[COMMENTS].rows[parent].own);
            let values = vec![
                number(comment + 1),
                Some(spelled(random, &email(author))),
                parent.and_then(|parent| number(parent + 1)),
            ];
            let row = self.add(COMMENTS, author == 0 && of_own, values);
            if let Some(parent) = parent {
                self.keeps.push((COMMENTS, row, COMMENTS, parent));
            }
        }
    }

    /// Accounts are part of a customer and of a device, and a device is part of its first account.
    fn accounts(&mut self, random: &mut Random, customers: &[(usize, usize, usize)]) {
        for pair in 0..random.below(5) {
            let (one, other) =
                (customers[random.below(customers.len())], customers[random.below(customers.len())]);
            let shares_device = random.one_in(3);
            let device_own = one.2 == 0;
            let own = one.2 == 0;
            let id = self.tables[ACCOUNTS].rows.len() + 1;
            let account = vec![number(id), number(one.1), number(pair + 1)];
            self.add(ACCOUNTS, own, account);
            if shares_device {
                let values = vec![number(id + 1), number(other.1), number(pair + 1)];
                self.add(ACCOUNTS, device_own && other.2 == 0, values);
            }
            self.add(DEVICES, device_own, vec![number(pair + 1), number(id)]);
        }
    }

    fn others(&mut self, random: &mut Random, customers: &[(usize, usize, usize)]) {
        for group in 0..2 {
            self.add(GROUPS, false, vec![number(group + 1)]);
        }
        let mut known = BTreeSet::new();
        for _ in 0..random.below(6) {
            let (group, customer) = (random.below(2), customers[random.below(customers.len())]);
            if known.insert((group, customer.0)) {
                let values = vec![number(group + 1), number(customer.1)];
                let row = self.add(MEMBERSHIPS, customer.2 == 0, values);
                self.keeps.push((MEMBERSHIPS, row, GROUPS, group));
                self.keeps.push((MEMBERSHIPS, row, CUSTOMERS, customer.0));
            }
        }
        for login in 0..random.below(8) {
            let person = random.below(PEOPLE);
            let values = vec![number(login + 1), Some(spelled(random, &email(person)))];
            self.add(LOGINS, person == 0, values);
        }
        for profile in 0..random.below(6) {
            let customer = customers[random.below(customers.len())];
            let code = if random.one_in(4) { "nobody".to_owned() } else { customer.1.to_string() };
            let own = customer.2 == 0 && code != "nobody";
            self.add(PROFILES, own, vec![number(profile + 1), Some(code)]);
        }
        for review in 0..random.below(6) {
            let customer = customers[random.below(customers.len())];
            let lost = random.one_in(4);
            let values = vec![number(review + 1), number(if lost { 997 } else { customer.1 })];
            let row = self.add(REVIEWS, customer.2 == 0 && !lost, values);
            if !lost {
                self.keeps.push((REVIEWS, row, CUSTOMERS, customer.0));
            }
        }
        for ticket in 0..random.below(6) {
            let person = random.below(PEOPLE);
            let values = vec![number(ticket + 1), Some(spelled(random, &email(person)))];
            let row = self.add(TICKETS, person == 0, values);
            for _ in 0..random.below(3) {
                let id = self.tables[EVENTS].rows.len() + 1;
                let event = self.add(EVENTS, person == 0, vec![number(id), number(ticket + 1)]);
                self.keeps.push((EVENTS, event, TICKETS, row));
            }
        }
    }

    /// An address is the person's when their rows name it and nobody else's do, and so is a city of such
    /// addresses.
    fn shared(&mut self) {
        for table in [ADDRESSES, CITIES] {
            for row in 0..self.tables[table].rows.len() {
                let naming: Vec<bool> = self
                    .keeps
                    .iter()
                    .filter(|&&(_, _, parent, to)| (parent, to) == (table, row))
                    .map(|&(child, from, _, _)| self.tables[child].rows[from].own)
                    .collect();
                self.tables[table].rows[row].own = !naming.is_empty() && naming.iter().all(|own| *own);
            }
        }
    }
}

fn email(person: usize) -> String {
    ["jo.doe@example.org", "kim@example.org", "lou@example.net", "max@example.org", "jodoe@example.org"]
        [person]
        .to_owned()
}

/// The same address as somebody else types it.
fn spelled(random: &mut Random, email: &str) -> String {
    match random.below(4) {
        0 => email.to_uppercase(),
        1 => format!(" {email} "),
        2 => email.replacen('o', "O", 1),
        _ => email.to_owned(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as a column holds it, which may be empty")]
fn number(value: usize) -> Option<String> {
    Some(value.to_string())
}

#[expect(clippy::unnecessary_wraps, reason = "as a column holds it, which may be empty")]
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}
