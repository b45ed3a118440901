//! Reading the platform's JSON tolerantly: proto3 JSON may leave a member out, write its empty value or `null`, and all
//! three mean the same; a newer server may send members and enum values that this client does not know (FACTS §2.0).

use domain::catalog::CatalogTier;
use jiff::Timestamp;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A value, or its empty one for `null`. Goes with `#[serde(default)]`, which is for a missing member.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A count. An `int64` comes as a text and an `int32` as a number; what is neither, or negative, is none.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(whole_number(&Value::deserialize(deserializer)?).and_then(|number| u64::try_from(number).ok()))
}

/// As `count`, with what is negative.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(whole_number(&Value::deserialize(deserializer)?))
}

fn whole_number(value: &Value) -> Option<i64> {
    value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok())
}

/// A point in time; what cannot be read as one is none.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().and_then(|text| text.parse().ok()))
}

/// The name of an enum's value. One that the server itself has no name for is written as its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnumName(pub(crate) String);

impl<'de> Deserialize<'de> for EnumName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(name) => Self(name),
            Value::Number(number) => Self(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Self::default(),
        })
    }
}

impl EnumName {
    /// The tier of this name.
    pub(crate) fn tier(&self) -> CatalogTier {
        let name: StrDeserializer<'_, Error> = self.0.as_str().into_deserializer();
        CatalogTier::deserialize(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_texts_or_numbers_and_times_as_texts() {
        #[derive(Deserialize)]
        struct Read {
            #[serde(default, deserialize_with = "count")]
            count: Option<u64>,
            #[serde(default, deserialize_with = "integer")]
            integer: Option<i64>,
            #[serde(default, deserialize_with = "instant")]
            instant: Option<Timestamp>,
        }
        let read = |json: &str| serde_json::from_str::<Read>(json).unwrap();
        for (json, count, integer) in [
            (r#"{"count": "3", "integer": "-1"}"#, Some(3), Some(-1)),
            (r#"{"count": 3, "integer": -1}"#, Some(3), Some(-1)),
            (r#"{"count": "-1", "integer": null}"#, None, None),
            (r#"{"count": "many", "integer": {}}"#, None, None),
            (r#"{"count": 1.5, "integer": true}"#, None, None),
            ("{}", None, None),
        ] {
            assert_eq!((read(json).count, read(json).integer), (count, integer), "{json}");
        }
        let time = "2026-09-01T12:00:00.123Z";
        assert_eq!(read(&format!(r#"{{"instant": "{time}"}}"#)).instant, Some(time.parse().unwrap()));
        for json in ["{}", r#"{"instant": null}"#, r#"{"instant": "soon"}"#, r#"{"instant": {"seconds": 1}}"#] {
            assert_eq!(read(json).instant, None, "{json}");
        }
    }

    #[test]
    fn tiers_have_their_v1_names_and_everything_else_is_unknown() {
        for tier in [
            CatalogTier::Application,
            CatalogTier::Base,
            CatalogTier::Fips,
            CatalogTier::Ai,
            CatalogTier::Devtools,
            CatalogTier::Commercial,
        ] {
            assert_eq!(EnumName(tier.as_str().to_owned()).tier(), tier);
        }
        for other in [r#""UNKNOWN""#, r#""QUANTUM""#, r#""""#, "10", "null", "{}", "[]", "true"] {
            let name: EnumName = serde_json::from_str(other).unwrap();
            assert_eq!(name.tier(), CatalogTier::Unknown, "{other}");
        }
    }
}
