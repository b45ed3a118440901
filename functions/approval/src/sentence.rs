//! Sentences of a page: our words, and in between what comes from elsewhere, kept apart so that it cannot pass for ours
//! or turn its surroundings round.

use lambda::visible::Line;

use crate::moment::Moment;

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Our words.
    Words(String),
    /// Somebody's name or address.
    Name(Line),
    /// What is typed elsewhere as it stands: a tag, a rule, a line of the terminal.
    Code(Line),
    /// A point in time.
    Time(Moment),
}

/// A sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sentence(Vec<Piece>);

impl Sentence {
    /// One that begins with these words of ours.
    pub(crate) fn of(words: impl Into<String>) -> Self {
        Self::default().say(words)
    }

    /// Its parts, in order.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Goes on with words of ours.
    pub(crate) fn say(mut self, words: impl Into<String>) -> Self {
        self.0.push(Piece::Words(words.into()));
        self
    }

    /// Goes on with a name.
    pub(crate) fn name(mut self, name: impl AsRef<str>) -> Self {
        self.0.push(Piece::Name(Line::new(name)));
        self
    }

    /// Goes on with names, a comma between them.
    pub(crate) fn names<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().enumerate().fold(self, |sentence, (index, name)| {
            let sentence = if index > 0 { sentence.say(", ") } else { sentence };
            sentence.name(name)
        })
    }

    /// Goes on with something that is typed as it stands.
    pub(crate) fn code(mut self, code: impl AsRef<str>) -> Self {
        self.0.push(Piece::Code(Line::new(code)));
        self
    }

    /// Goes on with such things, a comma between them.
    pub(crate) fn codes<'a>(self, codes: impl IntoIterator<Item = &'a str>) -> Self {
        codes.into_iter().enumerate().fold(self, |sentence, (index, code)| {
            let sentence = if index > 0 { sentence.say(", ") } else { sentence };
            sentence.code(code)
        })
    }

    /// Goes on with a text in which what is typed as it stands is between backticks.
    pub(crate) fn marked(self, text: &str) -> Self {
        text.split('`').enumerate().fold(self, |sentence, (index, part)| match (part, index % 2) {
            ("", _) => sentence,
            (part, 1) => sentence.code(part),
            (part, _) => sentence.name(part),
        })
    }

    /// Goes on with a point in time.
    pub(crate) fn time(mut self, moment: Moment) -> Self {
        self.0.push(Piece::Time(moment));
        self
    }
}

/// `1 approval`, `2 approvals`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(count))
}

/// A whole number with a comma between groups of three digits.
pub(crate) fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (2_500, "2,500"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
