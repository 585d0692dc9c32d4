//! MariaDB: a purge beside one `DELETE` and `pt-archiver`.

use super::common::{Applied, Job, LOCAL_EVENTS, apply, run};
use super::{address, ask, median, report, runs, server_store};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn in_mysql(database: &str) -> Command {
    let administrator = address("OUBLIETTE_TEST_MYSQL");
    let port = port_of(&administrator);
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-N", "-B", "-h", "127.0.0.1", "-u", "root", "-P", &port, database]);
    command
}

fn port_of(administrator: &str) -> String {
    let (server, _) = administrator.rsplit_once('/').unwrap();
    server.rsplit_once(':').unwrap().1.to_owned()
}

pub(super) fn purge(rows: u64) {
    ask(
        &mut in_mysql("mysql"),
        &format!(
            "CREATE DATABASE IF NOT EXISTS bench;
             DROP TABLE IF EXISTS bench.full; DROP TABLE IF EXISTS bench.events;
             SET GLOBAL innodb_buffer_pool_size = 1073741824;
             CREATE TABLE bench.full(id BIGINT PRIMARY KEY, customer_id BIGINT, created_at DATETIME NOT NULL, payload VARCHAR(255), KEY created(created_at));
             INSERT INTO bench.full SELECT seq, (seq * 7919) % 100003,
               IF((seq * 2654435761) % 4294967296 < 2147483648,
                  '2010-01-01' + INTERVAL (seq * 40503 * 7919) % 315360000 SECOND,
                  UTC_TIMESTAMP() - INTERVAL 1 + (seq * 40503) % 25920000 SECOND), repeat('0', 200)
             FROM mysql.seq_1_to_{rows};"
        ),
    );
    println!("MariaDB");
    let (mut single, mut archiver) = (Vec::new(), Vec::new());
    let mut ours: [Vec<Applied>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..runs() {
        mysql_copy();
        let began = Instant::now();
        ask(&mut in_mysql("bench"), "DELETE FROM events WHERE created_at < '2020-01-01';");
        single.push(began.elapsed());
        if let Some(time) = pt_archiver() {
            archiver.push(time);
        }
        for connections in [1, 2] {
            mysql_copy();
            let store = server_store("mysql", "OUBLIETTE_TEST_MYSQL", connections, "");
            let job = Job { expected: rows / 2, store: &store, map: LOCAL_EVENTS, disposition: "purge" };
            ours[connections - 1].push(apply(&job));
        }
    }
    let single = median(&mut single);
    println!("  single DELETE: {single:.2} s (median of {})", runs());
    let archiver = if archiver.is_empty() { None } else { Some(median(&mut archiver)) };
    for (place, applied) in ours.iter_mut().enumerate() {
        let time = report(place + 1, applied, single, rows / 2);
        if let Some(archiver) = archiver {
            println!(
                "    {:.2} times the throughput of pt-archiver --bulk-delete ({archiver:.2} s)",
                archiver / time
            );
        }
    }
}

fn mysql_copy() {
    ask(
        &mut in_mysql("bench"),
        "DROP TABLE IF EXISTS events; CREATE TABLE events LIKE full; INSERT INTO events SELECT * FROM full ORDER BY id; ANALYZE TABLE events;",
    );
    settle_mysql();
}

/// Waits until InnoDB has purged what the statements before left behind.
fn settle_mysql() {
    for _ in 0..600 {
        let status = ask(&mut in_mysql("bench"), "SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length';");
        let length: u64 = status.split_whitespace().nth(1).map_or(0, |text| text.parse().unwrap());
        if length < 1_000 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn pt_archiver() -> Option<Duration> {
    let found =
        Command::new("pt-archiver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("  pt-archiver is not installed: not compared");
        return None;
    }
    mysql_copy();
    let port = port_of(&address("OUBLIETTE_TEST_MYSQL"));
    let began = Instant::now();
    run(Command::new("pt-archiver").args([
        "--source",
        &format!("h=127.0.0.1,P={port},u=root,D=bench,t=events,i=PRIMARY"),
        "--where",
        "created_at < '2020-01-01'",
        "--purge",
        "--limit",
        "1000",
        "--commit-each",
        "--bulk-delete",
        "--primary-key-only",
        "--no-check-charset",
    ]));
    Some(began.elapsed())
}
