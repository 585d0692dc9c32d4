//! The walk over one item whose store tells where batches end: ranges of the key are carried out, each on
//! a connection of its own, while earlier ones are read back and the next ones are looked for.
//!
//! One task coordinates; nothing here decides what is due. The journal's cursor is the end of the last
//! range before which every range is proven, so that whatever was under way at a crash is walked again.

use crate::execution::acting::{Acted, Acting, UnderWay};
use crate::execution::attempt::{self, Act, BatchEnd, BatchError, Unproven};
use crate::execution::giving_way::{self, GivingWay};
use crate::execution::ranges::{Range, Ranges};
use crate::execution::reach::Spacing;
use crate::execution::sharing::{self, Sharing};
use crate::execution::walk::{self, WalkError};
use crate::execution::{ExecutionError, Interruption, OpenStore, Session, Snapshot, patience};
use crate::hold::HoldBook;
use crate::journal::{Answer, News};
use crate::plan::compile::ExecutableItem;
use crate::spans;
use connectors::{Bound, ConnectorError, Pressure, RecordKey, Selection, StartCondition, Stretch};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::Span;

/// How often the store is asked whether others need it.
const PRESSURE_EVERY: Duration = Duration::from_millis(200);

/// Walks the item from `cursor` on until nothing due is left.
pub(super) async fn item(
    session: &Session<'_>,
    item: &ExecutableItem,
    open: &OpenStore,
    cursor: Option<RecordKey>,
) -> Result<Option<Interruption>, WalkError> {
    let executor = session.executor;
    let book = executor.holds.book().await.map_err(ExecutionError::from)?;
    let capabilities = open.source.capabilities();
    let mut lanes = Lanes {
        session,
        item,
        open,
        selection: item.with_holds(&book).map_err(ExecutionError::from)?,
        book,
        ranges: Ranges::beginning_after(cursor),
        spacing: spacing_of(item),
        records: executor.tuning.clamp(executor.tuning.records_start, capabilities.batch_records_max),
        steps: FuturesUnordered::new(),
        under_way: UnderWay::default(),
        giving_way: GivingWay::default(),
        asked_at: None,
        not_before: Duration::ZERO,
        reader_tries: 0,
        troubles: Vec::new(),
        disposed: 0,
        sharing: Sharing::of(session, item, open),
        began: executor.clock.monotonic(),
        stopped: None,
    };
    let end = lanes.run().await;
    spans::count(&Span::current(), spans::DISPOSED, lanes.disposed);
    executor.progress.ended(&lanes.snapshot());
    end
}

/// The counts of a request may be those of its own records alone, and tell nothing of what lies between them.
fn spacing_of(item: &ExecutableItem) -> Spacing {
    if item.selection.start == StartCondition::OnRequest {
        return Spacing::named();
    }
    Spacing::of(item.item.counts.total, item.item.counts.due)
}

/// Something that was waited for.
enum Step {
    Stretch {
        after: Option<RecordKey>,
        /// Of the holds under which it was read.
        revision: u64,
        stretch: Result<Stretch, ConnectorError>,
    },
    /// The statements of one range are through, or there are none.
    Changed,
    Acted(Box<Acted>),
    Proven {
        range: Range,
        end: Result<BatchEnd, BatchError>,
    },
    Pressure(Result<Pressure, ConnectorError>),
    Waited,
    /// What became of ranges that were offered to others.
    News(Result<News, ExecutionError>),
    /// A helper is dismissed; these ranges come back.
    Dismissed {
        helper: u32,
        numbers: Result<Vec<u64>, ExecutionError>,
    },
}

/// Why no further range is begun; what is under way comes to its end.
enum Stop {
    Interrupted(Interruption),
    Failed(WalkError),
}

struct Lanes<'a> {
    session: &'a Session<'a>,
    item: &'a ExecutableItem,
    open: &'a OpenStore,
    book: HoldBook,
    /// Under the holds of `book`.
    selection: Selection,
    ranges: Ranges,
    spacing: Spacing,
    /// Due records that the next range is to have.
    records: u32,
    steps: FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send + 'a>>>,
    under_way: UnderWay,
    giving_way: GivingWay,
    /// When the store was last asked about pressure.
    asked_at: Option<Duration>,
    /// No range is begun before this time.
    not_before: Duration,
    /// Looks at the store that failed one after the other.
    reader_tries: u32,
    /// Why the last attempts failed.
    troubles: Vec<String>,
    disposed: u64,
    /// Where others may help.
    sharing: Option<Sharing<'a>>,
    began: Duration,
    stopped: Option<Stop>,
}

