//! Secrets as files of the data folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;

use crate::files::write_private;
use crate::template::{InitialValue, Secret};

/// The template's secret with the Chainguard credential.
const CHAINGUARD: &str = "ChainguardSecret";
/// The template's secret with the settings of Slack and of the webhook.
const NOTIFICATION: &str = "NotificationSecret";

/// Makes the files that are not there and returns them by every name that a function may use.
///
/// Where Chainguard is the stand-in, its credential is a token that it takes; else it is what the template says, and
/// the operator writes the real one into the file. Slack and webhook go to the outbox unless the file says otherwise.
pub(crate) fn prepare(
    folder: &Path,
    secrets: &[Secret],
    chainguard_is_stand_in: bool,
    base: &str,
) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for secret in secrets {
        let path = folder.join(format!("{}.json", secret.name.replace('/', "-")));
        let initial = match (secret.logical_id.as_str(), &secret.initial_value) {
            (CHAINGUARD, _) if chainguard_is_stand_in => {
                json!({"kind": "token", "token": "stand-in"}).to_string()
            }
            (NOTIFICATION, _) => json!({
                "slack": {"webhookUrl": format!("{base}/_local/slack")},
                "webhook": {"url": format!("{base}/_local/webhook"), "signingKey": "known-to-everybody-on-this-machine"},
            })
            .to_string(),
            (_, InitialValue::Given(text)) => text.clone(),
            (_, InitialValue::Nothing | InitialValue::Generated { .. }) => String::from("{}"),
        };
        if path.exists() {
            let kept = std::fs::read_to_string(&path)?;
            let moved = move_to(&kept, base);
            if moved != kept {
                write_private(&path, moved.as_bytes())?;
            }
        } else {
            write_private(&path, initial.as_bytes())?;
        }
        files.insert(secret.arn.clone(), path.clone());
        files.insert(secret.name.clone(), path);
    }
    Ok(files)
}

/// Addresses below `/_local/` follow this program to the address where it listens this time.
fn move_to(text: &str, base: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    for pointer in ["/slack/webhookUrl", "/webhook/url"] {
        let Some(Value::String(address)) = value.pointer_mut(pointer) else { continue };
        let path = Url::parse(address).ok().map(|url| url.path().to_owned());
        if let Some(path) = path.filter(|path| path.starts_with("/_local/")) {
            *address = format!("{base}{path}");
        }
    }
    let moved = value.to_string();
    // Left alone to the letter if nothing has moved.
    if serde_json::from_str::<Value>(text).is_ok_and(|before| before == value) { text.to_owned() } else { moved }
}
