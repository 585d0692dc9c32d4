//! What a notice says, in French and English (floor 6; pure).
//!
//! Made once, when it arises; what is kept and sent is [`Told`]. A text without a language does not compile.

use crate::digest::Digest32;
use crate::notice::{Announcement, Notice, WaitReason};
use crate::policy::Language;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// French, then English.
type Both = [&'static str; 2];

/// Longer values are cut: a mail is no log.
const VALUE_CHARACTERS_MAX: usize = 500;

/// A notice in words, as it is kept and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// A stable word, such as `plan_waits`.
    pub kind: String,
    /// What it is about: equal for the same matter.
    pub key: String,
    pub at: DateTime<Utc>,
    /// One line.
    pub subject: String,
    pub text: String,
    /// The same for machines: names, codes, counts and dates.
    pub data: Value,
}

impl Told {
    /// Equal for notices of the same thing, whatever their figures: by it the same is not told twice.
    #[must_use]
    pub fn sameness(&self) -> Digest32 {
        Digest32::of(format!("{}\n{}", self.kind, self.key).as_bytes())
    }

    /// The body of a webhook, in the form of Standard Webhooks: `type`, `timestamp`, `data`.
    #[must_use]
    pub fn body(&self, notice_id: &str) -> Value {
        json!({
            "type": format!("oubliette.{}", self.kind),
            "timestamp": instant(self.at),
            "data": {
                "notice_id": notice_id,
                "subject": self.subject,
                "text": self.text,
                "notice": self.data,
            },
        })
    }
}

/// Says an announcement in words.
#[must_use]
pub fn tell(announcement: &Announcement, language: Language) -> Told {
    let notice = &announcement.notice;
    let title = title(notice);
    let facts: Vec<(Both, String)> = facts(notice);
    Told {
        kind: notice.kind().to_owned(),
        key: notice.key(),
        at: announcement.at,
        subject: subject(title, facts.first().map(|(_, value)| value.as_str()), language),
        text: page(title, &facts, advice(notice), announcement.at, language),
        // Its own words, which cannot fail to be written.
        data: serde_json::to_value(notice).unwrap_or_default(),
    }
}

/// The notice of `oubliette notify test`.
#[must_use]
pub fn test(controller: &str, at: DateTime<Utc>, language: Language) -> Told {
    let title = ["Ceci est un essai", "This is a test"];
    let advice = [
        "Quelqu'un a demandé cet envoi avec oubliette notify test. Rien n'est à faire.",
        "Somebody asked for it with oubliette notify test. There is nothing to do.",
    ];
    let facts = [(["Responsable du traitement", "Controller"], controller.to_owned())];
    Told {
        kind: "test".to_owned(),
        key: String::new(),
        at,
        subject: subject(title, Some(controller), language),
        text: page(title, &facts, advice, at, language),
        data: json!({ "notice": "test" }),
    }
}

/// What happened.
fn title(notice: &Notice) -> Both {
    match notice {
        Notice::PlanWaits { reason, .. } => waiting(*reason),
        Notice::RequestWaits { .. } => ["Une demande peut avancer", "A request can go on"],
        Notice::DeadlineNear { days_left, .. } if *days_left < 0 => {
            ["Le délai de réponse à une demande est dépassé", "The deadline of a request has passed"]
        }
        Notice::DeadlineNear { .. } => {
            ["Le délai de réponse à une demande approche", "The deadline of a request is near"]
        }
        Notice::RunComplete { .. } => ["Une exécution est terminée", "A run is complete"],
        Notice::RunPartial { .. } => ["Une exécution n'est que partielle", "A run was finished in part"],
        Notice::RunInterrupted { .. } => ["Une exécution est interrompue", "A run was interrupted"],
        Notice::RunClosed { .. } => {
            ["Une exécution n'a pu continuer et a été close", "A run could not go on and was closed"]
        }
        Notice::ScheduleFailed { .. } => ["Une tâche planifiée a échoué", "A schedule did not do its work"],
        Notice::ScheduleMissed { .. } => [
            "Une plage d'exécution est passée sans rien faire",
            "A window was over before anything was begun",
        ],
        Notice::StandingVoid { .. } => {
            ["Une approbation permanente est caduque", "A standing approval is void"]
        }
        Notice::DocumentsFaulty { .. } => {
            ["Les documents modifiés contiennent des erreurs", "The changed documents have errors"]
        }
        Notice::DocumentsLoaded { .. } => {
            ["Les documents modifiés sont en vigueur", "The changed documents are in force"]
        }
        Notice::NotReady { .. } => {
            ["Le service ne peut pas travailler comme il doit", "The daemon cannot work as it must"]
        }
        Notice::ReadyAgain => ["Le service travaille à nouveau", "The daemon works again"],
        Notice::DryRunLeftOn { .. } => [
            "Rien n'est effacé : essais à blanc depuis des jours",
            "Nothing is erased: only dry runs for days",
        ],
        Notice::Scanned { overdue, .. } if *overdue > 0 => {
            ["Des données sont conservées trop longtemps", "Records are kept beyond their time"]
        }
        Notice::Scanned { .. } => ["La vérification périodique est terminée", "The periodic scan has ended"],
    }
}

