//! The command line as a value (floor 8). Nothing is done here.

mod requests;

pub use requests::{
    EraseArguments, ExportArguments, ExtensionReasonArgument, GroundArgument, LawArgument, LookArguments,
    ReceiveArguments, RefusalReasonArgument, ReplayArguments, RequestKindArgument, RequestsCommand,
};

use super::exit;
use crate::policy::Language;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Decides from declared policies what personal data is past its time, purges or anonymizes it, and
/// leaves certificates that anyone can verify offline.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "oubliette",
    version,
    max_term_width = 100,
    after_help = exit::help_text(),
    after_long_help = format!(
        "Examples:\n  oubliette demo\n  oubliette init my-project\n  oubliette check && oubliette plan\n\n{}",
        exit::help_text()
    ),
    disable_help_subcommand = true,
    propagate_version = true
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalArguments,
    #[command(subcommand)]
    pub command: Command,
    /// The words of the command, such as `requests receive`.
    #[arg(skip)]
    pub words: String,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub struct GlobalArguments {
    /// The settings file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OUBLIETTE_CONFIG",
        default_value = "oubliette.yaml"
    )]
    pub config: PathBuf,
    /// What is written to standard output. The JSON is a versioned contract.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Language of what people read; by default that of the environment, then of the settings.
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LanguageArgument>,
    /// No colour. NO_COLOR does the same.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// No progress and no remarks: data and errors only.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How much is logged to standard error, such as `info` or `oubliette=debug`.
    #[arg(long, global = true, value_name = "FILTER", env = "OUBLIETTE_LOG", default_value = "warn")]
    pub log: String,
    /// How the log is written.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LanguageArgument {
    Fr,
    En,
}

