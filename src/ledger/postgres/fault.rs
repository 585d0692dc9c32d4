//! What can go wrong with a server, from its SQLSTATE alone: its messages may quote a value.
//!
//! Floor 6. Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use crate::ledger::LedgerError;

pub(in crate::ledger) fn of_state(state: &str) -> LedgerError {
    let told = match state {
        "53100" => return LedgerError::Full,
        "55P03" | "40001" | "40P01" => return LedgerError::Locked,
        "25006" => return LedgerError::ReadOnly,
        "XX001" | "XX002" => return LedgerError::Damaged,
        "3D000" => "its database does not exist",
        "42501" => "its user lacks a right",
        "53300" => "its server has no connection left",
        "57P01" | "57P02" | "57P03" => "its server is starting or stopping",
        "25P03" => "a transaction was idle for too long and was ended",
        _ if state.starts_with("28") => "its server does not accept the user",
        // Anything else in place of a code would not be one.
        _ if state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            return LedgerError::Failed { reason: format!("SQLSTATE {state} of PostgreSQL") };
        }
        _ => "an unknown answer of PostgreSQL",
    };
    LedgerError::failed(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: &str, expected: &LedgerError) {
        assert_eq!(&of_state(state), expected, "SQLSTATE {state}");
    }

    #[test]
    fn a_code_says_what_can_be_done() {
        check("53100", &LedgerError::Full);
        check("55P03", &LedgerError::Locked);
        check("40001", &LedgerError::Locked);
        check("25006", &LedgerError::ReadOnly);
        check("XX001", &LedgerError::Damaged);
        check("28P01", &LedgerError::failed("its server does not accept the user"));
        check("23505", &LedgerError::failed("SQLSTATE 23505 of PostgreSQL"));
    }

    #[test]
    fn what_is_not_a_code_is_not_repeated() {
        check("alice@example.org", &LedgerError::failed("an unknown answer of PostgreSQL"));
        check("", &LedgerError::failed("an unknown answer of PostgreSQL"));
    }
}
