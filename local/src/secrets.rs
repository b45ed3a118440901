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

/// What random texts are made of, as with `ExcludePunctuation` in Secrets Manager.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes the files that are not there and returns them by every name that a function may use.
///
/// Where Chainguard is the stand-in, its credential is `stand_in`; else it is what the template says, and the operator
/// writes the real one into the file. Slack and webhook go to the outbox unless the file says otherwise.
/// What Secrets Manager would make at random is made at random here.
pub(crate) fn prepare(
    folder: &Path,
    secrets: &[Secret],
    stand_in: Option<&str>,
    base: &str,
) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for secret in secrets {
        let path = folder.join(format!("{}.json", secret.name.replace('/', "-")));
        if path.exists() {
            let kept = std::fs::read_to_string(&path)?;
            let moved = move_to(&kept, base);
            if moved != kept {
                write_private(&path, moved.as_bytes())?;
            }
        } else {
            write_private(&path, initial(secret, stand_in, base)?.as_bytes())?;
        }
        files.insert(secret.arn.clone(), path.clone());
        files.insert(secret.name.clone(), path);
    }
    Ok(files)
}

fn initial(secret: &Secret, stand_in: Option<&str>, base: &str) -> std::io::Result<String> {
    if let (CHAINGUARD, Some(credential)) = (secret.logical_id.as_str(), stand_in) {
        return Ok(credential.to_owned());
    }
    Ok(match (secret.logical_id.as_str(), &secret.initial_value) {
        (NOTIFICATION, _) => json!({
            "slack": {"webhookUrl": format!("{base}/_local/slack")},
            "webhook": {"url": format!("{base}/_local/webhook"), "signingKey": "known-to-everybody-on-this-machine"},
        })
        .to_string(),
        (_, InitialValue::Given(text)) => text.clone(),
        (_, InitialValue::Nothing) => String::from("{}"),
        (_, InitialValue::Generated { length, member_of: None }) => random_text(*length)?,
        (_, InitialValue::Generated { length, member_of: Some((members, name)) }) => {
            let mut members = members.clone();
            members.insert(name.clone(), random_text(*length)?.into());
            Value::Object(members).to_string()
        }
    })
}

/// So many letters and digits, each as likely as any other.
fn random_text(length: u32) -> std::io::Result<String> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        // Of 64 values, the two that stand for no letter or digit are left out.
        let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(characters.take(length - text.len()).map(|character| char::from(*character)));
    }
    Ok(text)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;

    use domain::link::KeyRing;

    use super::*;
    use crate::runtime::TEMPLATE;
    use crate::template::Template;

    fn secrets() -> Vec<Secret> {
        let parameters = [
            ("Organization", "acme"),
            ("MailFrom", "cgr-request@acme.example"),
            ("TrustedIssuers", r#"[{"issuer":"https://idp.acme.example","audience":"cgr-request"}]"#),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Template::parse(TEMPLATE).unwrap().resolve(&parameters).unwrap().secrets
    }

    fn link_keys(folder: &Path) -> PathBuf {
        let files = prepare(folder, &secrets(), None, "http://127.0.0.1:8080").unwrap();
        files.into_iter().find(|(name, _)| name.contains("LinkKeys")).unwrap().1
    }

    #[test]
    fn the_link_keys_are_made_once_for_a_folder_and_are_its_owners_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let path = link_keys(temporary.path());
        let text = std::fs::read_to_string(&path).unwrap();
        KeyRing::from_json(&text).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["current"].as_str().unwrap().len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(link_keys(temporary.path()), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "links outlive a restart");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(std::fs::read_to_string(link_keys(other.path())).unwrap(), text);
    }

    #[test]
    fn random_texts_are_as_long_as_asked_for_and_use_the_whole_alphabet() {
        for length in [0, 1, 63, 64, 65, 4096] {
            assert_eq!(random_text(length).unwrap().len(), usize::try_from(length).unwrap());
        }
        let text = random_text(100_000).unwrap();
        assert_eq!(text.bytes().collect::<BTreeSet<_>>(), ALPHABET.iter().copied().collect());
    }
}
