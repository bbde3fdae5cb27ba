//! The whole path on real Ganeti.

use std::time::Instant;

use crate::acts::{
    Made, ask_for_one, ask_to_delete, is_deleted, is_made, shows_as_down, shows_qemus_picture,
    shut_down_outside, tag_outside_shows_up,
};
use crate::fields;
use crate::stage::{CLUSTERS, Stage, wanted};
use crate::told::events_tell_it_all;

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_real_ganeti() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-story", 1).await;
    say("two clusters probed and added");
    fields::are_those_of_ganeti(&stage.admin).await;
    say("each field of each instance and node is as Ganeti says");

    let (one, two) = tokio::join!(create(&stage, "alpha"), create(&stage, "beta"));
    say("an instance made on each");
    fields::are_those_of_ganeti(&stage.admin).await;
    // alpha's console call is mended and its VNC servers ask for a password; beta is as shipped.
    for (cluster, name) in CLUSTERS.iter().zip([&one.name, &two.name]) {
        drop(shows_qemus_picture(&stage, cluster, name).await);
        say(&format!("QEMU's picture on {cluster}"));
    }

    tokio::join!(
        changes_outside_show_up(&stage, "alpha", &one),
        changes_outside_show_up(&stage, "beta", &two),
        fields::follow_a_node(&stage.admin),
    );
    say("a shutdown, a tag and what became of a node showed up from the command line");
    tokio::join!(delete(&stage, "alpha", &one), delete(&stage, "beta", &two));
    say("deleted");
    for made in [&one, &two] {
        events_tell_it_all(&stage, made).await;
    }
    say("events in order, none missing");
}

async fn create(stage: &Stage, cluster: &str) -> Made {
    let job = ask_for_one(stage, cluster).await;
    is_made(stage, cluster, &job).await
}

async fn changes_outside_show_up(stage: &Stage, cluster: &'static str, made: &Made) {
    shut_down_outside(cluster, made).await;
    shows_as_down(stage, cluster, made).await;
    tag_outside_shows_up(stage, cluster, made).await;
}

async fn delete(stage: &Stage, cluster: &str, made: &Made) {
    let job = ask_to_delete(stage, cluster, made).await;
    is_deleted(stage, cluster, made, &job).await;
}
