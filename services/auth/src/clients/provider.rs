//! Providers (`OpenID` Connect): where people are sent to sign in, and who they were when they come back.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, StandardTokenResponse, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::ProviderConfig;
use crate::domain::Identified;

/// No answer of a provider is longer.
const LONGEST_ANSWER: usize = 1 << 20;
/// How long is believed what a provider said of itself; its keys may change meanwhile, see [`Provider::finish`].
const BELIEVED: Duration = Duration::from_secs(600);
const LONGEST_SUBJECT: usize = 255;

/// Claims beside those that have a name in the standard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Others(HashMap<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type OidcClient = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// All that are configured. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Providers(Arc<BTreeMap<String, Provider>>);

pub(crate) struct Provider {
    /// `oidc/NAME`
    name: String,
    config: ProviderConfig,
    http: reqwest::Client,
    /// What it said of itself, and when.
    described: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// A sign-in that begins: where the browser goes, and what is remembered of it.
pub(crate) struct Begun {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

/// Why nobody came of a sign-in.
#[derive(Debug)]
pub(crate) enum NotFinished {
    /// It doesn't answer, or not as a provider does.
    Silent(anyhow::Error),
    /// What it vouches for doesn't hold.
    Refused(anyhow::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct HttpError(String);

impl Providers {
    /// Reads the certificates; the text names the key that is wrong.
    pub(crate) fn new(configs: &BTreeMap<String, ProviderConfig>) -> anyhow::Result<Self> {
        let mut providers = BTreeMap::new();
        for (name, config) in configs {
            let http = http_client(config).with_context(|| format!("providers.{name}.ca_path"))?;
            let (config, described) = (config.clone(), Mutex::default());
            let provider = Provider { name: format!("oidc/{name}"), config, http, described };
            providers.insert(name.clone(), provider);
        }
        Ok(Self(Arc::new(providers)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }

    /// Name and label of each.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, provider)| (name.as_str(), provider.label()))
    }
}

impl Provider {
    pub(crate) fn label(&self) -> &str {
        &self.config.label
    }

    /// Whether it is this one that an answer names as its issuer (RFC 9207).
    pub(crate) fn is_issuer(&self, issuer: &str) -> bool {
        issuer.trim_end_matches('/') == self.config.issuer.trim_end_matches('/')
    }

    /// Makes the address at which somebody signs in.
    pub(crate) async fn begin(&self, redirect_uri: &str) -> anyhow::Result<Begun> {
        let client = self.client(redirect_uri, false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self.config.scopes.iter().map(|scope| Scope::new(scope.clone()));
        let (url, state, nonce) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            url: url.into(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Takes the code to the provider and yields whom it means.
    pub(crate) async fn finish(
        &self,
        code: &str,
        (redirect_uri, nonce, verifier): (&str, &str, String),
    ) -> Result<Identified, NotFinished> {
        let client = self.client(redirect_uri, false).await.map_err(NotFinished::Silent)?;
        let http = self.fetching();
        let exchange = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let exchange = exchange.map_err(|error| NotFinished::Silent(error.into()))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let tokens = match exchange.request_async(&http).await {
            Ok(tokens) => tokens,
            Err(RequestTokenError::ServerResponse(refused)) => {
                let error = anyhow::anyhow!("it does not take the code: {:?}", refused.error());
                return Err(NotFinished::Refused(error));
            }
            Err(RequestTokenError::Parse(..)) => {
                return Err(NotFinished::Silent(anyhow::anyhow!("its answer holds no tokens")));
            }
            Err(error) => return Err(NotFinished::Silent(plain(&error))),
        };
        let Some(id_token) = tokens.id_token() else {
            return Err(NotFinished::Refused(anyhow::anyhow!("it gave no ID token")));
        };
        let nonce = Nonce::new(nonce.to_owned());
        let known = id_token.claims(&client.id_token_verifier(), &nonce).cloned();
        let claims = match known {
            Ok(claims) => claims,
            // It may have other keys than when it was asked last.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let client = self.client(redirect_uri, true).await.map_err(NotFinished::Silent)?;
                let fresh = id_token.claims(&client.id_token_verifier(), &nonce).cloned();
                fresh.map_err(|error| NotFinished::Refused(error.into()))?
            }
            Err(error) => return Err(NotFinished::Refused(error.into())),
        };
        let subject = claims.subject().clone();
        let mut said = serde_json::to_value(&claims).unwrap_or_default();
        if self.lacks(&said) {
            let more = self.user_info(&client, &tokens, &subject).await;
            let more = more.map_err(NotFinished::Silent)?;
            if let (Value::Object(said), Value::Object(more)) = (&mut said, more) {
                for (name, value) in more {
                    said.entry(name).or_insert(value);
                }
            }
        }
        self.identified(&subject, &said).map_err(NotFinished::Refused)
    }

    /// Whether the ID token leaves out something that the user info endpoint may say.
    fn lacks(&self, said: &Value) -> bool {
        said.get(&self.config.username_claim).is_none()
            || (self.config.has_groups() && said.get(&self.config.groups_claim).is_none())
    }

    async fn user_info(
        &self,
        client: &OidcClient,
        tokens: &StandardTokenResponse<Fields, CoreTokenType>,
        subject: &SubjectIdentifier,
    ) -> anyhow::Result<Value> {
        let access = tokens.access_token().clone();
        // It must be about the same subject; the library holds it against that.
        let Ok(asked) = client.user_info(access, Some(subject.clone())) else {
            return Ok(Value::Null);
        };
        let http = self.fetching();
        let claims: Result<UserInfoClaims<Others, CoreGenderClaim>, _> =
            asked.request_async(&http).await;
        // Without what it said of the person.
        let claims = claims.map_err(|error| anyhow::anyhow!("user info: {error}"))?;
        Ok(serde_json::to_value(&claims)?)
    }

    fn identified(&self, subject: &SubjectIdentifier, said: &Value) -> anyhow::Result<Identified> {
        let config = &self.config;
        let subject = subject.to_string();
        ensure!((1..=LONGEST_SUBJECT).contains(&subject.len()), "its subject is too long");
        let Some(username) = said.get(&config.username_claim).and_then(Value::as_str) else {
            bail!("it says no {}", config.username_claim);
        };
        let names: Option<Vec<&str>> = config.has_groups().then(|| {
            let listed = said.get(&config.groups_claim).and_then(Value::as_array);
            listed.into_iter().flatten().filter_map(Value::as_str).collect()
        });
        let within = |group: &str| names.as_ref().is_some_and(|names| names.contains(&group));
        let theirs = config.groups.iter().filter(|(there, _)| within(there));
        let groups = theirs.map(|(_, here)| here.clone()).collect();
        Ok(Identified {
            provider: self.name.clone(),
            subject,
            login: username.chars().take(128).collect(),
            username: username.to_lowercase(),
            groups: (!config.groups.is_empty()).then_some(groups),
            admin: config.admin_group.as_ref().map(|group| within(group)),
        })
    }

    /// With what the provider says of itself, asked again when that is old or `anew`.
    async fn client(&self, redirect_uri: &str, anew: bool) -> anyhow::Result<OidcClient> {
        // Who waits for others' question to a provider that is silent waits no longer than they do.
        let waited = tokio::time::timeout(self.config.timeout, self.described.lock()).await;
        let mut described = waited.context("it is being asked already")?;
        let known = described.as_ref().filter(|(at, _)| !anew && at.elapsed() < BELIEVED);
        let metadata = match known {
            Some((_, metadata)) => metadata.clone(),
            None => {
                let http = self.fetching();
                let issuer = IssuerUrl::new(self.config.issuer.clone())?;
                let asked = CoreProviderMetadata::discover_async(issuer, &http).await;
                let metadata =
                    asked.map_err(|error| plain(&error)).context("it can't be discovered")?;
                *described = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        drop(described);
        let secret = self.config.client_secret.as_ref();
        let secret = secret.map(|s| ClientSecret::new(s.expose_secret().to_owned()));
        let id = ClientId::new(self.config.client_id.clone());
        Ok(OidcClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned())?))
    }

    /// Asks it, as the library wants to be given that.
    fn fetching(&self) -> impl Fn(HttpRequest) -> Fetched + Send + Sync + use<> {
        let http = self.http.clone();
        move |request| Box::pin(fetch(http.clone(), request))
    }
}

type Fetched = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

async fn fetch(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let bad = |error: reqwest::Error| HttpError(error.without_url().to_string());
    let (parts, body) = request.into_parts();
    let asked = http.request(parts.method, parts.uri.to_string());
    let mut answer = asked.headers(parts.headers).body(body).send().await.map_err(bad)?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    while let Some(piece) = answer.chunk().await.map_err(bad)? {
        if response.body().len() + piece.len() > LONGEST_ANSWER {
            return Err(HttpError("its answer is too long".to_owned()));
        }
        response.body_mut().extend_from_slice(&piece);
    }
    Ok(response)
}

/// What went wrong, with its cause. Not for answers that hold tokens: causes may quote them.
fn plain(error: &impl std::error::Error) -> anyhow::Error {
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
    }
    anyhow::anyhow!(text)
}

fn http_client(config: &ProviderConfig) -> anyhow::Result<reqwest::Client> {
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(config.timeout)
        .user_agent(concat!("gwm/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &config.ca_path {
        let pem = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(client.build()?)
}
