//! Ways to sign in, by REST and by pages.

use gwm_integration_tests::{Answer, Api, Options, Part};
use gwm_testkit::directory::BASE;
use gwm_testkit::{Ca, Scratch, TestDirectory, wait_for};
use serde_json::json;

use crate::stage::{PATIENCE, Stage};
use crate::story_people::{form, leads_to, page};

const PASSWORD: &str = "a mill by the brook";

/// What an authenticator that was fed with this shows now.
fn code(secret: &str) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    let builder = totp_rs::Builder::new().with_secret(secret).with_account_name("x");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    builder.build().unwrap().generate(now).to_string()
}

/// The secret that a page shows.
fn secret(shown: &Answer) -> String {
    let after = shown.text.split("<dt>Secret</dt><dd><code>").nth(1).unwrap();
    after.split('<').next().unwrap().to_owned()
}

async fn missing(api: &Api) {
    let refused = api.get("/instances").await.expect_status(403);
    assert_eq!(refused.code(), "second_factor_missing", "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_needs_a_second_factor_sets_it_up_before_anything_else() {
    let options = Options::test("story-sign-in");
    let own = json!({"password": options.admin_password});
    let stage = Stage::start(options, &["fra1"]).await;
    let (admin, anonymous) = (&stage.admin, stage.stack.anonymous());
    let user = json!({"username": "ann", "password": PASSWORD});
    let _ann = admin.post("/users", &user).await.expect_status(201);
    let ann = anonymous.login("ann", PASSWORD).await.unwrap();
    let token = ann.post("/me/tokens", &json!({"name": "ci"})).await.ok();
    let program = anonymous.with_token(token["token"].as_str().unwrap());
    let name = stage.running("fra1");
    let grant = json!({"username": "ann", "role": "power", "cluster": "fra1", "instance": name});
    let _granted = admin.post("/grants", &grant).await.expect_status(201);

    // By the page: first one's own.
    let first = form(admin, "/sign-in", &[("second_factor", "everybody")]).await;
    assert_eq!(first.status, 409);
    assert!(first.text.contains("Set up your own second factor first"), "{}", first.text);
    let own = admin.post("/me/second-factor", &own).await.expect_status(201).ok();
    let shown = json!({"code": code(own["secret"].as_str().unwrap())});
    let _codes = admin.post("/me/second-factor/confirm", &shown).await.expect_status(200);
    let set = form(admin, "/sign-in", &[("second_factor", "everybody")]).await.expect_status(200);
    assert!(set.text.contains("It is saved"), "{}", set.text);
    let set = admin.get("/sign-in").await.ok();
    assert_eq!((&set["second_factor"], &set["without"]), (&json!("everybody"), &json!(1)));
    wait_for("the sign-in to end", PATIENCE, async || {
        let status = ann.get("/instances").await.status.as_u16();
        if status == 401 { Ok(()) } else { Err(status) }
    })
    .await;
    wait_for("the token to be refused", PATIENCE, async || {
        let answer = program.get("/instances").await;
        if answer.status == 403 { Ok(()) } else { Err(answer.text) }
    })
    .await;

    // Nothing else works, whichever service it is about.
    let ann = anonymous.login("ann", PASSWORD).await.unwrap();
    missing(&ann).await;
    missing(&program).await;
    let startup = format!("/clusters/fra1/instances/{name}/startup");
    let console = json!({"cluster": "fra1", "instance": name, "kind": "vnc"});
    for refused in [
        ann.post(&startup, &json!({})).await,
        ann.post("/consoles", &console).await,
        ann.post("/me/tokens", &json!({"name": "other"})).await,
        ann.get("/me").await,
        ann.get("/events").await,
        program.post("/me/second-factor", &json!({"password": PASSWORD})).await,
    ] {
        assert_eq!(refused.status, 403, "{}: {}", refused.asked, refused.text);
    }
    for path in ["/", "/instances", "/me"] {
        leads_to(&page(&ann, path).await, "/second-factor");
    }
    leads_to(&page(&anonymous, "/second-factor").await, "/login");
    let asked = page(&ann, "/second-factor").await.expect_status(200);
    assert!(asked.text.contains("asks for a second factor"), "{}", asked.text);
    let wrong = form(&ann, "/second-factor", &[("password", "not it")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("not your password"), "{}", wrong.text);
    let begun = form(&ann, "/second-factor", &[("password", PASSWORD)]).await.expect_status(200);
    let wrong = form(&ann, "/second-factor/confirm", &[("code", "12345")]).await;
    assert_eq!(wrong.status, 400);
    let done = form(&ann, "/second-factor/confirm", &[("code", &code(&secret(&begun)))]).await;
    assert!(done.expect_status(200).text.contains("the recovery codes"));
    let seen = ann.get("/instances").await.expect_status(200);
    assert_eq!(seen.json()["total"], 1, "{}", seen.text);
    let _me = program.get("/me").await.expect_status(200);
    leads_to(&page(&ann, "/second-factor").await, "/");
    let _refused = page(&ann, "/sign-in").await.expect_status(403);
    let records = admin.get("/audit?q=action:sign_in.change&limit=5").await.ok();
    let outcomes: Vec<_> =
        records["items"].as_array().unwrap().iter().map(|r| r["outcome"].clone()).collect();
    assert!(outcomes.contains(&json!("succeeded")), "{records:#}");
}

const READER: &str = "cn=reader,dc=example,dc=org";

/// One person, ann, who belongs to the group `web`.
fn entries() -> String {
    format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: reader's dogwood\n\n\
         dn: uid=ann,{BASE}\nobjectClass: inetOrgPerson\nuid: ann\ncn: Ann\nsn: Ann\n\
         userPassword: ann's dogwood\n\n\
         dn: cn=web,{BASE}\nobjectClass: groupOfNames\ncn: web\nmember: uid=ann,{BASE}\n\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_of_a_directory_signs_in_sees_what_the_group_holds_and_keeps_nobody_out() {
    let scratch = Scratch::new("gwm-story-directory-").unwrap();
    let certificates = Ca::new("directory").unwrap().write(scratch.path(), &["directory"]).unwrap();
    let mut directory =
        TestDirectory::start(&certificates, "directory", READER, &entries()).await.unwrap();
    let corp = json!({
        "url": directory.url(), "ca_path": certificates.ca(), "bind_dn": READER,
        "bind_password": "reader's dogwood", "user_base": BASE, "group_base": BASE,
        "groups": {"web": "shop"}, "timeout": "3s",
    });
    let options = Options::test("story-directory");
    let options = options.with(Part::Auth, json!({"directories": {"corp": corp}}));
    let stage = Stage::start(options, &["fra1"]).await;
    let (admin, anonymous) = (&stage.admin, stage.stack.anonymous());
    let _group = admin.post("/groups", &json!({"name": "shop"})).await.expect_status(201);
    let name = stage.running("fra1");
    let grant =
        json!({"persona": "group/shop", "role": "view", "cluster": "fra1", "instance": name});
    let _granted = admin.post("/grants", &grant).await.expect_status(201);

    let login =
        |password: &'static str| [("username", "Ann"), ("password", password), ("next", "/jobs")];
    let wrong = form(&anonymous, "/login", &login("not it")).await;
    assert_eq!(wrong.status, 401);
    leads_to(&form(&anonymous, "/login", &login("ann's dogwood")).await, "/jobs");
    let ann = anonymous.login("ann", "ann's dogwood").await.unwrap();
    wait_for("the right of her group", PATIENCE, async || {
        let seen = ann.get("/instances").await;
        if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    assert_eq!(ann.get("/me").await.ok()["origin"], "ldap/corp");
    let own = page(&ann, "/me").await.expect_status(200).text;
    assert!(own.contains("kept by ldap/corp") && !own.contains("old_password"), "{own}");
    let seen = page(admin, "/users/ann").await.expect_status(200).text;
    assert!(seen.contains("ldap/corp") && !seen.contains("Set the password"), "{seen}");
    let listed = admin.get("/users?q=from:ldap/corp").await.ok();
    assert_eq!((&listed["total"], &listed["items"][0]["username"]), (&json!(1), &json!("ann")));
    let set = json!({"password": "seven ropes of hemp"});
    let elsewhere = admin.post("/users/ann/password", &set).await.expect_status(409);
    assert_eq!(elsewhere.code(), "password_elsewhere");

    directory.stop().await.unwrap();
    let silent = form(&anonymous, "/login", &login("ann's dogwood")).await;
    assert_eq!(silent.status, 503);
    assert!(silent.headers.contains_key("retry-after"), "{:?}", silent.headers);
    assert!(silent.text.contains("does not answer just now"), "{}", silent.text);
    let _still = ann.get("/instances").await.expect_status(200);
    let _local = stage.stack.admin().await.unwrap();
}
