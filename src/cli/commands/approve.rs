//! `approve`: one plan, or one rule as it stands.

use super::Call;
use crate::app::ApprovalExtras;
use crate::cli::arguments::ApproveArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::keys::read_public;
use crate::plan::signature;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::text::{instant, printable};
use crate::views::words::plan as words;
use serde_json::json;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &ApproveArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let approver = wanted.approver.as_deref().unwrap_or_default();
    if wanted.revoke.is_none() && approver.trim().is_empty() {
        return Err(Failure::usage("an approval needs a name").with_hint("say who approves with --as NAME"));
    }
    let app = call.open(output).await?;
    if let Some(target) = &wanted.revoke {
        let (policy, rule) = policy_and_rule(target)?;
        let revoked = app.revoke_standing(policy, rule).await?;
        let json = json!({
            "format_version": JSON_FORMAT_VERSION, "policy": policy, "rule": rule, "revoked": revoked,
        });
        output.answer(&json, |language| {
            words::STANDING_REVOKED.fill(language, &[&policy, &rule, &revoked]) + "\n"
        })?;
    } else if wanted.to_sign {
        let lines = match &wanted.standing {
            Some(target) => {
                let (policy, rule) = policy_and_rule(target)?;
                app.standing_lines_to_sign(policy, rule, approver)?
            }
            None => app.lines_to_sign(wanted.plan.as_deref().unwrap_or("latest"), approver).await?,
        };
        let json = json!({
            "format_version": JSON_FORMAT_VERSION, "lines": lines, "namespace": signature::NAMESPACE,
        });
        output.answer(&json, |_| lines)?;
    } else if let Some(target) = &wanted.standing {
        let (policy, rule) = policy_and_rule(target)?;
        let approval = app.approve_standing(policy, rule, approver, signature_of(wanted)?).await?;
        let json = json!({ "format_version": JSON_FORMAT_VERSION, "standing_approval": approval });
        output.answer(&json, |language| {
            words::STANDING_GIVEN.fill(language, &[&policy, &rule, &printable(approver)]) + "\n"
        })?;
    } else {
        let reference = wanted.plan.as_deref().unwrap_or("latest");
        let with = ApprovalExtras { note: wanted.note.clone(), signature: signature_of(wanted)? };
        let approval = app.approve(reference, approver, with).await?;
        let json = json!({ "format_version": JSON_FORMAT_VERSION, "approval": approval });
        output.answer(&json, |language| {
            let (who, at) = (printable(&approval.approver), instant(approval.approved_at));
            words::APPROVED.fill(language, &[&approval.plan_id, &who, &at, &approval.plan_digest]) + "\n"
        })?;
    }
    Ok(ExitStatus::Done)
}

/// The signature file, in the form in which it is kept.
fn signature_of(wanted: &ApproveArguments) -> Result<Option<String>, Failure> {
    let Some(path) = &wanted.signature else { return Ok(None) };
    let bytes = read_public(path).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(signature::kept_form(&bytes)))
}

fn policy_and_rule(target: &str) -> Result<(&str, &str), Failure> {
    target.split_once('/').filter(|(policy, rule)| !policy.is_empty() && !rule.is_empty()).ok_or_else(|| {
        Failure::usage("a rule is named by its policy and its id").with_hint("expected POLICY/RULE")
    })
}
