//! `AWS::DynamoDB::Table`, `AWS::S3::Bucket` and `AWS::SecretsManager::Secret`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error::TemplateError;
use super::reader::{Field, Fields};
use super::system::{Bucket, InitialValue, Retention, Secret, System, Table};
use super::{meaningless, names};

const BUCKET_FEATURES: &[&str] = &[
    "AccelerateConfiguration",
    "AnalyticsConfigurations",
    "CorsConfiguration",
    "NotificationConfiguration",
    "ReplicationConfiguration",
    "WebsiteConfiguration",
];

pub(super) fn read_table(mut fields: Fields<'_>, logical_id: &str, system: &mut System) -> Result<(), TemplateError> {
    for name in ["ImportSourceSpecification", "KinesisStreamSpecification"] {
        fields.refuse(name, "the local store does not do this")?;
    }
    fields.text("TableName")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    let mut request = Map::new();
    request.insert("TableName".to_owned(), name.clone().into());
    let definitions = attributes(&fields.require("AttributeDefinitions")?, "AttributeType", &["S", "N", "B"])?;
    let mut keys = BTreeSet::new();
    request.insert("KeySchema".to_owned(), key_schema(&mut fields, &mut keys)?);
    for kind in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let indexes = fields.list(kind)?;
        if !indexes.is_empty() {
            let indexes: Vec<_> =
                indexes.into_iter().map(|index| self::index(index.fields()?, &mut keys)).collect::<Result<_, _>>()?;
            request.insert(kind.to_owned(), indexes.into());
        }
    }
    let defined: BTreeSet<_> = definitions.iter().map(|(name, _)| name.clone()).collect();
    if let Some(odd) = defined.symmetric_difference(&keys).next() {
        let problem =
            format!("AttributeDefinitions defines the attributes of keys and no others, and `{odd}` is not both");
        return Err(fields.malformed(problem));
    }
    request.insert("AttributeDefinitions".to_owned(), as_list(&definitions, "AttributeType"));
    throughput(&mut fields, &mut request)?;
    if let Some(mode) = fields.take("BillingMode")? {
        let mode = mode.word(&[("PAY_PER_REQUEST", "PAY_PER_REQUEST"), ("PROVISIONED", "PROVISIONED")])?;
        request.insert("BillingMode".to_owned(), mode.into());
    }
    if let Some(mut stream) = fields.fields("StreamSpecification")? {
        let views = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"].map(|view| (view, view));
        let view = stream.require("StreamViewType")?.word(&views)?;
        stream.finish(meaningless::STREAM)?;
        let specification = json!({ "StreamEnabled": true, "StreamViewType": view });
        request.insert("StreamSpecification".to_owned(), specification);
    }
    let time_to_live_attribute = match fields.fields("TimeToLiveSpecification")? {
        Some(mut specification) => {
            let attribute = specification.text("AttributeName")?;
            let enabled = specification.require("Enabled")?.flag()?;
            specification.finish(meaningless::NOTHING)?;
            attribute.filter(|_| enabled)
        }
        None => None,
    };
    fields.finish(meaningless::TABLE)?;
    system.tables.push(Table {
        logical_id: logical_id.to_owned(),
        name,
        create_table: Value::Object(request),
        time_to_live_attribute,
    });
    Ok(())
}

/// Pairs of an attribute's name and its type or its part in the key.
fn attributes(
    field: &Field<'_>,
    second: &str,
    words: &[&'static str],
) -> Result<Vec<(String, &'static str)>, TemplateError> {
    let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
    field
        .list()?
        .into_iter()
        .map(|entry| {
            let mut entry = entry.fields()?;
            let name = entry.require("AttributeName")?.text()?;
            let word = entry.require(second)?.word(&words)?;
            entry.finish(meaningless::NOTHING)?;
            Ok((name, word))
        })
        .collect()
}

fn as_list(attributes: &[(String, &str)], second: &str) -> Value {
    attributes.iter().map(|(name, word)| json!({ "AttributeName": name, second: word })).collect()
}

fn key_schema(fields: &mut Fields<'_>, keys: &mut BTreeSet<String>) -> Result<Value, TemplateError> {
    let schema = attributes(&fields.require("KeySchema")?, "KeyType", &["HASH", "RANGE"])?;
    keys.extend(schema.iter().map(|(name, _)| name.clone()));
    Ok(as_list(&schema, "KeyType"))
}

fn index(mut fields: Fields<'_>, keys: &mut BTreeSet<String>) -> Result<Value, TemplateError> {
    let mut index = Map::new();
    index.insert("IndexName".to_owned(), fields.require("IndexName")?.text()?.into());
    index.insert("KeySchema".to_owned(), key_schema(&mut fields, keys)?);
    let mut projection = fields.require("Projection")?.fields()?;
    let types = ["ALL", "KEYS_ONLY", "INCLUDE"].map(|projected| (projected, projected));
    let mut projected = Map::new();
    projected.insert("ProjectionType".to_owned(), projection.require("ProjectionType")?.word(&types)?.into());
    if let Some(names) = projection.json("NonKeyAttributes")? {
        projected.insert("NonKeyAttributes".to_owned(), names);
    }
    projection.finish(meaningless::NOTHING)?;
    index.insert("Projection".to_owned(), Value::Object(projected));
    throughput(&mut fields, &mut index)?;
    fields.finish(meaningless::INDEX)?;
    Ok(Value::Object(index))
}

fn throughput(fields: &mut Fields<'_>, request: &mut Map<String, Value>) -> Result<(), TemplateError> {
    if let Some(mut units) = fields.fields("ProvisionedThroughput")? {
        let read = units.require("ReadCapacityUnits")?.integer(1..=u32::MAX)?;
        let write = units.require("WriteCapacityUnits")?.integer(1..=u32::MAX)?;
        units.finish(meaningless::NOTHING)?;
        let units = json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write });
        request.insert("ProvisionedThroughput".to_owned(), units);
    }
    Ok(())
}

