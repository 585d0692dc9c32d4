//! The leader's side of help: which ranges of an item are offered to other processes, and what comes back.
//!
//! Only ranges that whoever carries out the run would otherwise begin later are offered, one more than are under
//! way elsewhere: with nobody there to help, one range waits for somebody and is taken back at the end. A helper
//! whose right has expired is dismissed: it can write nothing more, its sessions on the store are ended, and what it
//! left open is settled by looking, before its ranges are carried out here.

use crate::execution::attempt::{place_of_offer, random_nonce};
use crate::execution::ranges::Range;
use crate::execution::{ExecutionError, OpenStore, Session, recovery};
use crate::journal::codec::{self, KeyRange};
use crate::journal::{Answer, HelpStore, News, Offer};
use crate::plan::compile::ExecutableItem;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often the leader asks what became of its offers while somebody has some.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The same while nobody has.
const ASK_EVERY_ALONE: Duration = Duration::from_secs(1);
/// Most ranges that wait for a helper.
const OPEN_MAX: u32 = 16;
/// An item of fewer batches is done before anybody could help.
const BATCHES_MIN: u64 = 8;

/// Ranges of one item that are with others.
pub(super) struct Sharing<'a> {
    help: &'a dyn HelpStore,
    /// By number: offered, or taken.
    out: BTreeMap<u64, Range>,
    open: u32,
    taken: u32,
    /// An exchange is under way.
    asks: bool,
    asked_at: Option<Duration>,
    dismissing: BTreeSet<u32>,
}

/// What to do next about offers: sent as a whole.
pub(super) struct Turn {
    pub(super) offers: Vec<(u64, KeyRange)>,
    pub(super) withdraw: bool,
}

impl<'a> Sharing<'a> {
    /// Where the store is a server and the journal can be shared, for an item that is worth it.
    pub(super) fn of(session: &Session<'a>, item: &ExecutableItem, open: &OpenStore) -> Option<Self> {
        let help = session.executor.journal.help()?;
        let batches = item.item.counts.due / u64::from(session.executor.tuning.records_start.max(1));
        (open.source.capabilities().is_server && batches >= BATCHES_MIN).then(|| Self::new(help))
    }

    fn new(help: &'a dyn HelpStore) -> Self {
        Self {
            help,
            out: BTreeMap::new(),
            open: 0,
            taken: 0,
            asks: false,
            asked_at: None,
            dismissing: BTreeSet::new(),
        }
    }

    pub(super) fn help(&self) -> &'a dyn HelpStore {
        self.help
    }

    /// Ranges that others could take now.
    pub(super) fn wanted(&self) -> u32 {
        (self.taken + 1).min(OPEN_MAX).saturating_sub(self.open)
    }

    /// What is to be sent: these ranges, or nothing but a question. `None` while it is too early to ask, there is nothing
    /// to ask, or a question is under way.
    pub(super) fn turn(&mut self, now: Duration, offers: Vec<Range>, withdraw: bool) -> Option<Turn> {
        let every = if self.taken == 0 && !withdraw { ASK_EVERY_ALONE } else { ASK_EVERY };
        let is_early = self.asked_at.is_some_and(|asked| now.saturating_sub(asked) < every);
        if self.asks || (offers.is_empty() && (self.out.is_empty() || is_early)) {
            return None;
        }
        self.asks = true;
        self.asked_at = Some(now);
        let offers = offers.into_iter().map(|range| {
            let told = KeyRange { after: range.after.clone(), up_to: range.up_to.clone() };
            let number = range.number;
            self.out.insert(number, range);
            (number, told)
        });
        Some(Turn { offers: offers.collect(), withdraw })
    }

    /// Whether ranges are with others, or offered to them.
    pub(super) fn has_some_out(&self) -> bool {
        !self.out.is_empty()
    }

    /// Ranges that others have under way.
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether a question is under way.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// Takes up what was heard: ranges that are over, with how, and helpers to be dismissed.
    pub(super) fn heard(&mut self, news: News) -> (Vec<(Range, Answer)>, Vec<u32>) {
        self.asks = false;
        (self.open, self.taken) = (news.open, news.taken);
        let answers = news.answers.into_iter();
        let over = answers.filter_map(|(number, answer)| Some((self.out.remove(&number)?, answer))).collect();
        let lost = news.lost.into_iter().filter(|helper| self.dismissing.insert(*helper)).collect();
        (over, lost)
    }

    /// A helper is dismissed: its ranges come back.
    pub(super) fn dismissed(&mut self, helper: u32, numbers: &[u64]) -> Vec<Range> {
        self.dismissing.remove(&helper);
        numbers.iter().filter_map(|number| self.out.remove(number)).collect()
    }
}

/// Sends a turn.
pub(super) async fn exchange(
    session: &Session<'_>,
    help: &dyn HelpStore,
    item: u32,
    turn: Turn,
) -> Result<News, ExecutionError> {
    let mut offers = Vec::with_capacity(turn.offers.len());
    for (number, range) in turn.offers {
        let plain = codec::encode_range(&range).map_err(|error| session.unreadable(error.to_string()))?;
        let place = place_of_offer(&session.run.run_id, item, number);
        let sealed = session.key.seal(random_nonce(session)?, &place, &plain);
        let range = sealed.map_err(|error| session.unreadable(error.to_string()))?;
        offers.push(Offer { item, number, range });
    }
    Ok(help.exchange(&session.run.run_id, item, &offers, turn.withdraw).await?)
}

