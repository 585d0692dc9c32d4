//! Exit statuses: one table for `main`, the help texts and the README (floor 8).

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    Done,
    Unexpected,
    Usage,
    Partial,
    WouldChange,
    NotApproved,
    VerificationFailed,
    Interrupted,
}

/// Every status with its code and what it means, in the order of the codes.
pub const TABLE: [(ExitStatus, u8, &str); 8] = [
    (ExitStatus::Done, 0, "done"),
    (ExitStatus::Unexpected, 1, "unexpected error"),
    (ExitStatus::Usage, 2, "wrong usage, or a document is invalid"),
    (ExitStatus::Partial, 3, "finished in part"),
    (ExitStatus::WouldChange, 4, "the plan would change something (only with `plan --exit-code`)"),
    (ExitStatus::NotApproved, 5, "the plan is stale or not approved"),
    (ExitStatus::VerificationFailed, 6, "verification failed"),
    (ExitStatus::Interrupted, 130, "interrupted; `oubliette apply --resume` goes on"),
];

impl ExitStatus {
    /// The code for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::WouldChange => 4,
            Self::NotApproved => 5,
            Self::VerificationFailed => 6,
            Self::Interrupted => 130,
        }
    }

    /// The status of a code; an unknown code is an unexpected error.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        TABLE.iter().find(|row| row.1 == code).map_or(Self::Unexpected, |row| row.0)
    }
}

/// The table as it stands at the end of `--help`.
#[must_use]
pub fn help_text() -> String {
    let rows: Vec<String> =
        TABLE.iter().map(|(_, code, meaning)| format!("  {code:>3}  {meaning}")).collect();
    format!("Exit status:\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_codes_and_has_each_once() {
        for (status, code, meaning) in TABLE {
            assert_eq!(status.code(), code);
            assert_eq!(ExitStatus::from_code(code), status);
            assert!(!meaning.is_empty());
        }
        assert!(TABLE.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn an_unknown_code_is_an_unexpected_error() {
        assert_eq!(ExitStatus::from_code(77), ExitStatus::Unexpected);
    }

    #[test]
    fn the_help_names_every_code() {
        let help = help_text();
        for (_, code, meaning) in TABLE {
            assert!(help.contains(&format!("{code:>3}  {meaning}")), "{code}");
        }
    }
}
