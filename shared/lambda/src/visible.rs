//! Makes what people write harmless to show: nothing in it moves, hides or reorders what stands around it.
//!
//! Nothing is left out either. A control character becomes its picture (`␀`), or, having none, its number
//! (`[U+0085]`). So do the characters that turn the direction of writing round, with which a text can be made to
//! read as another one. Escaping for HTML or Slack is the matter of whoever writes HTML or Slack's markup.

use std::fmt::{self, Write as _};

/// Text of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

/// Text of any number of lines. Lines end with `\n`; tabs stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose(String);

impl Line {
    /// Shows `text` in one line.
    pub fn new(text: impl AsRef<str>) -> Self {
        let mut shown = String::with_capacity(text.as_ref().len());
        text.as_ref().chars().for_each(|c| push_visible(&mut shown, c));
        Self(shown)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prose {
    /// Shows `text` in the lines it is written in. `\r\n` is one line's end, as in `\n`.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let mut shown = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' if chars.peek() == Some(&'\n') => {}
                '\n' | '\t' => shown.push(c),
                _ => push_visible(&mut shown, c),
            }
        }
        Self(shown)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn push_visible(shown: &mut String, c: char) {
    match c {
        '\0'..='\u{1f}' => shown.push(control_picture(c)),
        '\u{7f}' => shown.push('\u{2421}'),
        // C1 controls, line and paragraph separators, direction embeddings, overrides and isolates.
        '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            // Writing to a string cannot fail.
            write!(shown, "[U+{:04X}]", u32::from(c)).ok();
        }
        _ => shown.push(c),
    }
}

/// Of a C0 control. Source: Unicode block Control Pictures, U+2400 plus the control's number.
fn control_picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_and_nothing_is_left_out() {
        for (text, line, prose) in [
            ("plain — ü 🚀 👩‍🚀", "plain — ü 🚀 👩‍🚀", "plain — ü 🚀 👩‍🚀"),
            ("a\r\nb\n\tc", "a␍␊b␊␉c", "a\nb\n\tc"),
            ("a\rb", "a␍b", "a␍b"),
            ("\0\u{7}\u{1b}[31m\u{7f}", "␀␇␛[31m␡", "␀␇␛[31m␡"),
            ("\u{85}\u{9b}", "[U+0085][U+009B]", "[U+0085][U+009B]"),
            ("abc\u{202e}txt.exe\u{202c}", "abc[U+202E]txt.exe[U+202C]", "abc[U+202E]txt.exe[U+202C]"),
            ("\u{2066}x\u{2069}\u{2028}", "[U+2066]x[U+2069][U+2028]", "[U+2066]x[U+2069][U+2028]"),
            ("שלום", "שלום", "שלום"),
        ] {
            assert_eq!(Line::new(text).as_str(), line);
            assert_eq!(Prose::new(text).as_str(), prose);
        }
    }

    proptest! {
        #[test]
        fn no_control_and_no_direction_mark_remains(text in any::<String>()) {
            let turns = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!Line::new(&text).as_str().chars().any(|c| c.is_control() || turns(c)));
            prop_assert!(
                !Prose::new(&text).as_str().chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || turns(c))
            );
        }

        #[test]
        fn showing_twice_is_showing_once(text in any::<String>()) {
            let once = Prose::new(&text);
            prop_assert_eq!(&Prose::new(once.as_str()), &once);
        }
    }
}
