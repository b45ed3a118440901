use serde_json::{Value, json};

use super::super::yaml;
use super::report;

fn value(text: &str) -> Value {
    match yaml::parse(text) {
        Ok(document) => document.root,
        Err(error) => panic!("{}: {text}", report(&error)),
    }
}

#[test]
fn short_forms_become_long_forms() {
    let cases = [
        ("!Ref Table", json!({ "Ref": "Table" })),
        ("!Condition IsProd", json!({ "Condition": "IsProd" })),
        ("!Sub a-${B}", json!({ "Fn::Sub": "a-${B}" })),
        ("!Sub ['${x}', {x: 1}]", json!({ "Fn::Sub": ["${x}", { "x": 1 }] })),
        ("!GetAtt Table.Arn", json!({ "Fn::GetAtt": ["Table", "Arn"] })),
        ("!GetAtt Nested.Outputs.X", json!({ "Fn::GetAtt": ["Nested", "Outputs.X"] })),
        ("!GetAtt [Table, Arn]", json!({ "Fn::GetAtt": ["Table", "Arn"] })),
        ("!Join ['-', [a, b]]", json!({ "Fn::Join": ["-", ["a", "b"]] })),
        ("!Select [0, [a]]", json!({ "Fn::Select": [0, ["a"]] })),
        ("!Split [',', 'a,b']", json!({ "Fn::Split": [",", "a,b"] })),
        ("!FindInMap [A, B, C]", json!({ "Fn::FindInMap": ["A", "B", "C"] })),
        ("!ImportValue name", json!({ "Fn::ImportValue": "name" })),
        ("!If [A, !Ref B, !Ref C]", json!({ "Fn::If": ["A", { "Ref": "B" }, { "Ref": "C" }] })),
        ("!Not [!Equals [a, b]]", json!({ "Fn::Not": [{ "Fn::Equals": ["a", "b"] }] })),
        (
            "!And [!Condition A, !Or [!Condition B, !Condition C]]",
            json!({ "Fn::And": [
            { "Condition": "A" }, { "Fn::Or": [{ "Condition": "B" }, { "Condition": "C" }] }
        ] }),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn scalars_have_one_meaning() {
    let cases = [
        ("30", json!(30)),
        ("-1", json!(-1)),
        ("+7", json!(7)),
        ("18446744073709551615", json!(u64::MAX)),
        ("2.0", json!(2.0)),
        ("-.5", json!(-0.5)),
        ("'30'", json!("30")),
        ("!!str 30", json!("30")),
        ("true", json!(true)),
        ("False", json!(false)),
        ("'true'", json!("true")),
        ("~", json!(null)),
        ("2012-10-17", json!("2012-10-17")),
        ("1.2.3", json!("1.2.3")),
        ("arn:aws:sqs:local:000000000000:q", json!("arn:aws:sqs:local:000000000000:q")),
        ("::1", json!("::1")),
        ("-", json!([null])),
        ("e5", json!("e5")),
        ("1 minute", json!("1 minute")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn what_tools_read_differently_must_be_quoted() {
    for text in [
        "yes",
        "No",
        "ON",
        "off",
        "010",
        "000000000000",
        "0x1F",
        "0o17",
        "0b11",
        "1_000",
        "12:30",
        "1e3",
        "1.5E+3",
        ".inf",
        "-.INF",
    ] {
        let error = yaml::parse(&format!("a:\n  b: {text}\n")).expect_err(text).to_string();
        assert!(error.contains("line 2") && error.contains(text) && error.contains("quotes"), "{error}");
        assert_eq!(value(&format!("'{text}'")), json!(text));
    }
}

#[test]
fn what_cloudformation_does_not_read_is_refused_with_its_line() {
    let cases = [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key `a` is given twice"),
        ("a: &x 1\nb: *x\n", "line 2: CloudFormation reads no YAML aliases"),
        ("a:\n  <<: {b: 1}\n", "line 2: CloudFormation reads no YAML merge keys"),
        ("a: 1\n---\nb: 2\n", "line 3: a template is one document"),
        ("a: !Magic x\n", "line 1: !Magic is not a function of CloudFormation"),
        ("a: !!binary eA==\n", "line 1: "),
        ("? [a]\n: b\n", "line 1: a key must be plain text"),
        ("", "the template is empty"),
        ("a: [1, 2\n", "line "),
    ];
    for (text, message) in cases {
        let error = yaml::parse(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn a_location_has_the_line_of_the_nearest_key() {
    let document = yaml::parse("A:\n  B:\n    - x\n    - y: !If [C, 1, 2]\n").unwrap();
    let line = |path| document.lines.locate(path).line;
    assert_eq!(line("A.B"), Some(2));
    assert_eq!(line("A.B[1].y"), Some(4));
    assert_eq!(line("A.B[1].y.Fn::If[2].deep"), Some(4));
    assert_eq!(line("A.Other[3]"), Some(1));
    assert_eq!(line("Elsewhere"), None);
    assert_eq!(document.lines.locate("A.B").to_string(), "A.B (line 2)");
}
