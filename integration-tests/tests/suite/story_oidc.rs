//! Signing in at a provider (`OpenID` Connect): the npm package `oidc-provider`, and a browser made of redirects.

use std::collections::BTreeMap;
use std::process::Command;

use gwm_integration_tests::{Api, Options, Part};
use gwm_testkit::paths::postgres_bin;
use gwm_testkit::{TestProvider, wait_for};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

/// Follows redirects and keeps each site's cookies, as a browser does.
struct Browser {
    http: Client,
    site: String,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

struct Page {
    at: Url,
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Browser {
    fn new(site: &str) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, site: site.to_owned(), cookies: BTreeMap::new() }
    }

    /// One request.
    async fn open(&mut self, url: &Url) -> Page {
        let jar = self.cookies.entry(url.authority().to_owned()).or_default();
        let sent: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let asked = self.http.get(url.clone()).header(COOKIE, sent.join("; "));
        let answer = asked.send().await.unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let text = set.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            let over = text.to_lowercase().contains("max-age=0");
            match over {
                true => drop(jar.remove(name)),
                false => drop(jar.insert(name.to_owned(), value.to_owned())),
            }
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        Page { at: url.clone(), status, headers, text: answer.text().await.unwrap() }
    }

    /// Where a page sends one.
    fn leads(page: &Page) -> Option<Url> {
        let to = page.headers.get(LOCATION)?.to_str().unwrap();
        Some(page.at.join(to).unwrap())
    }

    /// From the login page's button until `until` is where one is sent, or a page stays.
    async fn follow(&mut self, path: &str, until: impl Fn(&Url) -> bool) -> (Page, Option<Url>) {
        let mut page = self.open(&Url::parse(&self.site).unwrap().join(path).unwrap()).await;
        for _ in 0..12 {
            match Self::leads(&page) {
                Some(to) if until(&to) => return (page, Some(to)),
                Some(to) => page = self.open(&to).await,
                None => return (page, None),
            }
        }
        panic!("too many redirects, at {}", page.at);
    }

    /// Until one is sent back with a code, which is not used yet.
    async fn callback(&mut self, provider: &str) -> Url {
        let path = format!("/login/oidc/{provider}?next=%2Fjobs");
        let (page, to) = self.follow(&path, |to| to.path().ends_with("/callback")).await;
        to.unwrap_or_else(|| panic!("{} {}: {}", page.status, page.at, page.text))
    }

