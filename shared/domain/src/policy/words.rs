//! Texts of a policy as people are shown them.

/// The most characters of a policy's text that a problem repeats.
const MAX_QUOTED_CHARS: usize = 60;

/// A text of the file as a problem repeats it: in backticks, short, and without what would move a terminal's cursor.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    shown.push_str(&shortened(text));
    shown.push('`');
    shown
}

/// The same without backticks, for a place.
pub(super) fn shortened(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == MAX_QUOTED_CHARS {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn listed(names: &[&str], conjunction: &str) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} {conjunction} {last}", others.join(", ")),
    }
}
