use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::*;

/// What secrets of well-known services contain.
const SECRET_MARKS: [&str; 10] =
    ["AKIA", "ASIA", "-----BEGIN", "xoxb-", "xoxp-", "ghp_", "github_pat_", "hooks.slack.com", "sk-", "AIza"];

/// Words in front of which, as a member's name, a value is a secret.
const SECRET_NAMES: [&str; 6] = ["password", "secret", "apikey", "api_key", "privatekey", "accesskey"];

#[test]
fn what_is_checked_in_is_what_the_code_says() {
    let drifts = files::drifts(root().unwrap(), &all().unwrap()).unwrap();
    let drifts: Vec<String> = drifts.iter().map(ToString::to_string).collect();
    assert_eq!(drifts, [""; 0], "run `{COMMAND}`");
}

#[test]
fn no_two_files_have_the_same_path() {
    let files = all().unwrap();
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), files.len());
}

#[test]
fn every_file_ends_with_one_newline_and_is_json() {
    for file in all().unwrap() {
        assert!(file.text.ends_with("}\n"), "{}", file.path);
        serde_json::from_str::<Value>(&file.text).unwrap();
    }
}

#[test]
fn nothing_generated_contains_a_secret_or_a_path_of_this_machine() {
    let repository = root().unwrap().display().to_string();
    let temporary = std::env::temp_dir().display().to_string();
    for GeneratedFile { path, text } in all().unwrap() {
        for mark in SECRET_MARKS.into_iter().chain([repository.as_str(), temporary.as_str()]) {
            assert!(!text.contains(mark), "{path} contains {mark}");
        }
        for name in SECRET_NAMES {
            assert!(!text.to_lowercase().contains(&format!("{name}\":")), "{path} has a member {name}");
        }
        for word in random_looking(&text) {
            assert!(is_part_of_sample_token(word) || is_part_of_link(word), "{path} contains {word}");
        }
    }
}

/// Long words in which capital letters, small ones and digits are mixed, as in keys and tokens. Hashes and ids are
/// hexadecimal in small letters.
fn random_looking(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/_-=".contains(c));
    words.filter(|word| {
        word.len() >= 24
            && word.bytes().any(|b| b.is_ascii_uppercase())
            && word.bytes().any(|b| b.is_ascii_lowercase())
            && word.bytes().any(|b| b.is_ascii_digit())
    })
}

/// Whether the word is a part of a token that says itself that it is none.
fn is_part_of_sample_token(word: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(word) else { return false };
    let Ok(text) = String::from_utf8(bytes) else { return false };
    text.contains("sample")
}

/// Whether it is the parameter of a signed link that says whose it is, or the form that its holder sends. The signature
/// is hexadecimal, and made with a key that stands in the code for everybody to read.
fn is_part_of_link(word: &str) -> bool {
    let address = word.strip_prefix("approver=").and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let form = STANDARD.decode(word).ok();
    address.is_some_and(|bytes| bytes.ends_with(b"@acme.example"))
        || form.is_some_and(|bytes| bytes.ends_with(b"&decision=approve"))
}

#[test]
fn what_looks_random_is_found() {
    let key = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"].join("/");
    assert_eq!(random_looking(&format!("{{\"a\":\"{key}\"}}")).collect::<Vec<_>>(), [key]);
    assert_eq!(random_looking("req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f, latest-dev").count(), 0);
    assert!(!is_part_of_sample_token("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"));
}
