//! What people write down about instances.

use std::collections::BTreeMap;

use gwm_authz::{Mode, Principal};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache as pb;
use gwm_proto::cache::instance_notes_server::InstanceNotes;
use gwm_proto::common::ObjectRef;
use gwm_types::Permission;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Server;
use super::convert;
use super::registry::actor;
use crate::audit;
use crate::error::Error;
use crate::store::{self, Notes};

/// In bytes, as the database counts them.
const LARGEST: usize = 16 << 10;

#[tonic::async_trait]
impl InstanceNotes for Server {
    async fn change_notes(
        &self,
        request: Request<pb::ChangeNotesRequest>,
    ) -> Result<Response<pb::Notes>, Status> {
        let person = self.0.authz.principal(&request, Mode::Write)?;
        let asked = request.into_inner();
        let named = (asked.cluster.as_str(), asked.instance.as_str());
        let (cluster, found) = self.permitted_instance(&person, named, Permission::Modify).await?;
        let uuid = found.uuid;
        let text = plain(&asked.text)?;

        let mut tx = self.0.store.begin().await?;
        let locked = store::lock_notes(&mut tx, cluster.cluster_id, uuid).await?;
        let (instance, before) = locked.ok_or_else(|| Fault::not_found("instance"))?;
        let revision = before.as_ref().map_or(0, |n| n.revision);
        if before.as_ref().map_or("", |n| n.notes.as_str()) == text {
            return Ok(Response::new(before.map(message).unwrap_or_default()));
        }
        if asked.revision.is_some_and(|r| i64::from(r) != i64::from(revision)) {
            return Err(changed_meanwhile(before.as_ref()).into());
        }
        let name = instance.name.clone();
        let of = (cluster.cluster_id, cluster.slug.as_str());
        let notes = store::put_notes(&mut tx, of, instance, &text, actor(&person)).await?;
        // How much, not what: the log is kept longer than the notes, and read by others.
        let details = BTreeMap::from([
            ("bytes".to_owned(), notes.notes.len().into()),
            ("revision".to_owned(), notes.revision.into()),
        ]);
        let row = audit::of_instance(&person, "instance.notes", &cluster, uuid, &name, details)?;
        gwm_pg::outbox::append(&mut tx, &row).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        Ok(Response::new(message(notes)))
    }
}

impl Server {
    /// Gives an instance the notes that are kept of a removed one of the same name; says how it went.
    pub(super) async fn give_notes(
        &self,
        person: &Principal,
        asked: &pb::RestoreNotesRequest,
    ) -> Result<&'static str, Fault> {
        let object = |object: &Option<ObjectRef>| -> Result<(Uuid, Uuid), Fault> {
            let object = object.clone().unwrap_or_default();
            let cluster = convert::uuid("cluster_id", &object.cluster_id)?;
            Ok((cluster, convert::uuid("uuid", &object.uuid)?))
        };
        let ((cluster_id, from), (of_heir, to)) = (object(&asked.from)?, object(&asked.to)?);
        let gone = || Fault::not_found("removed instance");
        let cluster =
            self.0.store.fetch_cluster(&cluster_id.to_string()).await?.ok_or_else(gone)?;
        let mut tx = self.0.store.begin().await?;
        let kept = store::lock_kept(&mut tx, cluster_id, from).await?.ok_or_else(gone)?;
        let heir = store::lock_notes(&mut tx, cluster_id, to).await?;
        let (instance, has) = heir
            .filter(|(instance, _)| of_heir == cluster_id && instance.name == kept.name)
            .ok_or_else(gone)?;
        let Some(text) = kept.notes.filter(|text| !text.is_empty()) else { return Ok("none") };
        if has.is_some_and(|has| !has.notes.is_empty()) {
            return Ok("has_own");
        }
        let of = (cluster_id, cluster.slug.as_str());
        let notes = store::put_notes(&mut tx, of, instance, &text, actor(person)).await?;
        store::delete_notes(&mut tx, cluster_id, from).await?;
        let details = BTreeMap::from([
            ("from".to_owned(), from.to_string().into()),
            ("bytes".to_owned(), notes.notes.len().into()),
            ("revision".to_owned(), notes.revision.into()),
        ]);
        let action = "instance.restore_notes";
        let row = audit::of_instance(person, action, &cluster, to, &kept.name, details)?;
        gwm_pg::outbox::append(&mut tx, &row).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        Ok("restored")
    }
}

/// Line ends as everywhere, nothing at the end, nothing that is no text.
fn plain(text: &str) -> Result<String, Fault> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_end();
    if text.len() > LARGEST {
        let message =
            format!("notes have at most {LARGEST} bytes; these have {} bytes", text.len());
        return Err(Fault::invalid("notes", message));
    }
    if let Some(wrong) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        let message = format!(
            "notes are plain text; the control character {} is not",
            wrong.escape_unicode()
        );
        return Err(Fault::invalid("notes", message));
    }
    Ok(text.to_owned())
}

fn changed_meanwhile(now: Option<&Notes>) -> Fault {
    let by = now.map_or("somebody", |n| n.changed_by.as_str());
    let message =
        format!("{by} has changed the notes meanwhile; read them again, then change them");
    Fault::new(ErrorCode::Conflict, "notes_changed", message)
}

pub(super) fn message(notes: Notes) -> pb::Notes {
    pb::Notes {
        text: notes.notes,
        revision: convert::count(notes.revision),
        changed_by: notes.changed_by,
        changed_at: Some(convert::timestamp(notes.changed_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_plain_text_of_so_many_bytes() {
        assert_eq!(plain("a\r\nb\rc\t<b>\n \n").unwrap(), "a\nb\nc\t<b>");
        assert_eq!(plain(&"ä".repeat(LARGEST / 2)).unwrap().len(), LARGEST);
        for wrong in ["a\0", "\u{1b}[31m", "\u{7f}"] {
            assert_eq!(plain(wrong).unwrap_err().field.as_deref(), Some("notes"), "{wrong:?}");
        }
        assert!(plain(&"ä".repeat(LARGEST / 2 + 1)).is_err());
    }
}