/// What it means, and what to do.
fn advice(notice: &Notice) -> Both {
    match notice {
        Notice::PlanWaits { .. } => [
            "Rien n'est touché avant une approbation. Lire : oubliette show PLAN. Approuver : oubliette approve PLAN --as NOM.",
            "Nothing is touched before it is approved. Read it with oubliette show PLAN, approve it with oubliette approve PLAN --as NAME.",
        ],
        Notice::RequestWaits { .. } => [
            "Ce qu'un délai légal retenait peut maintenant être effacé. Le plan attend une approbation.",
            "What a legal duty kept may go now. The plan waits for an approval.",
        ],
        Notice::DeadlineNear { .. } => [
            "Le délai court depuis la réception de la demande (RGPD, art. 12, § 3). Voir : oubliette requests list.",
            "The period runs from the receipt of the request (GDPR art. 12(3)). See oubliette requests list.",
        ],
        Notice::RunComplete { .. } => [
            "Son certificat est dans l'archive. Rien n'est à faire.",
            "Its certificate is in the archive. There is nothing to do.",
        ],
        Notice::RunPartial { .. } => [
            "Le certificat dit ce qui reste et pourquoi : oubliette certificates show CERTIFICAT.",
            "Its certificate says what is left and why: oubliette certificates show CERTIFICATE.",
        ],
        Notice::RunInterrupted { .. } => [
            "Ce qui a été commencé est dans le journal ; elle sera reprise.",
            "What was begun is in the journal; it will be taken up again.",
        ],
        Notice::RunClosed { .. } => [
            "Ce qu'elle a fait est certifié. Établir un nouveau plan pour le reste.",
            "What it did is certified. Draft a new plan for the rest.",
        ],
        Notice::ScheduleFailed { .. } => ["État : oubliette status.", "Where it stands: oubliette status."],
        Notice::ScheduleMissed { .. } => [
            "Le travail attend la plage suivante. Vérifier que le service fonctionnait et que la plage suffit.",
            "The work waits for the next window. See whether the service was running, and whether the window is long enough.",
        ],
        Notice::StandingVoid { .. } => [
            "La règle ou ses jeux de données ont changé. Sans nouvelle approbation, elle ne s'exécute plus seule : oubliette approve --standing POLITIQUE/REGLE --as NOM.",
            "The rule or its datasets changed. Until it is approved again it does not run unattended: oubliette approve --standing POLICY/RULE --as NAME.",
        ],
        Notice::DocumentsFaulty { .. } => [
            "Les règles précédentes restent en vigueur. Toutes les erreurs : oubliette check --offline.",
            "The earlier rules stay in force. See every fault with oubliette check --offline.",
        ],
        Notice::NotReady { .. } => [
            "Ce qui ne peut être fait sûrement attend. État : oubliette status.",
            "What cannot be done safely waits. Where it stands: oubliette status.",
        ],
        Notice::DocumentsLoaded { .. } | Notice::ReadyAgain => {
            ["Rien n'est à faire.", "There is nothing to do."]
        }
        Notice::DryRunLeftOn { .. } => [
            "Les plans sont calculés, mais pas exécutés. Si ce n'est plus voulu, mettre daemon.mode à enforce.",
            "Plans are drafted and not carried out. If that is no longer wanted, set daemon.mode to enforce.",
        ],
        Notice::Scanned { .. } => [
            "La vérification lit tous les emplacements et n'efface rien.",
            "The scan reads every location and erases nothing.",
        ],
    }
}