    /// Begins to set up an authenticator, without a password: there is none.
    async fn begin_second_factor(&self) -> (u16, Value) {
        let url = Url::parse(&self.site).unwrap();
        let jar = &self.cookies[url.authority()];
        let sent: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let asked = self.http.post(url.join("/api/v1/me/second-factor").unwrap());
        let asked = asked.header(COOKIE, sent.join("; ")).header(ORIGIN, &self.site);
        let answer = asked.json(&json!({"password": ""})).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Whether somebody is signed in here, and who.
    async fn who(&mut self) -> Option<String> {
        let me = Url::parse(&self.site).unwrap().join("/api/v1/me").unwrap();
        let page = self.open(&me).await;
        let me: Value = serde_json::from_str(&page.text).unwrap();
        me["username"].as_str().map(ToOwned::to_owned)
    }
}

fn client(id: &str) -> Value {
    json!({
        "client_id": id, "client_secret": "between us", "application_type": "native",
        "redirect_uris": [format!("http://localhost/login/oidc/{id}/callback")],
    })
}

async fn be(provider: &TestProvider, who: &str) {
    let url = format!("{}/be/{who}", provider.issuer());
    let answer = Client::new().get(url).send().await.unwrap();
    assert!(answer.status().is_success());
}

fn sql(stage: &Stage, text: &str) {
    let psql = postgres_bin().unwrap().join("psql");
    let url = stage.stack.database_url(Part::Auth).unwrap();
    let output = Command::new(psql).args(["-Atqc", text, &url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The last refused sign-in on record has this reason.
async fn on_record(admin: &Api, reason: &str) {
    wait_for("the refusal on record", PATIENCE, async || {
        let path = "/audit?q=action:session.start%20outcome:refused&limit=1";
        let last = admin.get(path).await.ok()["items"][0].clone();
        if last["reason"] == reason { Ok(()) } else { Err(last.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_at_a_provider_and_nobody_else_by_their_sign_in() {
    let people = json!({
        "ann": {"preferred_username": "Ann", "groups": ["Web Shop", "others"]},
        "eve": {"preferred_username": "admin", "groups": []},
    });
    let provider = json!({"clients": [client("corp"), client("other")], "people": people});
    let provider = TestProvider::start(&provider.to_string()).await.unwrap();
    let settings = |id: &str| {
        json!({"label": format!("The {id}"), "issuer": provider.issuer(), "client_id": id,
               "client_secret": "between us", "groups": {"Web Shop": "shop"}})
    };
    let silent = json!({"label": "The silent", "issuer": "http://127.0.0.1:9", "client_id": "x"});
    let all = json!({"corp": settings("corp"), "other": settings("other"), "silent": silent});
    let options = Options::test("story-oidc").with(Part::Auth, json!({"providers": all}));
    let stage = Stage::start(options, &["fra1"]).await;
    let (admin, site) = (&stage.admin, stage.stack.url());
    let _group = admin.post("/groups", &json!({"name": "shop"})).await.expect_status(201);

    // The button, the provider, and back to where one was going.
    let mut browser = Browser::new(&site);
    let (login, _) = browser.follow("/login?next=%2Fjobs", |_| false).await;
    assert!(login.text.contains("/login/oidc/corp?next=%2Fjobs"), "{}", login.text);
    be(&provider, "ann").await;
    let callback = browser.callback("corp").await;
    let back = browser.open(&callback).await;
    let to = Browser::leads(&back).unwrap_or_else(|| panic!("{}\n{}", back.text, provider.log()));
    assert_eq!(to.path(), "/jobs");
    assert_eq!(browser.who().await.as_deref(), Some("ann"));
    let ann = admin.get("/users/ann").await.ok();
    assert_eq!(ann["origin"], "oidc/corp");
    let members = admin.get("/groups/shop").await.ok();
    assert_eq!(members["people"][0]["username"], "ann", "{members}");

    // What a password would be asked for needs a sign-in that is fresh.
    let (status, begun) = browser.begin_second_factor().await;
    assert_eq!(status, 201, "{begun}");
    sql(&stage, "update session set created_at = now() - interval '11 minutes'");
    let (status, again) = browser.begin_second_factor().await;
    assert_eq!((status, &again["code"]), (409, &json!("sign_in_again")), "{again}");

    // The same address once more, in this browser or another: it was used.
    let again = browser.open(&callback).await;
    assert_eq!(again.status, 401, "{}", again.text);
    assert!(again.text.contains("not valid any more"), "{}", again.text);
    on_record(admin, "sign_in_over").await;

    // The second time it is the same account.
    let mut second = Browser::new(&site);
    let callback = second.callback("corp").await;
    let _in = second.open(&callback).await;
    assert_eq!(second.who().await.as_deref(), Some("ann"));
    assert_eq!(admin.get("/users?q=from:oidc/corp").await.ok()["total"], 1);

    refused_to_others(&stage, &provider, &site).await;
    names_and_faults(&stage, &provider, &site).await;
}

/// A sign-in is one browser's and one provider's, and what the provider vouches for must hold.
async fn refused_to_others(stage: &Stage, provider: &TestProvider, site: &str) {
    let admin = &stage.admin;
    be(provider, "ann").await;
    // An address that somebody else is made to open: their browser began nothing, or something else.
    let (mut mine, mut theirs) = (Browser::new(site), Browser::new(site));
    let callback = mine.callback("corp").await;
    assert_eq!(theirs.open(&callback).await.status, 401);
    assert_eq!(theirs.who().await, None);
    on_record(admin, "sign_in_over").await;
    let callback = mine.callback("corp").await;
    let _other = theirs.callback("corp").await;
    assert_eq!(theirs.open(&callback).await.status, 401, "with a sign-in of its own");

    // Another provider's address, another issuer, another state, no code.
    let change = |url: &Url, name: &str, value: &str| {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(n, v)| (n.clone().into_owned(), if n == name { value.into() } else { v.into() }))
            .collect();
        let mut url = url.clone();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url
    };
    for (what, reason) in [
        ("provider", "sign_in_over"),
        ("iss", "sign_in_over"),
        ("state", "sign_in_over"),
        ("code", "provider_refused"),
    ] {
        let mut browser = Browser::new(site);
        let callback = browser.callback("corp").await;
        assert!(what != "iss" || callback.query_pairs().any(|(name, _)| name == "iss"));
        let mut wrong = change(&callback, what, "https://evil.example.com");
        if what == "provider" {
            wrong.set_path("/login/oidc/other/callback");
        }
        let answer = browser.open(&wrong).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        assert_eq!(browser.who().await, None, "{what}");
        on_record(admin, reason).await;
    }

    // An ID token made for another sign-in has another nonce; a code another verifier.
    for column in ["nonce", "verifier"] {
        let mut browser = Browser::new(site);
        let callback = browser.callback("corp").await;
        sql(stage, &format!("update oidc_attempt set {column} = repeat('x', 43)"));
        assert_eq!(browser.open(&callback).await.status, 401, "{column}");
        assert_eq!(browser.who().await, None, "{column}");
        on_record(admin, "provider_refused").await;
    }
    let mut late = Browser::new(site);
    let callback = late.callback("corp").await;
    sql(stage, "update oidc_attempt set expires_at = now()");
    assert_eq!(late.open(&callback).await.status, 401);

    // Where one goes afterwards is always here.
    for next in ["https:%2F%2Fevil.example.com", "%2F%2Fevil.example.com", "%2F%5Cevil.example.com"]
    {
        let mut browser = Browser::new(site);
        let path = format!("/login/oidc/corp?next={next}");
        let (_, to) = browser.follow(&path, |to| to.path().ends_with("/callback")).await;
        let back = browser.open(&to.unwrap()).await;
        assert_eq!(Browser::leads(&back).unwrap().as_str(), Url::parse(site).unwrap().as_str());
    }
}

/// Nothing is taken over, and what goes wrong is said.
async fn names_and_faults(stage: &Stage, provider: &TestProvider, site: &str) {
    let admin = &stage.admin;
    be(provider, "eve").await;
    let mut eve = Browser::new(site);
    let callback = eve.callback("corp").await;
    let taken = eve.open(&callback).await;
    assert!(taken.text.contains("account of this name here already"), "{}", taken.text);
    assert_eq!(eve.who().await, None);
    on_record(admin, "name_taken").await;

    be(provider, "nobody").await;
    let mut cancelled = Browser::new(site);
    let callback = cancelled.callback("corp").await;
    let said = cancelled.open(&callback).await;
    assert!(said.text.contains("did not sign you in") && said.text.contains("/login/oidc/corp"));

    let mut browser = Browser::new(site);
    let (down, _) = browser.follow("/login/oidc/silent", |_| false).await;
    assert_eq!(down.status, 503, "{}", down.text);
    assert!(down.text.contains("The silent does not answer"), "{}", down.text);
    let (unknown, _) = browser.follow("/login/oidc/nobody", |_| false).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);

    // Who is disabled here stays so, whatever the provider says; and nothing secret is on record.
    be(provider, "ann").await;
    let _disabled = admin.patch("/users/ann", &json!({"disabled": true})).await.ok();
    let mut ann = Browser::new(site);
    let callback = ann.callback("corp").await;
    let disabled = ann.open(&callback).await;
    assert_eq!(disabled.status, 401);
    assert!(disabled.text.contains("account here is disabled"), "{}", disabled.text);
    on_record(admin, "account_disabled").await;
    let log = admin.send(admin.request(Method::GET, "/audit?limit=200")).await.text;
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1;
    assert!(!log.contains(&*code) && !log.contains("between us"));
}
