//! Consoles.
use std::sync::Arc;
pub async fn supervise(shared: Arc<crate::world::Shared>) { shared.stop.cancelled().await; }
