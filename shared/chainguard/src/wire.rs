//! Reading the platform's JSON tolerantly: proto3 JSON may leave a member out, write its empty value or `null`, and all
//! three mean the same; a newer server may send members and enum values that this client does not know (FACTS §2.0).

use domain::catalog::CatalogTier;
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
