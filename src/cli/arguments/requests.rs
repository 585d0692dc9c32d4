//! The arguments of `requests` and `erase` (floor 8).

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Subcommand)]
pub enum RequestsCommand {
    /// Keeps a request. Its clock runs from the day on which it was received.
    #[command(
        after_help = "Identities in a file are not seen by others on the machine, nor kept by the shell.\n\nExamples:\n  oubliette requests receive --identities person.txt --received 2026-03-05\n  oubliette requests receive --identity email=jo@example.org --kind consent-withdrawal\n  oubliette requests receive --persons who-asked.txt --received 2026-03-05"
    )]
    Receive(ReceiveArguments),
    /// Records that somebody checked who the person is.
    #[command(group(clap::ArgGroup::new("whose").required(true).args(["request", "requests"])))]
    Verify {
        #[arg(value_name = "REQUEST")]
        request: Option<String>,
        /// The ids of many requests in a file, one on each line; all of them are verified, or none.
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
        /// Who checked.
        #[arg(long = "as", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        who: String,
        /// How, such as "answered from the address on file".
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        method: String,
    },
    /// Lists requests with their deadlines.
    List {
        /// Ended ones too.
        #[arg(long)]
        all: bool,
    },
    /// Shows one request and what happened to it.
    Show {
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Writes the letter that answers the person, in plain words, from what the certificates state.
    Answer {
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Writes the person's private receipt to a new file: which of their records stand on the certificates.
    #[command(
        after_help = "It opens nothing of anybody else, and can be made for 60 days after a certificate. Anybody checks it with `oubliette certificates verify-receipt FILE --archive DIR`.\n\nExample:\n  oubliette requests receipt request-4f2c --out receipt.json"
    )]
    Receipt {
        #[arg(value_name = "REQUEST")]
        request: String,
        /// The new file, which only its owner can read.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Destroys what receipts are made of once it is written.
        #[arg(long)]
        last: bool,
    },
    /// Lists who looked for a person with `locate` or `export`, when and why.
    Looks,
    /// Lists who had received the data, who was told of the erasure and when, and who could not be.
    Recipients {
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Tells recipients that were not told yet: those that wait, of one request those that were refused too.
    #[command(after_help = "Exit status: 0, 2, 3 when a recipient could not be told.")]
    Notify {
        #[arg(value_name = "REQUEST")]
        request: Option<String>,
    },
    /// Records that a person told a recipient; without `--as` shows under which identities to do it.
    #[command(
        after_help = "Without --as the person's identities are printed, for who tells the recipient.\n\nExamples:\n  oubliette requests told request-4f2c mailer\n  oubliette requests told request-4f2c mailer --as support\n  oubliette requests told request-4f2c mailer --as dpo --not-possible \"the company was dissolved in 2024\""
    )]
    Told {
        #[arg(value_name = "REQUEST")]
        request: String,
        /// Name of the recipient in the settings.
        #[arg(value_name = "RECIPIENT")]
        recipient: String,
        /// Who told it, or decided that nobody can.
        #[arg(long = "as", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        who: Option<String>,
        /// Why telling it proves impossible or takes a disproportionate effort (GDPR art. 19).
        #[arg(long, value_name = "TEXT", requires = "who", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        not_possible: Option<String>,
    },
    /// Announces that the answer comes later; within the first period of the law only.
    Extend {
        #[arg(value_name = "REQUEST")]
        request: String,
        #[arg(long, value_enum)]
        reason: ExtensionReasonArgument,
    },
    /// Refuses a whole request, of which nothing was carried out yet.
    Refuse {
        #[arg(value_name = "REQUEST")]
        request: String,
        #[arg(long, value_enum)]
        reason: RefusalReasonArgument,
        /// A remark; destroyed with what names the person.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Takes a request back for the person, if nothing was carried out yet.
    Cancel {
        #[arg(value_name = "REQUEST")]
        request: String,
    },
}

#[derive(Debug, Clone, Args)]
pub struct ReceiveArguments {
    /// Who the person is, as a kind that the data map declares under `subject`; may be said several times.
    #[arg(long = "identity", value_name = "KIND=VALUE")]
    pub identities: Vec<String>,
    /// The same from a file, one on each line; `-` reads standard input.
    #[arg(long = "identities", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Many persons, each on a line: identities with tabs between them, or a JSON object of kinds and values. All of
    /// them are kept, or none.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identities", "file"])]
    pub persons: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    pub kind: RequestKindArgument,
    /// On what the request stands (GDPR art. 17(1)); by default what the kind implies.
    #[arg(long, value_enum)]
    pub ground: Option<GroundArgument>,
    /// Day or instant of the receipt; by default now.
    #[arg(long, value_name = "DATE|INSTANT")]
    pub received: Option<String>,
    /// The law whose clock runs.
    #[arg(long, value_enum, default_value_t)]
    pub law: LawArgument,
    /// ISO 3166 code of the country whose holidays count.
    #[arg(long, value_name = "CODE", default_value = "FR")]
    pub country: String,
    /// How it came; kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// The data were collected from a child.
    #[arg(long)]
    pub about_child: bool,
    /// Only records of this type; may be said several times.
    #[arg(long = "record-type", value_name = "TYPE")]
    pub record_types: Vec<String>,
}

/// Whom to look for, who looks and why.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).multiple(true).args(["request", "identities", "file"])))]
pub struct LookArguments {
    /// The id of a verified request, or a beginning of it.
    #[arg(value_name = "REQUEST", conflicts_with_all = ["identities", "file"])]
    pub request: Option<String>,
    /// Who the person is, as a kind that the data map declares under `subject`; may be said several times.
    #[arg(long = "identity", value_name = "KIND=VALUE")]
    pub identities: Vec<String>,
    /// The same from a file, one on each line; `-` reads standard input.
    #[arg(long = "identities", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Who looks.
    #[arg(long = "as", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub who: String,
    /// Why; needed where no request stands for it.
    #[arg(long, value_name = "TEXT", required_unless_present = "request", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    pub look: LookArguments,
    /// The new file, which only its owner can read.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["request", "due", "together"])))]
pub struct EraseArguments {
    /// The id of a request, or a beginning of it.
    #[arg(value_name = "REQUEST")]
    pub request: Option<String>,
    /// Every request of which something waits that may go by now.
    #[arg(long)]
    pub due: bool,
    /// Every verified request of which nothing was begun, by one plan for those that reach the same records.
    #[arg(long)]
    pub together: bool,
    /// Who drafts the plan; by default the author of the settings.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["since", "request"])))]
pub struct ReplayArguments {
    /// When what was restored had been saved: everybody who was erased since is looked for.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub since: Option<String>,
    /// Only the person of this request: its id, or a beginning of it.
    #[arg(long, value_name = "REQUEST")]
    pub request: Option<String>,
    /// Also what a person gave anew after they were erased, which is kept otherwise.
    #[arg(long)]
    pub include_new: bool,
    /// Who drafts the plans; by default the author of the settings.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RequestKindArgument {
    #[default]
    Erasure,
    ConsentWithdrawal,
    MarketingObjection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroundArgument {
    NotNecessary,
    ConsentWithdrawn,
    Objection,
    Unlawful,
    LegalErasure,
    ChildData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LawArgument {
    #[default]
    EuGdpr,
    UkGdpr,
    UsCaCcpa,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExtensionReasonArgument {
    Complexity,
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RefusalReasonArgument {
    IdentityNotVerified,
    ManifestlyUnfounded,
    Excessive,
    NoGround,
}