impl From<LanguageArgument> for Language {
    fn from(argument: LanguageArgument) -> Self {
        match argument {
            LanguageArgument::Fr => Self::Fr,
            LanguageArgument::En => Self::En,
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Writes a commented, working project directory, with new keys.
    #[command(
        after_help = "Nothing is ever overwritten. Exit status: 0, 1, 2.\n\nExample:\n  oubliette init my-project"
    )]
    Init(InitArguments),
    /// Makes a small shop, finds what is past its time, purges it and verifies the certificate.
    #[command(
        after_help = "Everything happens in the new directory. Exit status: 0 only if the archive was verified; else 1, 2, 3 or 6.\n\nExample:\n  oubliette demo --lang fr"
    )]
    Demo(DemoArguments),
    /// Checks the documents, and compares them with the live stores.
    #[command(
        after_help = "Exit status: 0 good (warnings allowed), 2 errors.\n\nExample:\n  oubliette check --offline --deny-warnings"
    )]
    Check(CheckArguments),
    /// Finds what is due and drafts a plan. Reads only.
    #[command(
        after_help = "Exit status: 0, 2, or 4 with --exit-code when something is due.\n\nExamples:\n  oubliette plan\n  oubliette plan --policy customers-fr --author camille\n  oubliette plan --as-of 2027-01-01"
    )]
    Plan(PlanArguments),
    /// Shows a plan, who approved it, and whether it can be applied.
    #[command(after_help = "Exit status: 0, 2.\n\nExample:\n  oubliette show latest")]
    Show(ShowArguments),
    /// Says what becomes of one record, and why.
    #[command(after_help = "Exit status: 0, 2.\n\nExample:\n  oubliette explain crm.prospects 1042")]
    Explain(ExplainArguments),
    /// Approves exactly one plan, or one rule as it stands.
    #[command(
        after_help = "Exit status: 0, 2, 5 when the plan cannot be approved.\n\nExamples:\n  oubliette approve latest --as dpo --note \"seen with legal\"\n  oubliette approve --standing customers-fr/prospect --as dpo\n  oubliette approve --revoke customers-fr/prospect\n\nSigned:\n  oubliette approve latest --as dpo --to-sign > lines\n  ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n oubliette-approval lines\n  oubliette approve latest --as dpo --signature lines.sig"
    )]
    Approve(ApproveArguments),
    /// Carries out an approved plan and leaves a certificate.
    #[command(
        after_help = "Ctrl-C stops after the batch under way; a second one ends at once, which is safe. `--resume` goes on.\n\nExit status: 0, 3 finished in part, 5 stale or not approved, 130 interrupted.\n\nExamples:\n  oubliette apply\n  oubliette apply --resume"
    )]
    Apply(ApplyArguments),
    /// Places, lists and releases legal holds.
    #[command(subcommand, after_help = "Exit status: 0, 2.")]
    Hold(HoldCommand),
    /// Receives, verifies, lists, answers, extends, refuses and cancels requests of persons.
    #[command(subcommand, after_help = "Exit status: 0, 2.")]
    Requests(RequestsCommand),
    /// Finds the person of a verified request over all stores, and drafts a plan. Reads only.
    #[command(
        after_help = "Then `oubliette approve PLAN --as NAME` and `oubliette apply PLAN`, as for any plan. A request whose run was done in part, or of which something stays until a duty ends, is planned again in the same way.\n\nExit status: 0 when the person was looked for everywhere; 1 unexpected, or the search passes its bounds; 2 wrong usage, not verified, or ended; 3 when a plan was drafted and leaves something out: a store was out of reach, a dataset knows people only by what is not known of this person, a request could not be planned (with --due) or is left to a plan of its own (with --together), a recipient could not be told; 6 when the ledger was changed by others.\n\nExamples:\n  oubliette erase request-4f2c --author camille\n  oubliette erase --due\n  oubliette erase --together"
    )]
    Erase(EraseArguments),
    /// Says where a person is: counts by dataset. Reads only.
    #[command(
        after_help = "For a verified request, or for identities with a reason. Who looked and why is kept in the ledger (`oubliette requests looks`).\n\nExit status: 0, 2, 3 when a dataset could not be read.\n\nExamples:\n  oubliette locate request-4f2c --as support\n  oubliette locate --identity email=jo@example.org --as dpo --reason \"call of 3 March\""
    )]
    Locate(LookArguments),
    /// Writes everything that there is of a person to a new file, for their own access request. Reads only.
    #[command(
        after_help = "The file is JSON and readable by its owner alone. Columns of shared records that may be about somebody else are only named. Who looked and why is kept in the ledger.\n\nExit status: 0, 2, 3 when a dataset could not be read.\n\nExample:\n  oubliette export request-4f2c --as support --out jo.json"
    )]
    Export(ExportArguments),
    /// After a restore: finds erased persons who came back, and drafts plans to erase them again. Reads only.
    #[command(
        after_help = "Erased persons are known by keyed hashes alone, for `suppression.kept_for` of the settings; every table with columns that identify persons is read whole. Then `oubliette approve PLAN --as NAME` and `oubliette apply PLAN`, as for any plan.\n\nExit status: 0, 2, 3 when a dataset could not be read.\n\nExamples:\n  oubliette replay --since 2026-03-05T02:30:00Z\n  oubliette replay --request request-4f2c"
    )]
    Replay(ReplayArguments),
    /// Shows plans, open runs, holds, requests and certificates.
    #[command(after_help = "Exit status: 0, 2.\n\nExample:\n  oubliette status --format json")]
    Status,
    /// Carries out the schedules of the settings, unattended.
    #[command(
        after_help = "Only rules with a standing approval go unattended; a plan of any other waits for `oubliette approve`. SIGTERM and Ctrl-C stop after the batch under way, a second one at once; SIGHUP reads the documents again. `--once` does what is due now and ends, for those who have a scheduler of their own.\n\nExit status: 0; with --once also 3 when something fell short or waits; 130 interrupted.\n\nExamples:\n  oubliette --log info daemon\n  oubliette daemon --once"
    )]
    Daemon(DaemonArguments),
    /// Lists the schedules: when each is due next, and how its last run ended.
    #[command(after_help = "Exit status: 0, 2.\n\nExample:\n  oubliette schedule --format json")]
    Schedule,
    /// Looks everywhere for what is beyond its time. Reads only.
    #[command(
        after_help = "What was seen is kept in the ledger, also when it is nothing. The daemon does the same at least once a quarter.\n\nExit status: 0, 2, 3 when a store could not be reached.\n\nExample:\n  oubliette scan"
    )]
    Scan,
    /// Accepts that the clock is right although the ledger has seen a later instant.
    #[command(
        after_help = "For a clock that once ran ahead and has been set right: without this no run would begin until that instant comes. Compare the clock with another one first. Who and why is kept in the ledger and shown by `oubliette status`.\n\nExit status: 0, 1 when a store's clock contradicts, 2 when the clock is not behind.\n\nExample:\n  oubliette accept-clock --as ops --reason \"the machine woke up in 2028, NTP is back\""
    )]
    AcceptClock(AcceptClockArguments),
    /// Tries whether notices reach the receivers of the settings.
    #[command(subcommand, after_help = "Exit status: 0, 1 when a receiver did not take it, 2.")]
    Notify(NotifyCommand),
    /// Lists and shows certificates, and makes receipts.
    #[command(subcommand, after_help = "Exit status: 0, 2, 6 when a receipt does not hold.")]
    Certificates(CertificatesCommand),
    /// Verifies an archive offline, with the public key alone.
    #[command(
        after_help = "Exit status: 0 good, 2, 6 verification failed.\n\nExamples:\n  oubliette verify certificates --trust-root trust-root.json\n  oubliette verify s3://archive/oubliette --s3-region eu-west-3 --trust-root trust-root.json"
    )]
    Verify(VerifyArguments),
    /// Prints the JSON Schema of the documents, for editors.
    #[command(after_help = "Exit status: 0.\n\nExample:\n  oubliette schema > oubliette.schema.json")]
    Schema,
    /// Says which rights the reader and the writer of each store need.
    #[command(after_help = "Exit status: 0, 2.")]
    Grants,
    /// Prints completions for a shell.
    #[command(
        after_help = "Exit status: 0.\n\nExample:\n  oubliette completions bash > ~/.local/share/bash-completion/completions/oubliette"
    )]
    Completions(CompletionsArguments),
}