impl Lanes<'_> {
    async fn run(&mut self) -> Result<Option<Interruption>, WalkError> {
        loop {
            if self.stopped.is_none() {
                self.begin_what_can_be();
            }
            self.share();
            let Some(step) = self.steps.next().await else { break };
            self.take_up(step);
        }
        match self.stopped.take() {
            None if self.ranges.finished() => Ok(None),
            None => Err(WalkError::Run(self.session.unreadable("a walk ended before its ranges were done"))),
            Some(Stop::Interrupted(interruption)) => Ok(Some(interruption)),
            Some(Stop::Failed(error)) => Err(error),
        }
    }

    fn begin_what_can_be(&mut self) {
        if let Some(interruption) = self.session.executor.control.interruption() {
            self.stopped = Some(Stop::Interrupted(interruption));
            return;
        }
        if self.ranges.finished() || self.rests() {
            return;
        }
        self.ask_for_pressure();
        self.look_for_a_bound();
        while self.may_act() {
            let Some(range) = self.ranges.take() else { break };
            self.act(range);
        }
    }

    fn now(&self) -> Duration {
        self.session.executor.clock.monotonic()
    }

    /// While others need the store there is one batch at a time.
    fn lanes(&self) -> u32 {
        if self.giving_way.is_called_for() { 1 } else { self.open.connections.max(1) }
    }

    /// A batch that is intended and committed waits for disks, and the next one begins meanwhile unless others need the
    /// store. Keys stay in memory until they are proven, so there is a limit to how many batches wait for it.
    fn may_act(&self) -> bool {
        let (lanes, under_way) = (self.lanes(), &self.under_way);
        if self.giving_way.is_called_for() {
            // One thing at a time, so that most of the store stays theirs.
            return self.ranges.waiting() > 0 && under_way.is_idle();
        }
        self.ranges.waiting() > 0
            && under_way.changing < lanes
            && under_way.acts < lanes * 2
            && under_way.proofs <= lanes + 1
    }

    /// Whether it is too early to begin anything; then a wait is under way.
    fn rests(&mut self) -> bool {
        let now = self.now();
        if now >= self.not_before {
            return false;
        }
        if !self.under_way.wait {
            self.wait(self.not_before.saturating_sub(now).min(walk::WAIT_SLICE));
        }
        true
    }

    fn ask_for_pressure(&mut self) {
        let now = self.now();
        let recent = self.asked_at.is_some_and(|asked| now.saturating_sub(asked) < PRESSURE_EVERY);
        if recent || self.under_way.pressure || walk::ignores_pressure() {
            return;
        }
        self.asked_at = Some(now);
        self.under_way.pressure = true;
        let open = self.open;
        self.steps.push(Box::pin(async move { Step::Pressure(open.source.pressure().await) }));
    }

    fn look_for_a_bound(&mut self) {
        let offered = self.sharing.as_ref().map_or(0, Sharing::wanted);
        let enough = usize::try_from(self.lanes() + offered).unwrap_or(usize::MAX);
        let is_too_much =
            self.giving_way.is_called_for() && (self.ranges.waiting() > 0 || !self.under_way.is_idle());
        if self.ranges.all_told() || self.under_way.bound || self.ranges.waiting() > enough || is_too_much {
            return;
        }
        self.under_way.bound = true;
        let (open, reach) = (self.open, self.spacing.reach(self.records));
        let (after, selection) = (self.ranges.next_after().cloned(), self.selection.clone());
        let revision = self.book.revision;
        self.steps.push(Box::pin(async move {
            let stretch = open.source.stretch(&selection, after.as_ref(), reach).await;
            Step::Stretch { after, revision, stretch }
        }));
    }

    /// Offers others what this process would begin later, and takes back what nobody took when it has no other work,
    /// or no more is to be begun.
    fn share(&mut self) {
        if matches!(self.stopped, Some(Stop::Failed(WalkError::Run(_)))) {
            // Whoever goes on with the run dismisses them first.
            return;
        }
        let (now, lanes) = (self.now(), self.lanes());
        let Some(sharing) = self.sharing.as_mut() else { return };
        let is_calm = self.stopped.is_none() && !self.giving_way.is_called_for() && now >= self.not_before;
        let is_free = self.ranges.all_told() && self.ranges.waiting() == 0 && self.under_way.acts < lanes;
        let mut offers = Vec::new();
        if is_calm && !is_free && !sharing.asks() {
            let spare = self.ranges.waiting().saturating_sub(usize::try_from(lanes).unwrap_or(usize::MAX));
            let wanted = usize::try_from(sharing.wanted()).unwrap_or_default();
            offers.extend((0..spare.min(wanted)).map_while(|_| self.ranges.take_last()));
        }
        if let Some(turn) = sharing.turn(now, offers, !is_calm || is_free) {
            let (session, help, item) = (self.session, sharing.help(), self.item.item.item);
            self.steps.push(Box::pin(async move {
                Step::News(sharing::exchange(session, help, item, turn).await)
            }));
        } else if sharing.has_some_out() && self.steps.is_empty() {
            self.wait(walk::WAIT_SLICE);
        }
    }

    fn wait(&mut self, pause: Duration) {
        self.under_way.wait = true;
        self.steps.push(Box::pin(async move {
            tokio::time::sleep(pause).await;
            Step::Waited
        }));
    }

    fn heard(&mut self, news: News) {
        let Some(sharing) = self.sharing.as_mut() else { return };
        let (over, lost) = sharing.heard(news);
        let help = sharing.help();
        self.open.source.expect_company(sharing.taken());
        for helper in lost {
            let (session, item, open) = (self.session, self.item, self.open);
            self.steps.push(Box::pin(async move {
                let numbers = sharing::dismiss(session, help, item, open, helper).await;
                Step::Dismissed { helper, numbers }
            }));
        }
        if !over.is_empty() {
            self.open.disposer.note_changed_elsewhere(&self.selection);
        }
        for (range, answer) in over {
            match answer {
                Answer::Done { disposed } => {
                    self.ranges.done(&range);
                    self.disposed += disposed;
                    self.session.executor.progress.advanced(&self.snapshot());
                }
                Answer::Returned => {
                    let tries = range.tries + 1;
                    self.ranges.give_back(Range { tries, ..range });
                }
                Answer::Withdrawn => self.ranges.give_back(range),
            }
        }
    }

    fn dismissed(&mut self, helper: u32, numbers: Result<Vec<u64>, ExecutionError>) {
        let Some(sharing) = self.sharing.as_mut() else { return };
        match numbers {
            Ok(numbers) => {
                self.open.disposer.note_changed_elsewhere(&self.selection);
                for range in sharing.dismissed(helper, &numbers) {
                    self.ranges.give_back(Range { tries: range.tries + 1, ..range });
                }
            }
            Err(error) => self.fail(WalkError::Run(error)),
        }
    }

    fn act(&mut self, range: Range) {
        let (session, open, item) = (self.session, self.open, self.item);
        let (revision, selection) = (self.book.revision, self.selection.clone());
        let acting = Acting { session, open, item, revision, selection };
        let changed = Arc::new(Notify::new());
        let told = Arc::clone(&changed);
        self.under_way.acts += 1;
        self.under_way.changing += 1;
        self.steps.push(Box::pin(async move {
            told.notified().await;
            Step::Changed
        }));
        self.steps
            .push(Box::pin(async move { Step::Acted(Box::new(acting.carry_out(range, &changed).await)) }));
    }

    fn prove(&mut self, range: Range, selection: Selection, unproven: Unproven) {
        let (session, open) = (self.session, self.open);
        let cursor = self.ranges.cursor_with(&range);
        self.under_way.proofs += 1;
        self.steps.push(Box::pin(async move {
            let end = attempt::prove(session, open, &selection, unproven, cursor).await;
            Step::Proven { range, end }
        }));
    }

    fn take_up(&mut self, step: Step) {
        match step {
            Step::Waited => self.under_way.wait = false,
            Step::News(Ok(news)) => self.heard(news),
            Step::News(Err(error)) => self.fail(WalkError::Run(error)),
            Step::Dismissed { helper, numbers } => self.dismissed(helper, numbers),
            Step::Pressure(pressure) => {
                self.under_way.pressure = false;
                match pressure {
                    Ok(pressure) => self.feel(pressure),
                    Err(error) => self.bear_reader(error),
                }
            }
            Step::Stretch { after, revision, stretch } => {
                self.under_way.bound = false;
                match stretch {
                    Ok(stretch) => self.told(after.as_ref(), revision, stretch),
                    Err(error) => self.bear_reader(error),
                }
            }
            Step::Changed => self.under_way.changing -= 1,
            Step::Acted(acted) => {
                self.under_way.acts -= 1;
                let Acted { range, selection, newer, took, act } = *acted;
                if let Some(book) = newer.filter(|book| book.revision > self.book.revision) {
                    self.book = book;
                    self.selection.clone_from(&selection);
                    self.ranges.forget_due();
                }
                self.acted(range, selection, took, act);
            }
            Step::Proven { range, end } => {
                self.under_way.proofs -= 1;
                self.proven(&range, end);
            }
        }
    }

    fn told(&mut self, after: Option<&RecordKey>, revision: u64, Stretch { bound, due }: Stretch) {
        self.reader_tries = 0;
        if after != self.ranges.next_after() {
            // It was asked for before the ranges that waited were unmade.
            return;
        }
        let up_to = match bound {
            Bound::At(key) => Some(key),
            Bound::End | Bound::Unknown => None,
        };
        self.ranges.tell(up_to, due.filter(|_| revision == self.book.revision));
    }

    /// What is to be done next becomes small at once when others have come.
    fn feel(&mut self, pressure: Pressure) {
        if self.giving_way.feel(pressure, self.now()) {
            self.records = self.records.min(giving_way::RECORDS_MIN);
            self.ranges.retract();
        }
    }

    fn acted(&mut self, range: Range, selection: Selection, took: Duration, act: Result<Act, BatchError>) {
        match act {
            Ok(Act::Nothing(_)) => self.ranges.done(&range),
            Ok(Act::Done(unproven)) => {
                self.troubles.clear();
                self.spacing.learn(self.records, unproven.intended_records());
                self.pace(took);
                self.prove(range, selection, *unproven);
            }
            Err(BatchError::HoldsChanged) => self.ranges.give_back(range),
            Err(BatchError::Run(error)) => self.fail(WalkError::Run(error)),
            Err(BatchError::Store { error, .. }) => {
                let tries = range.tries + 1;
                self.ranges.give_back(Range { tries, ..range });
                self.bear(error, tries);
            }
        }
    }

    fn proven(&mut self, range: &Range, end: Result<BatchEnd, BatchError>) {
        match end {
            Ok(end) => {
                self.ranges.done(range);
                self.disposed += end.disposed;
                self.session.executor.progress.advanced(&self.snapshot());
            }
            Err(BatchError::Run(error)) => self.fail(WalkError::Run(error)),
            Err(BatchError::Store { error, .. }) => self.fail(WalkError::Item(error)),
            Err(BatchError::HoldsChanged) => {
                self.fail(WalkError::Run(self.session.unreadable("a proof was refused because of a hold")));
            }
        }
    }

    /// The size of the next range, and a pause at least as long as the work where others need the store.
    fn pace(&mut self, took: Duration) {
        let store_max = self.open.source.capabilities().batch_records_max;
        let tuning = self.giving_way.tuning(self.session.executor.tuning);
        if let Some(pause) = self.giving_way.pause(took) {
            self.not_before = self.now() + pause;
        }
        self.records = tuning.next_records(self.records, took, store_max);
    }

    /// Bears with a store that may recover; gives the item, or the run, up if it will not.
    fn bear(&mut self, error: ConnectorError, tries: u32) {
        if matches!(error, ConnectorError::Full { .. }) {
            return self.fail(WalkError::Run(ExecutionError::Store(error)));
        }
        if !patience::is_worth_a_try(&error, tries, self.session.executor.tuning.attempts_max) {
            return self.fail(WalkError::Item(error));
        }
        self.troubles = vec![error.to_string()];
        self.not_before = self.now() + patience::back_off(tries);
        self.session.executor.progress.advanced(&self.snapshot());
    }

    /// Looks at the store are tried as often as one range is.
    fn bear_reader(&mut self, error: ConnectorError) {
        self.reader_tries += 1;
        self.bear(error, self.reader_tries);
    }

    /// The first failure is the one that is told.
    fn fail(&mut self, error: WalkError) {
        if !matches!(self.stopped, Some(Stop::Failed(_))) {
            self.stopped = Some(Stop::Failed(error));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let item = &self.item.item;
        Snapshot {
            item: item.item,
            dataset: item.dataset.clone(),
            disposed: self.disposed,
            planned: item.counts.due,
            elapsed: self.now().saturating_sub(self.began),
            slowed_by: self.troubles.iter().chain(self.giving_way.reasons()).cloned().collect(),
        }
    }
}
