//! The metrics, as OpenMetrics text (floor 8; pure).
//!
//! Made anew for each who asks. Labels are names that people wrote into policies and settings, and codes;
//! never a value of a record.

use crate::app::Figures;
use crate::daemon::{DaemonStatus, Mode, Role, RuleStatus, TroubleCode};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// Every trouble has a line, so that one that never was can be asked for.
const TROUBLES: [TroubleCode; 8] = [
    TroubleCode::Clock,
    TroubleCode::Ledger,
    TroubleCode::Archive,
    TroubleCode::Key,
    TroubleCode::DiskFull,
    TroubleCode::Documents,
    TroubleCode::Store,
    TroubleCode::Paused,
];

/// The page. `figures` are missing while the ledger does not answer.
///
/// # Errors
/// When the text cannot be written, which does not happen in memory.
pub fn page(
    status: &DaemonStatus,
    figures: Option<&Figures>,
    now: DateTime<Utc>,
) -> Result<String, std::fmt::Error> {
    let mut metrics = Metrics { registry: Registry::with_prefix("oubliette") };
    metrics.build(status);
    metrics.process(status);
    metrics.rules(status, figures);
    metrics.schedules(status, now);
    metrics.totals(status);
    if let Some(figures) = figures {
        metrics.ledger(figures);
    }
    let mut page = String::new();
    encode(&mut page, &metrics.registry)?;
    Ok(page)
}

struct Metrics {
    registry: Registry,
}

