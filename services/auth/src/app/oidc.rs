//! Signing in at a provider: sent there, and back with a code.

use subtle::ConstantTimeEq;

use super::login::{Login, LoginOutcome, Place};
use super::provided;
use crate::clients::NotFinished;
use crate::domain::Secret;
use crate::error::{Error, Result};
use crate::store::oidc::{self, Attempt};
use crate::store::{commit, user};

/// Longer ones are not ours.
const LONGEST_NEXT: usize = 2000;

/// What the browser gets.
pub(crate) struct Sent {
    pub(crate) url: String,
    pub(crate) browser: Secret,
}

/// What the browser came back with.
pub(crate) struct Returned {
    pub(crate) provider: String,
    pub(crate) state: String,
    pub(crate) code: String,
    pub(crate) issuer: String,
    pub(crate) browser: String,
    pub(crate) error: String,
}

impl Login {
    /// Begins a sign-in. It is this browser's and this provider's: another's answer is none to it.
    pub(crate) async fn send_to_provider(
        &self,
        name: &str,
        redirect_uri: String,
        next: String,
        client_address: &str,
    ) -> Result<Sent> {
        let provider = self.providers.get(name).ok_or(Error::NotFound("provider"))?;
        let tries = self.admit(client_address).await?;
        let begun = match provider.begin(&redirect_uri).await {
            Ok(begun) => begun,
            Err(error) => {
                self.give_back(&tries).await?;
                tracing::error!(provider = name, error = format!("{error:#}"), "provider");
                return Err(Error::ProviderSilent(provider.label().to_owned()));
            }
        };
        let browser = Secret::generate("");
        let state = Secret::shown(begun.state).ok_or(Error::NotFound("state"))?;
        let attempt = Attempt {
            provider: name.to_owned(),
            browser_hash: browser.hash(),
            nonce: begun.nonce,
            verifier: begun.verifier,
            redirect_uri,
            next: next.chars().take(LONGEST_NEXT).collect(),
        };
        let mut tx = self.store.begin().await?;
        oidc::insert(&mut tx, &state.hash(), &attempt).await?;
        commit(tx).await?;
        Ok(Sent { url: begun.url, browser })
    }

    /// Ends it: with a session, or with a code of the second factor being asked for. Yields also where the person
    /// was going.
    pub(crate) async fn return_from_provider(
        &self,
        returned: Returned,
        place: &Place,
    ) -> Result<(LoginOutcome, String)> {
        let name = returned.provider.as_str();
        let provider = self.providers.get(name).ok_or(Error::NotFound("provider"))?;
        let tries = self.admit(&place.client_address).await?;
        let whose = format!("oidc/{name}");
        let refused = match self.finish(returned, place).await {
            Ok(finished) => {
                // Of its two tries the session has given back one. They are in, whatever becomes of this.
                drop(self.give_back(&tries).await);
                return Ok(finished);
            }
            Err(Error::ProviderSilent(_)) => {
                // Nothing was guessed.
                self.give_back(&tries).await?;
                return Err(Error::ProviderSilent(provider.label().to_owned()));
            }
            Err(error) if error.refuses_login() => error,
            Err(error) => return Err(error),
        };
        self.refuse(place, &whose, None, refused.reason()).await?;
        Err(refused)
    }

    async fn finish(&self, returned: Returned, place: &Place) -> Result<(LoginOutcome, String)> {
        let name = returned.provider.as_str();
        let provider = self.providers.get(name).ok_or(Error::NotFound("provider"))?;
        let state = Secret::shown(returned.state).ok_or(Error::SignInOver)?;
        let browser = Secret::shown(returned.browser).ok_or(Error::SignInOver)?;
        // Taken out before anything else: whatever comes of it, it was used.
        let mut tx = self.store.begin().await?;
        let attempt = oidc::take(&mut tx, &state.hash()).await?;
        commit(tx).await?;
        let attempt = attempt.ok_or(Error::SignInOver)?;
        let same_browser = bool::from(browser.hash().ct_eq(&attempt.browser_hash));
        let same_issuer = returned.issuer.is_empty() || provider.is_issuer(&returned.issuer);
        if !same_browser || !same_issuer || attempt.provider != name {
            return Err(Error::SignInOver);
        }
        let label = || provider.label().to_owned();
        if !returned.error.is_empty() || returned.code.is_empty() {
            // Its own words are nobody's here: anybody can write them into an address.
            return Err(Error::ProviderRefused(label()));
        }
        let known = (attempt.redirect_uri.as_str(), attempt.nonce.as_str(), attempt.verifier);
        let identified = match provider.finish(&returned.code, known).await {
            Ok(identified) => identified,
            Err(NotFinished::Silent(error)) => {
                tracing::error!(provider = name, error = format!("{error:#}"), "provider");
                return Err(Error::ProviderSilent(label()));
            }
            Err(NotFinished::Refused(error)) => {
                tracing::warn!(provider = name, error = format!("{error:#}"), "sign-in refused");
                return Err(Error::ProviderRefused(label()));
            }
        };
        let mut tx = self.store.begin().await?;
        let row = match provided::admit(&mut tx, &identified, &place.client_address).await {
            // They have proven who they are: it is no secret from them.
            Err(Error::LoginRefused) => return Err(Error::AccountDisabled),
            admitted => admitted?,
        };
        let known = user::credential_of(&mut tx, row.user_id).await?.ok_or(Error::LoginRefused)?;
        let buckets = self.buckets(&place.client_address, &row.username);
        let outcome = self.proceed(tx, place, &known, &buckets).await?;
        Ok((outcome.ok_or(Error::LoginRefused)?, attempt.next))
    }
}