/// Makes sure that nothing of a helper becomes durable any more, and settles what it left open of the item. Answers
/// with the numbers of the ranges that it had.
pub(super) async fn dismiss(
    session: &Session<'_>,
    help: &dyn HelpStore,
    item: &ExecutableItem,
    open: &OpenStore,
    helper: u32,
) -> Result<Vec<u64>, ExecutionError> {
    let run_id = &session.run.run_id;
    help.dismiss(run_id, helper).await?;
    tracing::warn!(helper, "a helper is not waited for any more");
    end_sessions(session, open, helper).await?;
    recovery::settle_of_helper(session, item, helper).await?;
    Ok(help.cleared(run_id, helper, item.item.item).await?)
}

async fn end_sessions(session: &Session<'_>, open: &OpenStore, helper: u32) -> Result<(), ExecutionError> {
    crate::execution::attempt::patiently(session, || open.disposer.settle_helper(helper)).await
}

/// Dismisses every helper of the run, as whoever goes on with one must before it settles what is open: they stood
/// under a leader that is gone. Answers with those to be [`cleared`] when everything is settled.
pub(super) async fn dismiss_all(session: &Session<'_>) -> Result<Vec<u32>, ExecutionError> {
    let Some(help) = session.executor.journal.help() else { return Ok(Vec::new()) };
    let helpers = help.dismiss_all(&session.run.run_id).await?;
    for &helper in &helpers {
        for open in session.executor.stores.values() {
            end_sessions(session, open, helper).await?;
        }
    }
    Ok(helpers)
}

/// Nothing of these helpers is open any more.
pub(super) async fn cleared(session: &Session<'_>, helpers: &[u32]) -> Result<(), ExecutionError> {
    let Some(help) = session.executor.journal.help() else { return Ok(()) };
    for &helper in helpers {
        help.leave(&session.run.run_id, helper).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{HelperLease, JournalError};
    use async_trait::async_trait;

    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl HelpStore for Nobody {
        async fn exchange(&self, _: &str, _: u32, _: &[Offer], _: bool) -> Result<News, JournalError> {
            Ok(News::default())
        }
        async fn helpers(&self, _: &str) -> Result<Vec<u32>, JournalError> {
            Ok(Vec::new())
        }
        async fn dismiss(&self, _: &str, _: u32) -> Result<(), JournalError> {
            Ok(())
        }
        async fn cleared(&self, _: &str, _: u32, _: u32) -> Result<Vec<u64>, JournalError> {
            Ok(Vec::new())
        }
        async fn forget_offers(&self, _: &str) -> Result<(), JournalError> {
            Ok(())
        }
        async fn wanted(&self) -> Result<Option<String>, JournalError> {
            Ok(None)
        }
        async fn join(&self, run_id: &str) -> Result<HelperLease, JournalError> {
            Err(JournalError::UnknownRun { run_id: run_id.to_owned() })
        }
        async fn take(&self, _: &str, _: u32) -> Result<Option<Offer>, JournalError> {
            Ok(None)
        }
        async fn answer(&self, _: &str, _: u32, _: (u32, u64), _: Answer) -> Result<(), JournalError> {
            Ok(())
        }
        async fn leave(&self, _: &str, _: u32) -> Result<(), JournalError> {
            Ok(())
        }
    }

    fn range(number: u64) -> Range {
        Range { number, after: None, up_to: None, due: None, tries: 0 }
    }

    fn sharing() -> Sharing<'static> {
        Sharing::new(&Nobody)
    }

    #[test]
    fn one_range_waits_for_somebody_and_more_once_somebody_is_there() {
        let mut sharing = sharing();
        assert_eq!(sharing.wanted(), 1);
        let turn = sharing.turn(Duration::from_secs(1), vec![range(4)], false).expect("something to say");
        assert_eq!(turn.offers.len(), 1);
        assert!(sharing.turn(Duration::from_secs(1), Vec::new(), false).is_none(), "one question at a time");
        sharing.heard(News { open: 1, ..News::default() });
        assert_eq!(sharing.wanted(), 0);
        sharing.heard(News { taken: 1, ..News::default() });
        assert_eq!(sharing.wanted(), 2);
        sharing.heard(News { taken: 40, open: 3, ..News::default() });
        assert_eq!(sharing.wanted(), OPEN_MAX - 3);
    }

    #[test]
    fn what_is_out_is_asked_for_until_it_is_over_and_the_lost_are_dismissed_once() {
        let mut sharing = sharing();
        assert!(sharing.turn(Duration::ZERO, Vec::new(), true).is_none(), "nothing is out");
        sharing.turn(Duration::ZERO, vec![range(1), range(2)], false).expect("something to say");
        let news =
            News { lost: vec![7], answers: vec![(1, Answer::Done { disposed: 3 })], ..News::default() };
        let (over, lost) = sharing.heard(news);
        assert_eq!((over, lost), (vec![(range(1), Answer::Done { disposed: 3 })], vec![7]));
        assert!(sharing.turn(Duration::from_millis(130), Vec::new(), false).is_none(), "nobody has anything");
        assert!(sharing.turn(Duration::from_millis(30), Vec::new(), true).is_none(), "too early");
        sharing.turn(Duration::from_millis(130), Vec::new(), true).expect("asks for it back");
        assert_eq!(sharing.heard(News { lost: vec![7], ..News::default() }).1, [0; 0], "once");
        assert_eq!(sharing.dismissed(7, &[2]), [range(2)]);
        assert!(sharing.turn(Duration::from_secs(1), Vec::new(), false).is_none(), "nothing is out");
    }
}
