//! Words of `daemon`, `schedule`, `scan` and of notices.

use super::{Message, messages};
use crate::notice::{Notice, WaitReason};
use crate::policy::Language;
use crate::schedule::store::ScheduleOutcome;

messages! {
    NO_SCHEDULES: "Aucun programme dans les réglages : rien ne se fait sans personne.",
        "No schedule in the settings: nothing happens unattended.";
    COLUMN_SCHEDULE: "Programme", "Schedule";
    COLUMN_NEXT: "Prochaine échéance", "Next due";
    COLUMN_LAST: "Dernier passage", "Last run";
    COLUMN_OUTCOME: "Issue", "Outcome";
    NEVER: "jamais", "never";
    NOT_YET: "pas encore", "not yet";

    OUTCOME_COMPLETE: "complet", "complete";
    OUTCOME_NOTHING_DUE: "rien d'échu", "nothing due";
    OUTCOME_PARTIAL: "partiel", "partial";
    OUTCOME_WAITING: "un plan attend une personne", "a plan waits for a person";
    OUTCOME_DRY_RUN: "à blanc", "dry run";
    OUTCOME_INTERRUPTED: "interrompu, reprend", "interrupted, goes on";
    OUTCOME_FAILED: "échec", "failed";
    OUTCOME_MISSED: "fenêtre manquée", "window missed";

    SCAN_NONE: "Au {0}, rien n'a dépassé son temps ({1} règles regardées).",
        "At {0} nothing is beyond its time ({1} rules looked at).";
    SCAN_OVERDUE: "Au {0}, {1} enregistrements ont dépassé leur temps ; la plus ancienne échéance : {2}.",
        "At {0} {1} records are beyond their time; the oldest was due at {2}.";
    SCAN_UNREACHABLE: "{0} : rien ne peut être dit ({1}).", "{0}: nothing can be said ({1}).";
    SCAN_RULE: "{0}, règle {1} : {2} hors délai sur {3} échus, depuis {4}.",
        "{0}, rule {1}: {2} beyond their time of {3} due, since {4}.";

    DAEMON_DONE: "Tout ce qui était prévu est fait.", "Everything that was scheduled is done.";
    DAEMON_ELSEWHERE: "Un autre démon agit sur ce registre.", "Another daemon acts on this ledger.";
    DAEMON_STOPPED: "Arrêté entre deux lots.", "Stopped between batches.";

    WAITS_NOT_APPROVED: "une règle n'a pas d'approbation permanente", "a rule has no standing approval";
    WAITS_STANDING_VOID: "une règle a changé depuis son approbation permanente",
        "a rule changed since its standing approval";
    WAITS_NEEDS_PERSON: "une limite est atteinte, ou seule une personne peut décider",
        "a guard was hit, or only a person may decide";
    WAITS_REFUSED: "le plan ne peut pas être exécuté tel quel", "the plan cannot be carried out as it is";
    WAITS_JUMPED: "bien plus d'enregistrements que d'habitude sont échus", "far more records are due than usual";
    WAITS_CEILING: "le plafond du jour serait dépassé", "the ceiling of the day would be passed";
    WAITS_CLOCK: "l'horloge a bougé et rien ne la confirme", "the clock moved and nothing confirms it";

    N_PLAN_WAITS: "« {0} » : le plan {1} ({2} enregistrements échus) attend une personne : {3} {4}",
        "'{0}': plan {1} ({2} records due) waits for a person: {3} {4}";
    N_REQUEST_WAITS: "Demande {0} : le plan {1} attend une approbation.",
        "Request {0}: plan {1} waits for an approval.";
    N_DEADLINE: "Demande {0} : réponse due le {1} (jours restants : {2}).",
        "Request {0}: the answer is due on {1} (days left: {2}).";
    N_RUN_COMPLETE: "« {0} » : exécution {1} certifiée ({2}, {3}), {4} enregistrements.",
        "'{0}': run {1} is certified ({2}, {3}), {4} records.";
    N_RUN_PARTIAL: "« {0} » : exécution {1} certifiée en partie seulement ({2}, {3}), {4} échecs.",
        "'{0}': run {1} is certified only in part ({2}, {3}), {4} failed.";
    N_RUN_INTERRUPTED: "« {0} » : exécution {1} interrompue ({2}), elle reprendra.",
        "'{0}': run {1} was interrupted ({2}) and will go on.";
    N_RUN_CLOSED: "L'exécution {0} ne pouvait pas reprendre et a été close : {1}",
        "Run {0} could not go on and was closed: {1}";
    N_FAILED: "« {0} » n'a pas fait son travail : {1}", "'{0}' did not do its work: {1}";
    N_FAILED_RETRY: "« {0} » n'a pas fait son travail : {1} Nouvel essai : {2}.",
        "'{0}' did not do its work: {1} Tried again at {2}.";
    N_MISSED: "« {0} » : la fenêtre du {1} est passée sans travail ({2} échéances manquées).",
        "'{0}': the window of {1} passed without work ({2} due times missed).";
    N_STANDING_VOID: "La règle {0}/{1} a changé : son approbation permanente est caduque.",
        "Rule {0}/{1} changed: its standing approval is void.";
    N_DOCUMENTS_FAULTY: "Les documents modifiés ont {0} fautes, les anciens restent en vigueur. D'abord : {1}",
        "The changed documents have {0} faults, the old ones stay in force. First: {1}";
    N_DOCUMENTS_LOADED: "Documents modifiés en vigueur (catalogue {0}).",
        "Changed documents are in force (catalog {0}).";
    N_NOT_READY: "Le démon ne peut pas travailler ({0}) : {1}", "The daemon cannot work ({0}): {1}";
    N_READY_AGAIN: "Le démon peut travailler de nouveau.", "The daemon can work again.";
    N_DRY_RUN: "Le démon travaille à blanc depuis {0} ({1} jours) : rien n'est effacé.",
        "The daemon has been in dry-run mode since {0} ({1} days): nothing is disposed of.";
    N_SCANNED_NONE: "Vérification : rien n'a dépassé son temps. Non atteints : {0}.",
        "Verification scan: nothing is beyond its time. Not reached: {0}.";
    N_SCANNED: "Vérification : {0} enregistrements ont dépassé leur temps, le plus ancien échu le {1}. Non atteints : {2}.",
        "Verification scan: {0} records are beyond their time, the oldest due at {1}. Not reached: {2}.";
}