#[derive(Debug, Clone, Args)]
pub struct InitArguments {
    /// Where; the current directory unless said.
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct DemoArguments {
    /// A directory that does not exist yet, or is empty.
    #[arg(value_name = "DIR", default_value = "oubliette-demo")]
    pub directory: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    /// The documents alone, without opening a store.
    #[arg(long)]
    pub offline: bool,
    /// A warning counts as an error.
    #[arg(long)]
    pub deny_warnings: bool,
}

#[derive(Debug, Clone, Args)]
pub struct PlanArguments {
    /// Only this policy; may be said several times.
    #[arg(long = "policy", value_name = "POLICY")]
    pub policies: Vec<String>,
    /// Plan for another instant or day (from its first moment in UTC), for reading only.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub as_of: Option<String>,
    /// Who drafts the plan; by default the author of the settings.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Writes the plan to a new file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit status 4 when something is due.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ShowArguments {
    /// `latest`, the id of a plan or its beginning, or a plan file.
    #[arg(value_name = "PLAN", default_value = "latest")]
    pub plan: String,
}

#[derive(Debug, Clone, Args)]
pub struct ExplainArguments {
    /// Name of the dataset in the data map.
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Key of the record: its value, or the path of a file.
    #[arg(value_name = "KEY")]
    pub key: String,
    /// For another instant or day.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub as_of: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["plan", "standing", "revoke"])))]
pub struct ApproveArguments {
    /// `latest`, the id of a plan or its beginning, or a plan file.
    #[arg(value_name = "PLAN")]
    pub plan: Option<String>,
    /// Who approves.
    #[arg(long = "as", value_name = "NAME", required_unless_present = "revoke")]
    pub approver: Option<String>,
    /// A remark that is kept with the approval.
    #[arg(long, requires = "plan")]
    pub note: Option<String>,
    /// Approves a rule as it stands, so that it may run unattended.
    #[arg(long, value_name = "POLICY/RULE")]
    pub standing: Option<String>,
    /// Takes a standing approval back.
    #[arg(long, value_name = "POLICY/RULE", conflicts_with = "approver")]
    pub revoke: Option<String>,
    /// The signature of the approver over what `--to-sign` prints: of `ssh-keygen -Y sign`, or ECDSA in DER.
    #[arg(long, value_name = "FILE", conflicts_with = "revoke")]
    pub signature: Option<PathBuf>,
    /// Prints what the approver signs, and approves nothing.
    #[arg(long, conflicts_with_all = ["revoke", "signature", "note"])]
    pub to_sign: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ApplyArguments {
    /// `latest`, the id of a plan or its beginning, or a plan file; by default the newest that is ready.
    #[arg(value_name = "PLAN")]
    pub plan: Option<String>,
    /// Goes on with a run that was interrupted.
    #[arg(long)]
    pub resume: bool,
    /// Ends a run that was interrupted: certifies what it has done, and disposes of nothing more.
    #[arg(long, conflicts_with = "resume")]
    pub close: bool,
    /// No progress.
    #[arg(long)]
    pub no_progress: bool,
}

#[derive(Debug, Clone, Args)]
pub struct DaemonArguments {
    /// Does what is due now, and ends.
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Clone, Args)]
pub struct AcceptClockArguments {
    /// Who accepts it.
    #[arg(long = "as", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub who: String,
    /// Why the clock is right now.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
}

#[derive(Debug, Clone, Subcommand)]
pub enum HoldCommand {
    /// Places a hold, by dataset, by predicate or by person.
    #[command(
        after_help = "Examples:\n  oubliette hold add --subject customer_id=1042 --matter 2026-017 --reason dispute --owner legal\n  oubliette hold add --dataset crm.orders --where \"total > 1000\" --matter audit --reason audit --owner tax"
    )]
    Add(HoldAddArguments),
    /// Lists holds.
    List {
        /// Released ones too.
        #[arg(long)]
        all: bool,
    },
    /// Releases a hold: its records become due again.
    Release {
        #[arg(value_name = "HOLD")]
        hold: String,
    },
}

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("scope").required(true).args(["dataset", "subject"])))]
pub struct HoldAddArguments {
    /// Every record of this dataset, or those of `--where`.
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// Only the records for which this is true or unknown.
    #[arg(long = "where", value_name = "PREDICATE", requires = "dataset")]
    pub predicate: Option<String>,
    /// Every record of one person, in every dataset whose subject columns name them.
    #[arg(long, value_name = "IDENTITY=VALUE")]
    pub subject: Option<String>,
    /// The dispute or inquiry.
    #[arg(long)]
    pub matter: String,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// Who answers for it.
    #[arg(long)]
    pub owner: String,
    /// When to look again whether it is still needed (YYYY-MM-DD).
    #[arg(long, value_name = "DATE")]
    pub review_on: Option<chrono::NaiveDate>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum NotifyCommand {
    /// Sends one test notice to every receiver, now.
    #[command(
        after_help = "Each receiver is tried three times within some seconds.\n\nExit status: 0, 1 when a receiver did not take it, 2 when the settings name none.\n\nExample:\n  oubliette notify test"
    )]
    Test,
}

