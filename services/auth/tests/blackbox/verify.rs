//! `gwm-auth verify-audit`, against a real database that somebody wrote to.

use sqlx::{AssertSqlSafe, PgPool};

use crate::bootstrap::verb;
use crate::world::{World, admin, grant, instance, user_person};

async fn run(pool: &PgPool, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
}

#[tokio::test]
async fn what_somebody_did_to_the_log_is_found_and_named() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    for _ in 0..8 {
        grant(&gateway, &jane, "jane", "view", &instance()).await.unwrap_err();
    }
    drop(replica);
    let (environment, pool) = (world.environment(), world.pool().await);
    let (ok, said, errors) = verb(&environment, &["verify-audit"], "");
    assert!(ok, "{errors}");
    let (_, last) = said.trim().rsplit_once("the last is ").unwrap();
    let (number, hash) = last.split_once(' ').unwrap();
    let (ok, _, errors) = verb(&environment, &["verify-audit", number, hash], "");
    assert!(ok, "{errors}");

    run(&pool, "create table kept as select number, record_id, at, record, hash from audit_record")
        .await;
    let cases = [
        ("update audit_record set record = replace(record, 'jane', 'june') where number = 5", 5, "changed"),
        ("update audit_record set at = at - interval '1 day' where number = 6", 6, "moment"),
        ("update audit_record set hash = repeat('0', 64) where number = 3", 3, "changed"),
        // Its own hash is right again: what comes after it tells.
        (
            "update audit_record set record = c.body || '\"hash\":\"' || c.new || '\"}', hash = c.new
             from (select n, body, encode(sha256(convert_to(body || '\"hash\":null}', 'utf8')), 'hex') as new
                 from (select number as n, replace(left(record, strpos(record, '\"hash\":') - 1), 'jane', 'june') as body
                     from audit_record where number = 5) b) c
             where number = c.n",
            6,
            "follow",
        ),
        ("delete from audit_record where number = 4", 5, "gone"),
        ("delete from audit_record where number = 1", 2, "gone"),
        (
            "update audit_record set number = number + 1000 where number >= 4;
             update audit_record set number = number - 999 where number > 1000;
             insert into audit_record (number, record_id, at, record, hash)
                 select 4, gen_random_uuid(), at, record, hash from audit_record where number = 3",
            4,
            "number",
        ),
    ];
    for (sql, broken, why) in cases {
        run(&pool, sql).await;
        let (ok, said, errors) = verb(&environment, &["verify-audit"], "");
        assert!(!ok, "{sql}: {said}");
        let errors = errors + &said;
        assert!(errors.contains(&format!("breaks at record {broken}:")), "{sql}: {errors}");
        assert!(errors.contains(why), "{sql}: {errors}");
        run(
            &pool,
            "delete from audit_record;
             insert into audit_record (number, record_id, at, record, hash) select * from kept",
        )
        .await;
    }

    // What is cut off at the end, only who wrote the end down can tell.
    run(&pool, "delete from audit_record where number > 7").await;
    let (ok, said, errors) = verb(&environment, &["verify-audit"], "");
    assert!(ok, "{said}{errors}");
    let (ok, said, errors) = verb(&environment, &["verify-audit", number, hash], "");
    assert!(!ok && (errors.clone() + &said).contains("ends with 7"), "{said}{errors}");
}