#[must_use]
pub fn outcome(outcome: ScheduleOutcome) -> Message {
    match outcome {
        ScheduleOutcome::Complete => OUTCOME_COMPLETE,
        ScheduleOutcome::NothingDue => OUTCOME_NOTHING_DUE,
        ScheduleOutcome::Partial => OUTCOME_PARTIAL,
        ScheduleOutcome::Waiting => OUTCOME_WAITING,
        ScheduleOutcome::DryRun => OUTCOME_DRY_RUN,
        ScheduleOutcome::Interrupted => OUTCOME_INTERRUPTED,
        ScheduleOutcome::Failed => OUTCOME_FAILED,
        ScheduleOutcome::Missed => OUTCOME_MISSED,
    }
}

fn wait_reason(reason: WaitReason) -> Message {
    match reason {
        WaitReason::NotApproved => WAITS_NOT_APPROVED,
        WaitReason::StandingVoid => WAITS_STANDING_VOID,
        WaitReason::NeedsPerson => WAITS_NEEDS_PERSON,
        WaitReason::Refused => WAITS_REFUSED,
        WaitReason::Jumped => WAITS_JUMPED,
        WaitReason::DailyCeiling => WAITS_CEILING,
        WaitReason::ClockDoubtful => WAITS_CLOCK,
    }
}

/// A notice in one sentence.
#[must_use]
pub fn notice(notice: &Notice, language: Language) -> String {
    use crate::views::text::{instant, printable};
    let lost = |names: &[String]| if names.is_empty() { "0".to_owned() } else { names.join(", ") };
    match notice {
        Notice::PlanWaits { schedule, plan_id, reason, rules, due } => {
            let (why, rules) = (wait_reason(*reason).text(language), rules.join(", "));
            N_PLAN_WAITS.fill(language, &[schedule, plan_id, due, &why, &rules]).trim_end().to_owned()
        }
        Notice::RequestWaits { request_id, plan_id } => {
            N_REQUEST_WAITS.fill(language, &[request_id, plan_id])
        }
        Notice::DeadlineNear { request_id, due_on, days_left } => {
            N_DEADLINE.fill(language, &[request_id, due_on, days_left])
        }
        Notice::RunComplete { schedule, run_id, certificate_id, outcome, disposed } => {
            N_RUN_COMPLETE.fill(language, &[schedule, run_id, outcome, certificate_id, disposed])
        }
        Notice::RunPartial { schedule, run_id, certificate_id, outcome, failed } => {
            N_RUN_PARTIAL.fill(language, &[schedule, run_id, outcome, certificate_id, failed])
        }
        Notice::RunInterrupted { schedule, run_id, reason } => {
            N_RUN_INTERRUPTED.fill(language, &[schedule, run_id, reason])
        }
        Notice::RunClosed { run_id, reason, .. } => {
            N_RUN_CLOSED.fill(language, &[run_id, &printable(reason)])
        }
        Notice::ScheduleFailed { schedule, reason, retry_at } => match retry_at {
            Some(at) => N_FAILED_RETRY.fill(language, &[schedule, &printable(reason), &instant(*at)]),
            None => N_FAILED.fill(language, &[schedule, &printable(reason)]),
        },
        Notice::ScheduleMissed { schedule, due_at, times } => {
            N_MISSED.fill(language, &[schedule, &instant(*due_at), times])
        }
        Notice::StandingVoid { policy, rule } => N_STANDING_VOID.fill(language, &[policy, rule]),
        Notice::DocumentsFaulty { faults, first } => {
            N_DOCUMENTS_FAULTY.fill(language, &[faults, &printable(first)])
        }
        Notice::DocumentsLoaded { catalog_digest } => N_DOCUMENTS_LOADED.fill(language, &[catalog_digest]),
        Notice::NotReady { trouble, detail } => N_NOT_READY.fill(language, &[trouble, &printable(detail)]),
        Notice::ReadyAgain => N_READY_AGAIN.text(language).to_owned(),
        Notice::DryRunLeftOn { since, days } => N_DRY_RUN.fill(language, &[&instant(*since), days]),
        Notice::Scanned { overdue: 0, unreachable, .. } => {
            N_SCANNED_NONE.fill(language, &[&lost(unreachable)])
        }
        Notice::Scanned { overdue, oldest_due_at, unreachable } => {
            let oldest = oldest_due_at.map(instant).unwrap_or_default();
            N_SCANNED.fill(language, &[overdue, &oldest, &lost(unreachable)])
        }
    }
}
