//! Named points at which a test kills the real process.
//!
//! Without the feature `failpoints` every call compiles to nothing; a released binary has none. With
//! it, `OUBLIETTE_FAILPOINT=name:n` kills the process by SIGKILL the n-th time it comes by `name`, so
//! that nothing is cleaned up, as in a real crash; `name:n:stop` stops it there (SIGSTOP) until somebody lets it
//! go on.

#[cfg(feature = "failpoints")]
mod enabled {
    #![expect(clippy::disallowed_methods, reason = "a test names the point through the environment")]

    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        hits_left: AtomicU64,
        signal: rustix::process::Signal,
    }

    fn armed() -> Option<&'static Armed> {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        ARMED
            .get_or_init(|| {
                let text = std::env::var("OUBLIETTE_FAILPOINT").ok()?;
                let (name, hits) = text.split_once(':')?;
                let (hits, signal) = match hits.strip_suffix(":stop") {
                    Some(hits) => (hits, rustix::process::Signal::STOP),
                    None => (hits, rustix::process::Signal::KILL),
                };
                let hits_left = AtomicU64::new(hits.parse().ok()?);
                Some(Armed { name: name.to_owned(), hits_left, signal })
            })
            .as_ref()
    }

    pub(super) fn number(name: &str) -> Option<u32> {
        std::env::var(name).ok()?.parse().ok()
    }

    pub(super) fn hit(name: &str) {
        let Some(armed) = armed().filter(|armed| armed.name == name) else { return };
        if armed.hits_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let sent = rustix::process::kill_process(rustix::process::getpid(), armed.signal);
            debug_assert!(sent.is_ok(), "a process may send itself a signal");
        }
    }
}

/// A figure that a test sets through the environment, such as the size of batches; without the feature
/// there is none.
#[must_use]
pub fn number(name: &str) -> Option<u32> {
    #[cfg(feature = "failpoints")]
    return enabled::number(name);
    #[cfg(not(feature = "failpoints"))]
    {
        let _: &str = name;
        None
    }
}

/// Comes by the point `name`.
#[inline]
pub fn hit(name: &str) {
    #[cfg(feature = "failpoints")]
    enabled::hit(name);
    #[cfg(not(feature = "failpoints"))]
    let _: &str = name;
}