fn waiting(reason: WaitReason) -> Both {
    match reason {
        WaitReason::NotApproved => ["Un plan attend votre décision", "A plan waits for review"],
        WaitReason::StandingVoid => [
            "Un plan attend : une règle a changé depuis son approbation",
            "A plan waits: a rule changed since its approval",
        ],
        WaitReason::NeedsPerson => [
            "Un garde-fou a arrêté un plan : il attend votre décision",
            "A guard stopped a plan: it waits for review",
        ],
        WaitReason::Refused => {
            ["Un plan ne peut être exécuté tel quel", "A plan cannot be carried out as it is"]
        }
        WaitReason::Jumped => [
            "Le nombre d'échéances a bondi : le plan attend votre décision",
            "What is due has jumped: the plan waits for review",
        ],
        WaitReason::DailyCeiling => [
            "Le plafond du jour est atteint : le plan attend votre décision",
            "The daily ceiling is reached: the plan waits for review",
        ],
        WaitReason::ClockDoubtful => {
            ["L'horloge n'est pas fiable : un plan attend", "The clock cannot be trusted: a plan waits"]
        }
    }
}

const SCHEDULE: Both = ["Tâche planifiée", "Schedule"];
const PLAN: Both = ["Plan", "Plan"];
const REQUEST: Both = ["Demande", "Request"];
const RUN: Both = ["Exécution", "Run"];
const CERTIFICATE: Both = ["Certificat", "Certificate"];
const RULE: Both = ["Règle", "Rule"];
const DUE: Both = ["Enregistrements échus", "Records due"];
const DISPOSED: Both = ["Enregistrements traités", "Records disposed of"];
const FAILED: Both = ["Enregistrements en échec", "Records that failed"];
const OVERDUE: Both = ["Enregistrements en retard", "Records overdue"];
const OLDEST: Both = ["Le plus ancien, échu le", "The oldest, due at"];
const UNREACHED: Both = ["Non atteints", "Not reached"];
const DAYS: Both = ["Jours", "Days"];
const DAYS_LEFT: Both = ["Jours restants", "Days left"];
const DUE_ON: Both = ["À répondre avant le", "Due on"];
const SINCE: Both = ["Depuis le", "Since"];
const FAULTS: Both = ["Erreurs", "Errors"];
const DETAIL: Both = ["Détail, en anglais", "Detail"];
const RETRY: Both = ["Nouvel essai le", "Tried again at"];
const TIMES: Both = ["Fois", "Times"];

/// The figures, the most telling first: it goes into the subject too.
fn facts(notice: &Notice) -> Vec<(Both, String)> {
    match notice {
        Notice::PlanWaits { schedule, plan_id, rules, due, .. } => vec![
            (PLAN, plan_id.clone()),
            (SCHEDULE, schedule.clone()),
            (RULE, rules.join(", ")),
            (DUE, due.to_string()),
        ],
        Notice::RequestWaits { request_id, plan_id } => {
            vec![(REQUEST, request_id.clone()), (PLAN, plan_id.clone())]
        }
        Notice::DeadlineNear { request_id, due_on, days_left } => vec![
            (REQUEST, request_id.clone()),
            (DUE_ON, due_on.to_string()),
            (DAYS_LEFT, days_left.to_string()),
        ],
        Notice::RunComplete { schedule, run_id, certificate_id, disposed, .. } => vec![
            (SCHEDULE, schedule.clone()),
            (RUN, run_id.clone()),
            (CERTIFICATE, certificate_id.clone()),
            (DISPOSED, disposed.to_string()),
        ],
        Notice::RunPartial { schedule, run_id, certificate_id, outcome, failed } => vec![
            (SCHEDULE, schedule.clone()),
            (RUN, run_id.clone()),
            (CERTIFICATE, certificate_id.clone()),
            (FAILED, failed.to_string()),
            (DETAIL, outcome.clone()),
        ],
        Notice::RunInterrupted { schedule, run_id, reason } => {
            vec![(SCHEDULE, schedule.clone()), (RUN, run_id.clone()), (DETAIL, reason.clone())]
        }
        Notice::RunClosed { run_id, certificate_id, reason } => {
            let mut facts = vec![(RUN, run_id.clone())];
            facts.extend(certificate_id.iter().map(|id| (CERTIFICATE, id.clone())));
            facts.push((DETAIL, reason.clone()));
            facts
        }
        Notice::ScheduleFailed { schedule, reason, retry_at } => {
            let mut facts = vec![(SCHEDULE, schedule.clone()), (DETAIL, reason.clone())];
            facts.extend(retry_at.map(|at| (RETRY, instant(at))));
            facts
        }
        Notice::ScheduleMissed { schedule, due_at, times } => {
            vec![(SCHEDULE, schedule.clone()), (SINCE, instant(*due_at)), (TIMES, times.to_string())]
        }
        Notice::StandingVoid { policy, rule } => vec![(RULE, format!("{policy}/{rule}"))],
        Notice::DocumentsFaulty { faults, first } => {
            vec![(FAULTS, faults.to_string()), (DETAIL, first.clone())]
        }
        Notice::DocumentsLoaded { .. } | Notice::ReadyAgain => Vec::new(),
        Notice::NotReady { trouble, detail } => vec![(DETAIL, format!("{trouble}: {detail}"))],
        Notice::DryRunLeftOn { since, days } => vec![(DAYS, days.to_string()), (SINCE, instant(*since))],
        Notice::Scanned { overdue, oldest_due_at, unreachable } => {
            let mut facts = vec![(OVERDUE, overdue.to_string())];
            facts.extend(oldest_due_at.map(|at| (OLDEST, instant(at))));
            facts.extend((!unreachable.is_empty()).then(|| (UNREACHED, unreachable.join(", "))));
            facts
        }
    }
}