#[derive(Debug, Clone, Subcommand)]
pub enum CertificatesCommand {
    /// Lists certificates.
    List,
    /// Shows what a certificate states.
    Show {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
    },
    /// Prints the path of the page for people (HTML, French and English).
    Html {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
    },
    /// Certifies which remaining copies have ended, once their date has passed.
    CloseResiduals,
    /// Makes the private proof that one record is on a certificate.
    Receipt {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
        #[arg(value_name = "DATASET")]
        dataset: String,
        #[arg(value_name = "KEY")]
        key: String,
        /// Writes the receipt to a new file instead of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Checks a receipt against a certificate of an archive.
    VerifyReceipt {
        /// The receipt file.
        #[arg(value_name = "RECEIPT")]
        receipt: PathBuf,
        /// The archive directory, or s3://BUCKET/PREFIX.
        #[arg(long, value_name = "ARCHIVE")]
        archive: PathBuf,
        #[command(flatten)]
        bucket: BucketArguments,
        /// The keys to trust, from outside the archive.
        #[arg(long, value_name = "FILE")]
        trust_root: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct VerifyArguments {
    /// The archive directory, a copy of it, or s3://BUCKET/PREFIX; the archive of the settings unless said.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,
    #[command(flatten)]
    pub bucket: BucketArguments,
    /// The keys to trust, from outside the archive.
    #[arg(long, value_name = "FILE")]
    pub trust_root: Option<PathBuf>,
    /// The fingerprint of the trust root, as published (hexadecimal).
    #[arg(long, value_name = "HEX")]
    pub fingerprint: Option<String>,
    /// A checkpoint seen earlier: the log must contain it.
    #[arg(long, value_name = "FILE")]
    pub expect_checkpoint: Option<PathBuf>,
}

/// How a bucket that is named on the command line is reached. Credentials are those of the environment
/// unless said.
#[derive(Debug, Clone, Args)]
pub struct BucketArguments {
    /// Address of a store that is not AWS.
    #[arg(long = "s3-endpoint", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long = "s3-region", value_name = "REGION", default_value = "us-east-1")]
    pub region: String,
    /// The bucket stands in the path, not in the name of the host.
    #[arg(long = "s3-path-style")]
    pub path_style: bool,
    /// Certificates in PEM that are believed beside those of the system.
    #[arg(long = "s3-ca", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A profile of the shared credential files.
    #[arg(long = "s3-profile", value_name = "NAME", conflicts_with = "anonymous")]
    pub profile: Option<String>,
    /// No credentials at all.
    #[arg(long = "s3-anonymous")]
    pub anonymous: bool,
}

#[derive(Debug, Clone, Args)]
pub struct CompletionsArguments {
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}
