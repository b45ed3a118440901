//! Rotating secrets, on Secrets Manager.
//!
//! Nothing is remembered: a rotation needs what is there at this moment. Source of the calls: Secrets Manager's user
//! guide, "How rotation works".

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use domain::ports::{
    DescribeSecret, MakeSecretCurrent, PortError, ReadSecretVersion, SecretVersion, SecretVersions, StorePendingSecret,
};

use crate::configuration::Configuration;
use crate::error::port_error;

/// The stage of the version that is in use.
pub const CURRENT: &str = "AWSCURRENT";
/// The stage of the version that a rotation is preparing.
pub const PENDING: &str = "AWSPENDING";

const DESCRIBE: &str = "look at the versions of a secret";
const READ: &str = "read a version of a secret";
const STORE: &str = "store the pending version of a secret";
const FINISH: &str = "put a version of a secret in use";

/// Secrets that are rotated. Has no `Debug`, as nothing here that touches secrets.
pub struct Rotation {
    client: Client,
}

/// An answer that is no secret's text.
#[derive(Debug, thiserror::Error)]
#[error("it is not a text; store it as SecretString")]
struct NotText;

impl Rotation {
    /// On Secrets Manager.
    #[must_use]
    pub fn new(configuration: &Configuration) -> Self {
        Self { client: Client::new(configuration.sdk()) }
    }
}

impl DescribeSecret for Rotation {
    async fn describe_secret(&self, id: &str) -> Result<SecretVersions, PortError> {
        let described =
            self.client.describe_secret().secret_id(id).send().await.map_err(|error| port_error(DESCRIBE, error))?;
        let stages = described.version_ids_to_stages.unwrap_or_default().into_iter();
        Ok(SecretVersions {
            rotation_is_enabled: described.rotation_enabled.unwrap_or_default(),
            stages: stages.map(|(version, stages)| (version, stages.into_iter().collect())).collect(),
        })
    }
}

impl ReadSecretVersion for Rotation {
    async fn read_secret_version(&self, id: &str, version: SecretVersion<'_>) -> Result<Option<String>, PortError> {
        let call = self.client.get_secret_value().secret_id(id);
        let call = match version {
            SecretVersion::Current => call.version_stage(CURRENT),
            SecretVersion::Pending(version) => call.version_id(version).version_stage(PENDING),
        };
        match call.send().await {
            Ok(found) => found.secret_string.map(Some).ok_or_else(|| PortError {
                operation: READ,
                retryable: false,
                source: Box::new(NotText),
            }),
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(port_error(READ, error)),
        }
    }
}

impl StorePendingSecret for Rotation {
    async fn store_pending_secret(&self, id: &str, version: &str, text: &str) -> Result<(), PortError> {
        let stored = self
            .client
            .put_secret_value()
            .secret_id(id)
            // The token is the version's id, so that a call that is repeated does not make a second version.
            .client_request_token(version)
            .secret_string(text)
            .version_stages(PENDING)
            .send()
            .await;
        match stored {
            Ok(_) => Ok(()),
            // Somebody else has stored another text under this id: theirs is what the rotation goes on with.
            Err(error) if error.as_service_error().is_some_and(PutSecretValueError::is_resource_exists_exception) => {
                Ok(())
            }
            Err(error) => Err(port_error(STORE, error)),
        }
    }
}

