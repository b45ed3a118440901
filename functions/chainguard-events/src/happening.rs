//! What an event says has happened to the organisation's repositories.
//!
//! The members are read as they come: enums as numbers or names, times as texts or objects, an id under `id` or `uid`.
//! What is not known is left alone.

use serde_json::Value;

use crate::cloud_event::CloudEvent;

/// Hex digits of a repository's part of its UIDP.
const PART_DIGITS: usize = 16;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A repository was made.
    RepositoryCreated {
        /// Its UIDP.
        repository: String,
    },
    /// A repository is gone.
    RepositoryDeleted {
        /// Its UIDP.
        repository: String,
    },
    /// A tag was made or moved.
    TagMoved {
        /// The UIDP of its repository.
        repository: String,
        /// Its name, if the event says it.
        tag: Option<String>,
    },
}

impl Happening {
    /// What the event says; `None` if it is about something else, or about a repository that is not directly in the
    /// organisation, as all of ours are.
    pub(crate) fn of(event: &CloudEvent, organization: &str) -> Option<Self> {
        let kind = event.event_type.strip_prefix("dev.chainguard.api.platform.registry.")?;
        let body = event.data.get("body");
        let member = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str);
        // The body is signed and the header is not; both are only a reason to look.
        let id = member("id").or_else(|| member("uid")).or_else(|| event.attribute("subject"))?;
        let repository = |id: &str| is_repository_of(id, organization).then(|| id.to_owned());
        match kind {
            "repo.created.v1" => Some(Self::RepositoryCreated { repository: repository(id)? }),
            "repo.deleted.v1" => Some(Self::RepositoryDeleted { repository: repository(id)? }),
            "tag.created.v1" | "tag.updated.v1" => {
                let (parent, _) = id.rsplit_once('/')?;
                Some(Self::TagMoved { repository: repository(parent)?, tag: member("name").map(str::to_owned) })
            }
            _ => None,
        }
    }
}

/// Whether it is a UIDP directly below the organisation's.
fn is_repository_of(id: &str, organization: &str) -> bool {
    let part = id.strip_prefix(organization).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    part.len() == PART_DIGITS && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    const ORGANIZATION: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
    const REPOSITORY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978";
    const TAG: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978/2222222222222222";

    fn read(kind: &str, subject: &str, body: &Value) -> Option<Happening> {
        let mut headers = HeaderMap::new();
        let event_type = format!("dev.chainguard.api.platform.registry.{kind}");
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "s"),
            ("ce-subject", subject),
            ("ce-type", &event_type),
        ] {
            headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        let event =
            CloudEvent::read(&headers, body.to_string().as_bytes(), domain::time::Timestamp::UNIX_EPOCH).unwrap();
        Happening::of(&event, ORGANIZATION)
    }

    fn created() -> Happening {
        Happening::RepositoryCreated { repository: REPOSITORY.to_owned() }
    }

    #[test]
    fn the_documented_bodies_are_read_and_those_of_protojson_and_v2() {
        let timestamps = [json!({"seconds": 1_788_264_000}), json!("2026-09-01T12:00:00Z"), json!({}), json!(null)];
        for create_time in timestamps {
            for tier in [json!(4), json!("APPLICATION"), json!(null), json!(99)] {
                for id in ["id", "uid"] {
                    let body = json!({"actor": {"subject": "x"}, "body": {
                        id: REPOSITORY, "name": "nginx", "catalog_tier": tier, "create_time": create_time, "ofTomorrow": [],
                    }});
                    assert_eq!(read("repo.created.v1", "", &body), Some(created()), "{body}");
                }
            }
        }
        let body = json!({"body": {"id": TAG, "name": "latest", "digest": "sha256:abab"}});
        let moved = Happening::TagMoved { repository: REPOSITORY.to_owned(), tag: Some("latest".to_owned()) };
        for kind in ["tag.created.v1", "tag.updated.v1"] {
            assert_eq!(read(kind, "", &body), Some(moved.clone()));
        }
        let deleted = Happening::RepositoryDeleted { repository: REPOSITORY.to_owned() };
        assert_eq!(read("repo.deleted.v1", "", &json!({"body": {"id": REPOSITORY}})), Some(deleted));
    }

    #[test]
    fn a_body_that_does_not_say_is_read_with_its_subject() {
        for body in [json!({}), json!(null), json!([]), json!({"body": {}}), json!({"body": {"id": 7}})] {
            assert_eq!(read("repo.created.v1", REPOSITORY, &body), Some(created()), "{body}");
        }
        let moved = Happening::TagMoved { repository: REPOSITORY.to_owned(), tag: None };
        assert_eq!(read("tag.created.v1", TAG, &json!({})), Some(moved));
    }

    #[test]
    fn what_is_about_something_else_is_left_alone() {
        let body = json!({"body": {"id": REPOSITORY}});
        for kind in ["repo.updated.v1", "repo.created.v2", "tag.deleted.v1", "chart.added.v1", "", "repo.created.v1 "] {
            assert_eq!(read(kind, "", &body), None, "{kind}");
        }
        let elsewhere = format!("{}/0f1e2d3c4b5a6978", "f".repeat(40));
        for id in [
            "",
            ORGANIZATION,
            "0f1e2d3c4b5a6978",
            &elsewhere,
            TAG,
            &format!("{ORGANIZATION}/0F1E2D3C4B5A6978"),
            &format!("{ORGANIZATION}/../../../x"),
            &format!("{ORGANIZATION}0f1e2d3c4b5a6978/"),
        ] {
            assert_eq!(read("repo.created.v1", "", &json!({"body": {"id": id}})), None, "{id}");
        }
        for id in ["", REPOSITORY, ORGANIZATION, &format!("{TAG}/1")] {
            assert_eq!(read("tag.created.v1", "", &json!({"body": {"id": id}})), None, "{id}");
        }
    }
}
