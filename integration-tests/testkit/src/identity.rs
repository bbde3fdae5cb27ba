//! A provider of identities: the npm package `oidc-provider`, thrown away after the test.

use std::time::Duration;

use crate::process::{Plan, Scratch, Supervised};
use crate::wait::try_wait_for;
use crate::{Error, paths};

const READY: Duration = Duration::from_secs(20);

/// A running one; see `integration-tests/identity/provider.mjs`.
#[derive(Debug)]
pub struct TestProvider {
    process: Supervised,
    issuer: String,
    _scratch: Scratch,
}

impl TestProvider {
    /// Starts one with these clients and people (JSON).
    ///
    /// # Errors
    /// Node.js or the package isn't there (`make test` installs it), or it doesn't start.
    pub async fn start(configuration: &str) -> Result<Self, Error> {
        let scratch = Scratch::new("gwm-identity-")?;
        let script = paths::project_root().join("integration-tests/identity/provider.mjs");
        let plan = Plan::new("identity", paths::program("node")?, scratch.path());
        let process = plan.arg(script).arg(configuration).start()?;
        let issuer = try_wait_for("the OpenID provider", READY, async || {
            let said = process.log_tail(20);
            let found = said.lines().find_map(|line| line.split_once("issuer "));
            found.map(|(_, issuer)| issuer.trim().to_owned()).ok_or(said)
        })
        .await
        .map_err(Error::NotReady)?;
        Ok(Self { process, issuer, _scratch: scratch })
    }

    /// Below which it stands.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it wrote last.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log_tail(30)
    }
}
