//! Query strings and form bodies, read as the gateway reads them: grpc-gateway's `PopulateQueryParameters`.

use jiff::Timestamp;

use crate::status::Status;

/// The decoded pairs of a query string or a form body.
///
/// A field is named here in `snake_case`; on the wire `camelCase` counts as well, and what no field is named after is
/// ignored (FACTS §2.0).
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        Self { pairs: url::form_urlencoded::parse(raw.as_bytes()).into_owned().collect() }
    }

    /// Both together, as Go's `Request.Form` has them.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.pairs.extend(other.pairs);
        self
    }

    /// A field that holds a list: its key may be repeated.
    pub(crate) fn list(&self, field: &str) -> Vec<String> {
        let camel = camel_case(field);
        self.pairs.iter().filter(|(key, _)| key == field || *key == camel).map(|(_, value)| value.clone()).collect()
    }

    /// A text field. As everywhere in proto3, an empty one is one that is not set.
    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, Status> {
        Ok(self.scalar(field)?.filter(|value| !value.is_empty()).map(ToOwned::to_owned))
    }

    /// A flag, in the spellings of Go's `strconv.ParseBool`. Absent is `false`.
    pub(crate) fn bool(&self, field: &str) -> Result<bool, Status> {
        match self.scalar(field)? {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => Err(unparsable(field, "ParseBool", other)),
        }
    }

    /// An `int32` field. Absent is `0`.
    pub(crate) fn int32(&self, field: &str) -> Result<i32, Status> {
        self.scalar(field)?
            .map_or(Ok(0), |value| value.parse().map_err(|_not_a_number| unparsable(field, "ParseInt", value)))
    }

    /// A timestamp field.
    pub(crate) fn timestamp(&self, field: &str) -> Result<Option<Timestamp>, Status> {
        self.text(field)?
            .map(|value| {
                value.parse().map_err(|error| {
                    Status::invalid_argument(format!("parsing field {field:?}: bad Timestamp: {error}"))
                })
            })
            .transpose()
    }

    /// The value of a field that is no list. A key given twice is refused, as the gateway does; where both spellings
    /// are given the gateway's choice is random, and here the last one counts.
    fn scalar(&self, field: &str) -> Result<Option<&str>, Status> {
        let camel = camel_case(field);
        let mut found = None;
        for spelling in [field, camel.as_str()] {
            let values: Vec<&str> =
                self.pairs.iter().filter(|(key, _)| key == spelling).map(|(_, value)| value.as_str()).collect();
            if values.len() > 1 {
                let name = field.rsplit('.').next().unwrap_or(field);
                let values = values.join(", ");
                return Err(Status::invalid_argument(format!("too many values for field {name:?}: {values}")));
            }
            found = values.first().copied().or(found);
            // A field of one word has one spelling.
            if camel == field {
                break;
            }
        }
        Ok(found)
    }
}

fn unparsable(field: &str, function: &str, value: &str) -> Status {
    Status::invalid_argument(format!("parsing field {field:?}: strconv.{function}: parsing {value:?}: invalid syntax"))
}

/// `page_token` → `pageToken`; dots stay.
pub(crate) fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut upper = false;
    for character in snake.chars() {
        if character == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            camel.push(character.to_ascii_uppercase());
        } else {
            camel.push(character);
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_both_spellings_and_in_no_other() {
        for raw in ["page_size=7", "pageSize=7", "unknown=1&pageSize=7"] {
            assert_eq!(Query::parse(raw).int32("page_size").unwrap(), 7, "{raw}");
        }
        assert_eq!(Query::parse("PageSize=7&pagesize=7").int32("page_size").unwrap(), 0);
    }

    #[test]
    fn flags_take_the_spellings_of_go() {
        for (raw, expected) in [("a=true", true), ("a=1", true), ("a=T", true), ("a=False", false), ("", false)] {
            assert_eq!(Query::parse(raw).bool("a").unwrap(), expected, "{raw}");
        }
        for raw in ["a=yes", "a=", "a=TrUe"] {
            assert!(Query::parse(raw).bool("a").is_err(), "{raw}");
        }
    }

    #[test]
    fn a_scalar_given_twice_is_refused_and_a_list_is_not() {
        let query = Query::parse("name=a&name=b");
        assert!(query.text("name").is_err());
        assert_eq!(query.list("name"), ["a", "b"]);
    }
}
