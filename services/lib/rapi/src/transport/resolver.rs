//! Name lookup by the system, with an error of its own kind.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The name has no address.
#[derive(Debug, thiserror::Error)]
#[error("no address for {host}")]
pub(crate) struct ResolveError {
    pub(crate) host: String,
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
            if addresses.is_empty() {
                return Err(ResolveError { host }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
