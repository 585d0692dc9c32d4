//! How many spans are open, so that the end of the program can wait until they are closed.
//!
//! Floor 8.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A count that is shared by everything that was cloned from it.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenSpans(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    open: Mutex<u64>,
    all_closed: Condvar,
}

impl OpenSpans {
    /// Until none is open, or `at_most`; whether none is.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let waited = self.0.all_closed.wait_timeout_while(self.lock(), at_most, |open| *open > 0);
        let (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *open == 0
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for OpenSpans {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        *self.lock() += 1;
    }

    fn on_close(&self, _: Id, _: Context<'_, S>) {
        let mut open = self.lock();
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.0.all_closed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spans;
    use crate::telemetry::otlp::ours;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn it_waits_for_whoever_holds_a_span_longest_and_not_for_those_of_others() {
        let open = OpenSpans::default();
        let subscriber = tracing_subscriber::registry().with(open.clone().with_filter(ours()));
        tracing::subscriber::with_default(subscriber, || {
            let _of_a_library = tracing::info_span!("statement");
            assert!(open.wait(Duration::ZERO));
            let span = spans::scan();
            let held = span.clone();
            drop(span);
            assert!(!open.wait(Duration::from_millis(1)));
            let (begun, begins) = std::sync::mpsc::channel();
            let holder = std::thread::spawn(move || {
                begins.recv().ok();
                drop(held);
            });
            begun.send(()).unwrap();
            assert!(open.wait(Duration::from_mins(1)));
            holder.join().unwrap();
        });
    }
}