fn said(both: Both, language: Language) -> &'static str {
    let [fr, en] = both;
    match language {
        Language::Fr => fr,
        Language::En => en,
    }
}

fn subject(title: Both, first: Option<&str>, language: Language) -> String {
    let title = said(title, language);
    first.map_or_else(
        || format!("Oubliette: {title}"),
        |value| format!("Oubliette: {title} ({})", one_line(value)),
    )
}

fn page(
    title: Both,
    facts: &[(Both, String)],
    advice: Both,
    at: DateTime<Utc>,
    language: Language,
) -> String {
    let line = |(label, value): &(Both, String)| format!("{}: {}\n", said(*label, language), one_line(value));
    let lines = facts.iter().map(line).collect::<Vec<_>>().concat();
    let when = said(["Le", "At"], language);
    format!("{}.\n\n{lines}{when}: {}\n\n{}\n", said(title, language), instant(at), said(advice, language))
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Without line breaks, which in a mail's subject would begin another header, and not too long.
fn one_line(text: &str) -> String {
    text.chars().take(VALUE_CHARACTERS_MAX).map(|one| if one.is_control() { ' ' } else { one }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(notice: Notice, language: Language) -> Told {
        let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        tell(&Announcement { at, notice }, language)
    }

    fn waits(reason: WaitReason, due: u64) -> Notice {
        let rules = vec!["customers-fr/prospect".to_owned()];
        Notice::PlanWaits { schedule: "nightly".into(), plan_id: "plan-1".into(), reason, rules, due }
    }

    #[test]
    fn a_notice_is_told_in_both_languages() {
        let french = told(waits(WaitReason::NeedsPerson, 12), Language::Fr);
        let english = told(waits(WaitReason::NeedsPerson, 12), Language::En);
        assert!(french.text.starts_with("Un garde-fou a arrêté un plan"), "{}", french.text);
        assert!(french.text.contains("Enregistrements échus: 12\n"), "{}", french.text);
        assert_eq!(english.subject, "Oubliette: A guard stopped a plan: it waits for review (plan-1)");
        assert!(english.text.contains("Rule: customers-fr/prospect\n"), "{}", english.text);
        assert_eq!(french.sameness(), english.sameness());
    }

    #[test]
    fn the_same_is_the_same_whatever_its_figures() {
        let one = told(waits(WaitReason::Jumped, 12), Language::En);
        assert_eq!(one.sameness(), told(waits(WaitReason::Jumped, 13), Language::En).sameness());
        let other = Notice::StandingVoid { policy: "p".into(), rule: "r".into() };
        assert_ne!(one.sameness(), told(other, Language::En).sameness());
    }

    #[test]
    fn a_webhook_says_the_kind_in_its_type() {
        let body = told(waits(WaitReason::NotApproved, 12), Language::Fr).body("notice-1");
        assert_eq!(body["type"], "oubliette.plan_waits");
        assert_eq!(body["timestamp"], "2026-09-21T14:13:20Z");
        assert_eq!(body["data"]["notice"]["due"], 12);
        assert_eq!(body["data"]["notice_id"], "notice-1");
    }

    #[test]
    fn nothing_can_begin_another_header() {
        let notice =
            Notice::NotReady { trouble: "x\r\nBcc: everybody@example.org".into(), detail: "y\n\nz".into() };
        let told = told(notice, Language::En);
        assert!(!told.subject.contains(['\r', '\n']), "{}", told.subject);
        assert_eq!(told.text.lines().filter(|line| line.is_empty()).count(), 2);
    }
}