impl MakeSecretCurrent for Rotation {
    async fn make_secret_current(&self, id: &str, version: &str, instead_of: Option<&str>) -> Result<(), PortError> {
        self.client
            .update_secret_version_stage()
            .secret_id(id)
            .version_stage(CURRENT)
            .move_to_version_id(version)
            .set_remove_from_version_id(instead_of.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| port_error(FINISH, error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::loopback::{Loopback, Received, Reply};

    const ID: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    /// A server that gives this answer, and who asks it.
    async fn answering(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Loopback, Rotation) {
        let server = Loopback::start(move |_, _| reply()).await;
        let rotation = Rotation::new(&server.configuration());
        (server, rotation)
    }

    fn asked(server: &Loopback) -> (String, Value) {
        let call: Received = server.received().remove(0);
        (call.header("x-amz-target").unwrap().to_owned(), call.json())
    }

    #[tokio::test]
    async fn versions_are_told_with_their_stages() {
        let (server, rotation) = answering(|| {
            Reply::json(&json!({
                "ARN": ID,
                "RotationEnabled": true,
                "VersionIdsToStages": {VERSION: ["AWSPENDING"], "other": ["AWSCURRENT", "mine"]},
            }))
        })
        .await;
        let versions = rotation.describe_secret(ID).await.unwrap();
        assert!(versions.rotation_is_enabled);
        assert_eq!(versions.stages[VERSION], BTreeSet::from([PENDING.to_owned()]));
        assert_eq!(versions.stages["other"], BTreeSet::from([CURRENT.to_owned(), "mine".to_owned()]));
        assert_eq!(asked(&server), ("secretsmanager.DescribeSecret".to_owned(), json!({"SecretId": ID})));
        let (_server, rotation) = answering(|| Reply::json(&json!({"ARN": ID}))).await;
        assert_eq!(rotation.describe_secret(ID).await.unwrap(), SecretVersions::default());
    }

    #[tokio::test]
    async fn a_version_is_read_by_stage_and_what_is_not_there_is_none() {
        for (version, expected) in [
            (SecretVersion::Current, json!({"SecretId": ID, "VersionStage": "AWSCURRENT"})),
            (
                SecretVersion::Pending(VERSION),
                json!({"SecretId": ID, "VersionId": VERSION, "VersionStage": "AWSPENDING"}),
            ),
        ] {
            let (server, rotation) = answering(|| Reply::json(&json!({"SecretString": "hush"}))).await;
            assert_eq!(rotation.read_secret_version(ID, version).await.unwrap().as_deref(), Some("hush"));
            assert_eq!(asked(&server), ("secretsmanager.GetSecretValue".to_owned(), expected));
        }
        let (_server, rotation) = answering(|| Reply::error(400, "ResourceNotFoundException")).await;
        assert_eq!(rotation.read_secret_version(ID, SecretVersion::Pending(VERSION)).await.unwrap(), None);
        for reply in
            [|| Reply::error(400, "AccessDeniedException"), || Reply::json(&json!({"SecretBinary": "aHVzaA=="}))]
        {
            let (_server, rotation) = answering(reply).await;
            let error = rotation.read_secret_version(ID, SecretVersion::Current).await.unwrap_err();
            assert!(!error.retryable && !format!("{error:?}").contains("hush"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_pending_version_is_stored_once_under_its_id() {
        let (server, rotation) = answering(|| Reply::json(&json!({"VersionId": VERSION}))).await;
        rotation.store_pending_secret(ID, VERSION, "hush").await.unwrap();
        let expected = json!({
            "SecretId": ID,
            "ClientRequestToken": VERSION,
            "SecretString": "hush",
            "VersionStages": ["AWSPENDING"],
        });
        assert_eq!(asked(&server), ("secretsmanager.PutSecretValue".to_owned(), expected));
        let (_server, rotation) = answering(|| Reply::error(400, "ResourceExistsException")).await;
        rotation.store_pending_secret(ID, VERSION, "hush").await.unwrap();
        let (_server, rotation) = answering(|| Reply::error(400, "LimitExceededException")).await;
        let error = rotation.store_pending_secret(ID, VERSION, "hush").await.unwrap_err();
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }

    #[tokio::test]
    async fn a_version_takes_the_place_of_the_one_that_is_named() {
        let (server, rotation) = answering(|| Reply::json(&json!({"ARN": ID}))).await;
        rotation.make_secret_current(ID, VERSION, Some("old")).await.unwrap();
        let expected = json!({
            "SecretId": ID,
            "VersionStage": "AWSCURRENT",
            "MoveToVersionId": VERSION,
            "RemoveFromVersionId": "old",
        });
        assert_eq!(asked(&server), ("secretsmanager.UpdateSecretVersionStage".to_owned(), expected));
        let (_server, rotation) = answering(|| Reply::error(400, "InvalidParameterException")).await;
        assert!(!rotation.make_secret_current(ID, VERSION, Some("old")).await.unwrap_err().retryable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secrets_manager_that_does_not_answer_is_not_waited_for() {
        let (_server, rotation) = answering(|| Reply::Never).await;
        assert!(rotation.describe_secret(ID).await.unwrap_err().retryable);
    }
}
