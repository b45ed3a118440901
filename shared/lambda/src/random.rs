//! Texts that nobody can guess.

/// What they are made of, as with `ExcludePunctuation` in Secrets Manager.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The machine has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to get randomness")]
pub struct NoRandomness(#[source] getrandom::Error);

/// So many letters and digits, each as likely as any other: six bits a character, all but.
pub fn random_text(length: usize) -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        // Of 64 values, the two that stand for no letter or digit are left out.
        let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(characters.take(length - text.len()).map(|character| char::from(*character)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn random_texts_are_as_long_as_asked_for_and_use_the_whole_alphabet() {
        for length in [0, 1, 63, 64, 65, 4096] {
            assert_eq!(random_text(length).unwrap().len(), length);
        }
        let text = random_text(100_000).unwrap();
        assert_eq!(text.bytes().collect::<BTreeSet<_>>(), ALPHABET.iter().copied().collect());
    }
}
