use std::collections::BTreeMap;

use super::{report, template};

/// The value of a parameter with this definition, as a function sees it.
fn value(definition: &str, given: Option<&str>) -> Result<String, String> {
    let sections = format!(
        "
Parameters:
  P: {definition}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      CodeUri: worker
      Environment: {{Variables: {{P: !Ref P}}}}
"
    );
    let given = given.map(|given| ("P".to_owned(), given.to_owned()));
    match template(&sections).unwrap().resolve(&given.into_iter().collect()) {
        Ok(system) => Ok(system.functions[0].environment["P"].clone()),
        Err(error) => Err(report(&error)),
    }
}

#[test]
fn a_given_value_comes_before_the_default() {
    assert_eq!(value("{Type: String, Default: a}", None).unwrap(), "a");
    assert_eq!(value("{Type: String, Default: a}", Some("b")).unwrap(), "b");
    assert_eq!(value("{Type: String, Default: ''}", None).unwrap(), "");
    assert_eq!(value("{Type: Number, Default: 1.5}", None).unwrap(), "1.5");
    assert_eq!(value("{Type: AWS::EC2::VPC::Id}", Some("vpc-1")).unwrap(), "vpc-1");
}

#[test]
fn values_are_held_to_their_constraints() {
    let cases = [
        ("{Type: String}", None, "no default"),
        ("{Type: String, AllowedValues: [a, b]}", Some("c"), "not one of a, b"),
        ("{Type: Number, AllowedValues: [1, 2]}", Some("3"), "not one of 1, 2"),
        ("{Type: Number}", Some("many"), "not a number"),
        ("{Type: Number, MinValue: 1}", Some("0"), "below MinValue"),
        ("{Type: Number, MaxValue: 10}", Some("11"), "above MaxValue"),
        ("{Type: String, MinLength: 2}", Some("a"), "below MinLength"),
        ("{Type: String, MaxLength: 2}", Some("abc"), "above MaxLength"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", Some("ab1"), "does not match"),
        ("{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: letters}", Some("1"), "(letters)"),
        ("{Type: CommaDelimitedList, AllowedValues: [a, b]}", Some("a, c"), "not one of"),
        ("{Type: 'AWS::SSM::Parameter::Value<String>', Default: /x}", None, "Parameter Store"),
        ("{Type: Text, Default: x}", None, "not a type"),
        ("{Type: String, Default: x, Minimum: 1}", None, "`Minimum`"),
    ];
    for (definition, given, named) in cases {
        let message = value(definition, given).expect_err(definition);
        assert!(message.contains("parameter `P`") && message.contains(named), "{definition}: {message}");
        if let Some(given) = given.filter(|given| given.len() > 2) {
            assert!(!message.contains(given), "the value is repeated: {message}");
        }
    }
    assert!(value("{Type: String, AllowedPattern: '^(https://\\S+)?$'}", Some("")).is_ok());
    assert!(value("{Type: Number, AllowedValues: [1, 2], MinValue: 1, MaxValue: 2}", Some("2")).is_ok());
}

#[test]
fn a_value_for_no_parameter_is_an_error() {
    let template = template("\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n").unwrap();
    let given = BTreeMap::from([("Q".to_owned(), "x".to_owned())]);
    let error = template.resolve(&given).unwrap_err();
    assert!(report(&error).contains("`Q`: the template has no such parameter"));
}
