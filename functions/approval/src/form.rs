//! What the page's form sends.

use domain::journal::DecisionKind;
use domain::text::{Comment, TextError};

/// The media type in which browsers send forms.
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// A form as it was filled in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Which button was pressed.
    pub(crate) answer: DecisionKind,
    /// What was typed, line ends as `\n`.
    pub(crate) typed: String,
}

/// A body that is no form of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// The body cannot be read.
    #[error("what was sent cannot be read")]
    Unreadable,
    /// Another media type.
    #[error("what was sent is not a form")]
    MediaType,
    /// A field that the form does not have.
    #[error("the form has only the fields decision and comment")]
    UnknownField,
    /// A field comes twice.
    #[error("the field {0} came more than once")]
    Twice(&'static str),
    /// No button was pressed.
    #[error("the form does not say whether to approve or to reject")]
    NoDecision,
}

impl FormError {
    /// The HTTP status.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::Unreadable | Self::UnknownField | Self::Twice(_) | Self::NoDecision => 400,
        }
    }
}

impl Form {
    /// Reads a body. Bytes that are no UTF-8 become the replacement character.
    pub(crate) fn read(media_type: Option<&str>, body: &[u8]) -> Result<Self, FormError> {
        let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(FormError::MediaType);
        }
        let (mut answer, mut typed) = (None, None);
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "decision" if answer.is_some() => return Err(FormError::Twice("decision")),
                "decision" => {
                    answer = Some(match value.as_ref() {
                        "approve" => DecisionKind::Approved,
                        "reject" => DecisionKind::Rejected,
                        _ => return Err(FormError::NoDecision),
                    });
                }
                "comment" if typed.is_some() => return Err(FormError::Twice("comment")),
                // Browsers send every line end as two characters. What is recorded is what was typed.
                "comment" => typed = Some(value.replace("\r\n", "\n")),
                _ => return Err(FormError::UnknownField),
            }
        }
        let answer = answer.ok_or(FormError::NoDecision)?;
        Ok(Self { answer, typed: typed.unwrap_or_default() })
    }

    /// The comment, if something was typed.
    pub(crate) fn comment(&self) -> Result<Option<Comment>, TextError> {
        match Comment::new(self.typed.as_str()) {
            Ok(comment) => Ok(Some(comment)),
            Err(TextError::Empty) => Ok(None),
            Err(error @ TextError::TooLong(_)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");

    fn error(media_type: Option<&str>, body: &str) -> FormError {
        Form::read(media_type, body.as_bytes()).err().unwrap()
    }

    #[test]
    fn a_form_is_read_as_it_was_filled_in() {
        for (body, answer, typed) in [
            ("decision=approve&comment=", DecisionKind::Approved, ""),
            ("decision=approve", DecisionKind::Approved, ""),
            ("comment=too+old%2C+%3Cb%3E&decision=reject", DecisionKind::Rejected, "too old, <b>"),
            ("decision=reject&comment=a%0D%0Ab%0Dc%0Ad", DecisionKind::Rejected, "a\nb\rc\nd"),
        ] {
            let form = Form::read(FORM, body.as_bytes()).ok().unwrap();
            assert_eq!((form.answer, form.typed.as_str()), (answer, typed), "{body}");
        }
    }

    #[test]
    fn what_is_no_form_of_ours_is_refused() {
        for (body, expected) in [
            ("", FormError::NoDecision),
            ("comment=x", FormError::NoDecision),
            ("decision=", FormError::NoDecision),
            ("decision=Approve", FormError::NoDecision),
            ("decision=approve&decision=reject", FormError::Twice("decision")),
            ("decision=approve&decision=approve", FormError::Twice("decision")),
            ("decision=approve&comment=a&comment=b", FormError::Twice("comment")),
            ("decision=approve&approver=dana", FormError::UnknownField),
            (r#"{"decision":"approve"}"#, FormError::UnknownField),
        ] {
            assert_eq!(error(FORM, body), expected, "{body}");
        }
        for media_type in [None, Some(""), Some("text/plain"), Some("multipart/form-data; boundary=x")] {
            assert_eq!(error(media_type, "decision=approve"), FormError::MediaType, "{media_type:?}");
        }
    }

    #[test]
    fn a_blank_comment_is_none_and_a_long_one_is_refused() {
        let comment = |typed: &str| Form { answer: DecisionKind::Approved, typed: typed.to_owned() }.comment();
        assert_eq!(comment(" \n"), Ok(None));
        assert_eq!(comment("ok").unwrap().unwrap().as_str(), "ok");
        assert!(comment(&"ä".repeat(2_000)).is_ok());
        assert_eq!(comment(&"ä".repeat(2_001)), Err(TextError::TooLong(2_000)));
    }
}