pub(super) fn read_bucket(mut fields: Fields<'_>, logical_id: &str, system: &mut System) -> Result<(), TemplateError> {
    for name in BUCKET_FEATURES {
        fields.refuse(name, "a bucket takes objects and gives them back, and nothing else")?;
    }
    fields.text("BucketName")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    let object_lock = fields.flag("ObjectLockEnabled")?.unwrap_or(false);
    let mut default_retention = None;
    if let Some(mut configuration) = fields.fields("ObjectLockConfiguration")? {
        configuration.only("ObjectLockEnabled", "Enabled", "it is on or it is not written")?;
        if let Some(mut rule) = configuration.fields("Rule")? {
            if let Some(retention) = rule.fields("DefaultRetention")? {
                default_retention = Some(self::retention(retention)?);
            }
            rule.finish(meaningless::NOTHING)?;
        }
        configuration.finish(meaningless::NOTHING)?;
    }
    fields.finish(meaningless::BUCKET)?;
    system.buckets.push(Bucket { logical_id: logical_id.to_owned(), name, object_lock, default_retention });
    Ok(())
}

fn retention(mut fields: Fields<'_>) -> Result<Retention, TemplateError> {
    let compliance = fields.require("Mode")?.word(&[("COMPLIANCE", true), ("GOVERNANCE", false)])?;
    let days = fields.integer("Days", 1..=36_500)?;
    let years = fields.integer("Years", 1..=100)?;
    let days = match (days, years) {
        (Some(days), None) => days,
        (None, Some(years)) => years * 365,
        _ => return Err(fields.malformed("a retention has `Days` or `Years`")),
    };
    fields.finish(meaningless::NOTHING)?;
    Ok(Retention { compliance, period: Duration::from_hours(u64::from(days) * 24) })
}

pub(super) fn read_secret(mut fields: Fields<'_>, logical_id: &str, system: &mut System) -> Result<(), TemplateError> {
    fields.text("Name")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    let initial_value = match (fields.text("SecretString")?, fields.fields("GenerateSecretString")?) {
        (None, None) => InitialValue::Nothing,
        (Some(value), None) => InitialValue::Given(value),
        (None, Some(generate)) => generated(generate)?,
        (Some(_), Some(_)) => {
            return Err(fields.malformed("a secret has `SecretString` or `GenerateSecretString`"));
        }
    };
    fields.finish(meaningless::SECRET)?;
    system.secrets.push(Secret {
        logical_id: logical_id.to_owned(),
        arn: names::secret_arn(&name),
        name,
        initial_value,
    });
    Ok(())
}

fn generated(mut fields: Fields<'_>) -> Result<InitialValue, TemplateError> {
    let length = fields.integer("PasswordLength", 1..=4096)?.unwrap_or(32);
    let member_of = match (fields.take("SecretStringTemplate")?, fields.text("GenerateStringKey")?) {
        (None, None) => None,
        (Some(template), Some(key)) => match template.json_text()? {
            Value::Object(members) => Some((members, key)),
            _ => return Err(template.malformed("a JSON object belongs here")),
        },
        _ => {
            return Err(fields.malformed("`SecretStringTemplate` and `GenerateStringKey` belong together"));
        }
    };
    fields.finish(meaningless::GENERATED_SECRET)?;
    Ok(InitialValue::Generated { length, member_of })
}