impl Metrics {
    fn gauge(&mut self, name: &str, help: &str, value: i64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, i64)>) {
        let family: Family<Labels, Gauge> = Family::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.registry.register(name, help, family);
    }

    fn counters(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family: Family<Labels, Counter> = Family::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.registry.register(name, help, family);
    }

    fn build(&mut self, status: &DaemonStatus) {
        let info = Info::new(vec![("version", status.version)]);
        self.registry.register("build", "Version of the program", info);
    }

    fn process(&mut self, status: &DaemonStatus) {
        self.gauge("ready", "1 when the daemon could do its work now", status.is_ready().into());
        let acting = status.role == Role::Acting;
        self.gauge(
            "acting",
            "1 when this daemon has the right to act, of several on a ledger",
            acting.into(),
        );
        let dry_run = status.mode == Mode::DryRun;
        self.gauge("dry_run", "1 when plans are drafted and nothing is carried out", dry_run.into());
        self.gauge("stopping", "1 when a stop was asked for", status.stopping.into());
        let help = "When the process began";
        self.gauge("started_timestamp_seconds", help, status.started_at.timestamp());
        let help = "The last turn of the loop";
        self.gauge("loop_turned_timestamp_seconds", help, status.turned_at.timestamp());
        let help = "When the documents in force were read";
        self.gauge("documents_loaded_timestamp_seconds", help, status.documents_loaded_at.timestamp());
        let troubles = TROUBLES.into_iter().map(|code| {
            let is_there = status.troubles.iter().any(|trouble| trouble.code == code);
            (vec![("code", code.word().to_owned())], i64::from(is_there))
        });
        self.gauges("trouble", "1 for each reason why the daemon could not do its work", troubles);
    }

    fn rules(&mut self, status: &DaemonStatus, figures: Option<&Figures>) {
        let rules = &status.rules;
        let count = |of: fn(&RuleStatus) -> u64| {
            move |rule: &RuleStatus| (labels_of(rule), i64::try_from(of(rule)).unwrap_or(i64::MAX))
        };
        let help = "Records past their time when they were last counted";
        self.gauges("records_due", help, rules.iter().map(count(|rule| rule.due)));
        let help = "Of those, records for longer than the rule allows";
        self.gauges("records_overdue", help, rules.iter().map(count(|rule| rule.overdue)));
        let help = "Records kept by a hold";
        self.gauges("records_held", help, rules.iter().map(count(|rule| rule.held)));
        let help = "Records of which nothing certain can be said: kept";
        self.gauges("records_undecidable", help, rules.iter().map(count(|rule| rule.undecidable)));
        let help = "When they were last counted";
        let counted = rules.iter().map(|rule| (labels_of(rule), rule.counted_at.timestamp()));
        self.gauges("records_counted_timestamp_seconds", help, counted);
        let oldest = rules.iter().filter_map(|rule| Some((labels_of(rule), rule.oldest_due_at?.timestamp())));
        let help = "Since when the oldest record that is due has been due";
        self.gauges("oldest_due_timestamp_seconds", help, oldest);
        let success =
            rules.iter().filter_map(|rule| Some((labels_of(rule), rule.last_success_at?.timestamp())));
        let help = "The last time that nothing due was left";
        self.gauges("rule_last_success_timestamp_seconds", help, success);
        let disposed = rules.iter().map(|rule| {
            let name = (rule.policy.clone(), rule.rule.clone());
            let action = figures.and_then(|figures| figures.actions.get(&name)).copied();
            let mut labels = labels_of(rule);
            labels.push(("action", action.unwrap_or("unknown").to_owned()));
            (labels, rule.disposed)
        });
        let help = "Records purged or anonymized, and certified, since the process began";
        self.counters("records_disposed", help, disposed);
    }

    fn schedules(&mut self, status: &DaemonStatus, now: DateTime<Utc>) {
        let of = |at: fn(&crate::daemon::ScheduleStatus) -> Option<DateTime<Utc>>| {
            let of_one = move |one: &crate::daemon::ScheduleStatus| {
                Some((schedule_of(&one.record.schedule), at(one)?.timestamp()))
            };
            status.schedules.iter().filter_map(of_one).collect::<Vec<_>>()
        };
        let help = "The last time that a schedule did all that was to do";
        let success = of(|one| one.record.last_success_at);
        self.gauges("schedule_last_success_timestamp_seconds", help, success);
        let help = "The last time that a schedule ended its work, however";
        self.gauges("schedule_last_ended_timestamp_seconds", help, of(|one| one.record.last_ended_at));
        self.gauges("schedule_next_timestamp_seconds", "When it is due next", of(|one| one.next_at));
        let lag = status.schedules.iter().map(|one| {
            let lag = one.record.due_at.map_or(0, |due_at| (now - due_at).num_seconds().max(0));
            (schedule_of(&one.record.schedule), lag)
        });
        self.gauges("schedule_lag_seconds", "For how long what is being dealt with has been due", lag);
        let attempts = status.schedules.iter();
        let attempts =
            attempts.map(|one| (schedule_of(&one.record.schedule), i64::from(one.record.attempts)));
        self.gauges("schedule_failed_attempts", "Failed attempts at what is being dealt with", attempts);
    }

    fn totals(&mut self, status: &DaemonStatus) {
        let totals = &status.totals;
        let outcome = |word: &str| vec![("outcome", word.to_owned())];
        let runs = [
            (outcome("complete"), totals.runs_complete),
            (outcome("partial"), totals.runs_partial),
            (outcome("interrupted"), totals.runs_interrupted),
        ];
        self.counters("runs", "Runs that ended since the process began", runs);
        let failures = [(Vec::new(), totals.failures)];
        self.counters("schedule_failures", "Times that a schedule did not do its work", failures);
        let waiting = [(Vec::new(), totals.plans_waiting)];
        self.counters("plans_waiting", "Plans that were left to a person", waiting);
        let certificate = status.last_certificate.iter();
        let certificate = certificate.map(|one| (Vec::new(), one.at.timestamp())).collect::<Vec<_>>();
        let help = "The last certificate that this process issued";
        self.gauges("last_certificate_timestamp_seconds", help, certificate);
        let scan = status.last_scan.as_ref();
        let at = scan.map(|scan| (Vec::new(), scan.at.timestamp()));
        self.gauges("scan_timestamp_seconds", "The last verification scan", at);
        let overdue = scan.map(|scan| (Vec::new(), i64::try_from(scan.overdue).unwrap_or(i64::MAX)));
        self.gauges("scan_records_overdue", "Records beyond their time at the last scan", overdue);
        let unreachable =
            scan.map(|scan| (Vec::new(), i64::try_from(scan.unreachable.len()).unwrap_or(i64::MAX)));
        self.gauges("scan_unreachable", "Places that the last scan could not read", unreachable);
    }

    fn ledger(&mut self, figures: &Figures) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.gauge("open_runs", "Runs without a certificate yet", number(figures.open_runs));
        let help = "Batches of which it is not known whether the store committed them";
        self.gauge("batches_in_doubt", help, number(figures.batches_in_doubt));
        self.gauge("holds_active", "Holds in force", number(figures.holds_active));
        let help = "Holds whose review date has passed";
        self.gauge("holds_review_due", help, number(figures.holds_review_due));
        self.gauge("requests_open", "Requests of persons without an end yet", number(figures.requests_open));
        self.gauge("requests_late", "Of those, after their last day", number(figures.requests_late));
        let deadline = figures.nearest_deadline_at().map(|at| (Vec::new(), at.timestamp()));
        let help = "The end of the nearest last day of an open request, in UTC";
        self.gauges("request_deadline_timestamp_seconds", help, deadline);
        self.gauge(
            "notices_waiting",
            "Notices that a receiver does not have yet",
            number(figures.outbox.waiting),
        );
        let help = "Notices that a receiver will not have";
        self.gauge("notices_given_up", help, number(figures.outbox.given_up));
    }
}

fn labels_of(rule: &RuleStatus) -> Labels {
    vec![("policy", rule.policy.clone()), ("rule", rule.rule.clone()), ("dataset", rule.dataset.clone())]
}

fn schedule_of(schedule: &str) -> Labels {
    vec![("schedule", schedule.to_owned())]
}

#[cfg(test)]
mod tests;
