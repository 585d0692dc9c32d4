//! What database servers share: sessions, key walks, surveys, batches, reading back.
//!
//! Reading order: [`backend`], which is what one kind of server must bring, then `session`, `table`,
//! `target`, the readers (`survey`, `observe`, `source`), the writer (`change`, `snapshot`, `marks`, `partition`,
//! `disposer`), and `stretch`, in which a reader finds what the writer then changes. A batch is one transaction:
//! which keys it changes is certain inside it, the intent is made durable, and only then it commits.
//!
//! What this does not do: it never reads with the writer's credentials, holds no transaction open between
//! two batches, and does not judge by transaction ids, which lie after a crash of the server.

pub mod backend;
mod change;
mod disposer;
mod marks;
mod names;
mod numbers;
mod observe;
mod partition;
mod session;
mod snapshot;
mod source;
mod stretch;
mod survey;
mod table;
mod target;

pub use backend::{Access, Backend, KeyColumn, Returning, SessionId};
pub use disposer::ServerDisposer;
pub use numbers::NumberSet;
pub use partition::PartitionFacts;
pub use source::ServerSource;
