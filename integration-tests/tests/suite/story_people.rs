//! Accounts by REST and by pages: invited, signed in, disabled, enabled, with another password.

use gwm_integration_tests::{Answer, Api, Options};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

const PASSWORD: &str = "a mill by the brook";

/// A form of a page, as a browser without scripts sends it.
pub(crate) async fn form(api: &Api, path: &str, fields: &[(&str, &str)]) -> Answer {
    api.send(api.raw(Method::POST, path).form(fields)).await
}

pub(crate) async fn page(api: &Api, path: &str) -> Answer {
    api.send(api.raw(Method::GET, path)).await
}

pub(crate) fn leads_to(answer: &Answer, path: &str) {
    let to = answer.headers.get("location").and_then(|to| to.to_str().ok());
    assert_eq!(to, Some(path), "{}: {} {}", answer.asked, answer.status, answer.text);
}

/// Until somebody who is signed in is not any more.
async fn until_out(api: &Api) {
    wait_for("the sign-in to end", PATIENCE, async || {
        let status = api.get("/instances").await.status.as_u16();
        if status == 401 { Ok(()) } else { Err(status) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_disabled_and_back_with_the_same_rights() {
    let stage = Stage::start(Options::test("story-people"), &["fra1"]).await;
    let (admin, anonymous) = (&stage.admin, stage.stack.anonymous());
    let invite = json!({"username": "ann", "valid_hours": 2});
    let invite = admin.post("/invites", &invite).await.expect_status(201).ok();
    let code = invite["code"].as_str().unwrap();
    let link = invite["link"].as_str().unwrap();
    assert!(link.ends_with(&format!("/invite?username=ann#{code}")), "{link}");

    // Opening it uses nothing up; what is wrong with the form neither.
    let opened = page(&anonymous, "/invite?username=ann").await.expect_status(200);
    assert!(opened.text.contains("value=\"ann\""), "{}", opened.text);
    let fields = |password: &'static str, again: &'static str| {
        [("code", code), ("username", "ann"), ("password", password), ("password_again", again)]
    };
    for (password, again, why) in [
        ("ann-password", "ann-password", "too easy to guess"),
        (PASSWORD, "another one", "not what you typed above"),
    ] {
        let wrong = form(&anonymous, "/invite", &fields(password, again)).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains(why) && wrong.text.contains(code), "{}", wrong.text);
        assert!(!wrong.text.contains(password), "a password came back");
    }
    let made = form(&anonymous, "/invite", &fields(PASSWORD, PASSWORD)).await;
    leads_to(&made, "/");
    assert!(made.headers.contains_key("set-cookie"), "ann is not signed in");
    let again = form(&anonymous, "/invite", &fields(PASSWORD, PASSWORD)).await;
    assert_eq!(again.status, 401);
    assert!(again.text.contains("not valid"), "{}", again.text);
    let listed = admin.get("/invites").await.ok();
    assert_eq!(listed["items"][0]["state"], "used", "{listed:#}");
    assert_eq!(listed["items"][0]["used_by"], "ann");

    let ann = anonymous.login("ann", PASSWORD).await.unwrap();
    let name = stage.running("fra1");
    let grant = json!({"username": "ann", "role": "view", "cluster": "fra1", "instance": name});
    let _granted = admin.post("/grants", &grant).await.expect_status(201);
    let sees_it = async |api: &Api| {
        wait_for("the right to reach the inventory", PATIENCE, async || {
            let seen = api.get("/instances").await;
            if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
        })
        .await;
    };
    sees_it(&ann).await;
    let token = ann.post("/me/tokens", &json!({"name": "ci"})).await.ok();
    let program = anonymous.with_token(token["token"].as_str().unwrap());
    sees_it(&program).await;

    // Disabled by REST, with what was read.
    let read = admin.get("/users/ann").await.expect_status(200);
    let etag = read.headers["etag"].to_str().unwrap().to_owned();
    let id = read.json()["id"].as_str().unwrap().to_owned();
    let patch = |etag: String| {
        let request = admin.request(Method::PATCH, "/users/ann").header("if-match", etag);
        admin.send(request.json(&json!({"disabled": true})))
    };
    assert_eq!(patch(etag.clone()).await.ok()["disabled"], true);
    let late = patch(etag).await.expect_status(412);
    assert_eq!(late.code(), "user_changed");
    until_out(&ann).await;
    until_out(&program).await;
    let refused = anonymous.login("ann", PASSWORD).await.unwrap_err();
    assert!(refused.to_string().contains("login_refused"), "{refused}");

    // Enabled by the page.
    let path = format!("/users/{id}/change");
    leads_to(&form(admin, &path, &[("what", "enable")]).await, "/users/ann");
    let ann = anonymous.login("ann", PASSWORD).await.unwrap();
    sees_it(&ann).await;

    // The last administrator stays, whoever asks how.
    let last = admin.patch("/users/admin", &json!({"is_admin": false})).await.expect_status(409);
    assert_eq!(last.code(), "last_administrator");
    let admin_id = admin.get("/users/admin").await.ok()["id"].as_str().unwrap().to_owned();
    let last = form(admin, &format!("/users/{admin_id}/change"), &[("what", "disable")]).await;
    assert_eq!(last.status, 409);
    assert!(last.text.contains("the last administrator"), "{}", last.text);

    let ann = own_password(&stage, &ann).await;
    second_factor(&stage, &ann).await;
    for path in ["/users", "/users/ann", "/users/new", "/invites"] {
        let _page = page(admin, path).await.expect_status(200);
        let _refused = page(&ann, path).await.expect_status(403);
    }
    let records = admin.get("/audit?q=object:ann&limit=200").await.ok();
    let acts: Vec<&str> =
        records["items"].as_array().unwrap().iter().filter_map(|r| r["action"].as_str()).collect();
    for act in ["user.disable", "user.enable", "invite.create", "invite.redeem"] {
        assert!(acts.contains(&act), "{act} is not on record: {acts:?}");
    }
}

/// ann changes her password by the page, then an administrator gives her another one; yields her anew.
async fn own_password(stage: &Stage, ann: &Api) -> Api {
    let anonymous = stage.stack.anonymous();
    let other = anonymous.login("ann", PASSWORD).await.unwrap();
    let sessions = ann.get("/me/sessions").await.ok();
    let current: Vec<&Value> =
        sessions["items"].as_array().unwrap().iter().filter(|s| s["current"] == true).collect();
    assert_eq!(current.len(), 1, "{sessions:#}");
    let new = "nine walls of slate";
    let fields = |old: &'static str| {
        [("old_password", old), ("new_password", new), ("new_password_again", new)]
    };
    let wrong = form(ann, "/me/password", &fields("not it")).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("not the password you have now"), "{}", wrong.text);
    let done = form(ann, "/me/password", &fields(PASSWORD)).await.expect_status(200);
    assert!(done.text.contains("Your password is changed"), "{}", done.text);
    until_out(&other).await;
    let _still = ann.get("/me").await.expect_status(200);
    others_tokens(stage, ann).await;
    let set = json!({"password": "seven ropes of hemp", "end_tokens": false});
    let _set = stage.admin.post("/users/ann/password", &set).await.expect_status(204);
    until_out(ann).await;
    let ann = anonymous.login("ann", "seven ropes of hemp").await.unwrap();
    let other = anonymous.login("ann", "seven ropes of hemp").await.unwrap();
    leads_to(&form(&ann, "/me/sessions/end-others", &[]).await, "/me#sessions");
    until_out(&other).await;
    let _still = ann.get("/me").await.expect_status(200);
    ann
}

/// An administrator sees and ends what ann has open, by REST and by her page; ann's tokens end with a new password, too.
async fn others_tokens(stage: &Stage, ann: &Api) {
    let admin = &stage.admin;
    let made = json!({"name": "backup", "roles": ["view"], "networks": ["127.0.0.0/8"]});
    let made = ann.post("/me/tokens", &made).await.expect_status(201).json();
    let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let seen = admin.get("/users/ann/tokens").await.ok();
    let one = &seen["items"][0];
    assert_eq!((&one["prefix"], &one["roles"]), (&made["prefix"], &json!(["view"])));
    assert!(!seen.to_string().contains(secret), "the value is shown once");
    let text = page(admin, "/users/ann").await.expect_status(200).text;
    assert!(text.contains(one["prefix"].as_str().unwrap()) && !text.contains(secret), "{text}");
    let _hidden = ann.get("/users/admin/tokens").await.expect_status(403);
    let _hidden = ann.get("/users/admin/sessions").await.expect_status(403);
    let _none = admin.delete(&format!("/users/admin/tokens/{id}")).await.expect_status(404);
    let program = stage.stack.anonymous().with_token(secret);
    let _good = program.get("/instances").await.expect_status(200);
    let user = one_of(admin, "ann").await;
    leads_to(
        &form(admin, &format!("/users/{user}/tokens/{id}/revoke"), &[]).await,
        &format!("/users/{user}#tokens"),
    );
    until_out(&program).await;
    let other = stage.stack.anonymous().login("ann", "nine walls of slate").await.unwrap();
    let open = other.get("/me/sessions").await.ok();
    let open = open["items"].as_array().unwrap().iter().find(|s| s["current"] == true).unwrap();
    let path = format!("/users/ann/sessions/{}", open["id"].as_str().unwrap());
    let _ended = admin.delete(&path).await.expect_status(204);
    until_out(&other).await;
    let _still = ann.get("/me").await.expect_status(200);
}

async fn one_of(admin: &Api, name: &str) -> String {
    admin.get(&format!("/users/{name}")).await.ok()["id"].as_str().unwrap().to_owned()
}

/// ann sets an authenticator up and signs in with it by REST, then with a recovery code by the page.
async fn second_factor(stage: &Stage, ann: &Api) {
    let (anonymous, password) = (stage.stack.anonymous(), "seven ropes of hemp");
    let wrong = form(ann, "/me/second-factor", &[("password", "not it")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("not your password"), "{}", wrong.text);
    let begun = form(ann, "/me/second-factor", &[("password", password)]).await;
    let shown = begun.expect_status(200).text;
    assert!(shown.contains("data:image/svg+xml;base64,"), "no picture: {shown}");
    let secret = shown.split("<dt>Secret</dt><dd><code>").nth(1).unwrap();
    let secret = secret.split('<').next().unwrap().replace(' ', "");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let code = |at: u64| {
        let secret = totp_rs::Secret::try_from_base32(&secret).unwrap();
        let builder = totp_rs::Builder::new().with_secret(secret).with_account_name("x");
        builder.build().unwrap().generate(at).to_string()
    };
    let wrong = form(ann, "/me/second-factor/confirm", &[("code", "12345")]).await;
    assert_eq!(wrong.status, 400);
    let on = form(ann, "/me/second-factor/confirm", &[("code", &code(now))]).await;
    let on = on.expect_status(200).text;
    let recovery = on.split("aria-label=\"the recovery codes\">").nth(1).unwrap();
    let recovery = recovery.lines().next().unwrap().to_owned();
    assert_eq!(recovery.len(), 19, "{on}");

    let login = json!({"username": "ann", "password": password});
    let half = anonymous.post("/session", &login).await.expect_status(200);
    assert!(!half.headers.contains_key("set-cookie"), "half a login is a whole one");
    let challenge = half.json()["second_factor"]["challenge"].as_str().unwrap().to_owned();
    for (given, status) in [(code(now), 401), (code(now + 30), 204), (code(now + 30), 401)] {
        let body = json!({"challenge": challenge, "code": given});
        let answer = anonymous.post("/session/code", &body).await.expect_status(status);
        assert_eq!(answer.headers.contains_key("set-cookie"), status == 204);
    }

    let fields = [("username", "ann"), ("password", password), ("next", "/jobs")];
    let half = form(&anonymous, "/login", &fields).await.expect_status(200);
    assert!(!half.headers.contains_key("set-cookie"), "half a login is a whole one");
    let challenge = half.text.split("name=\"challenge\" value=\"").nth(1).unwrap();
    let challenge = challenge.split('"').next().unwrap();
    let second = |code| [("challenge", challenge), ("code", code), ("next", "/jobs")];
    let wrong = form(&anonymous, "/login/code", &second("000000")).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("This code is wrong") && wrong.text.contains(challenge));
    let done = form(&anonymous, "/login/code", &second(&recovery)).await;
    leads_to(&done, "/jobs");
    assert!(done.headers.contains_key("set-cookie"), "ann is not signed in");

    // Lost: an administrator takes it away.
    let _reset = stage.admin.delete("/users/ann/second-factor").await.expect_status(204);
    let _ann = anonymous.login("ann", password).await.unwrap();
}
