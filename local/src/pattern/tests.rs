//! The evaluator against the semantics of the EventBridge user guide and of event-ruler.

use serde_json::{Value, json};

use super::{Pattern, PatternProblem};

/// The event that the user guide's examples are about, with a few fields more.
fn event() -> Value {
    json!({
        "version": "0",
        "id": "3e3c153a-8339-4e30-8c35-687ebef853fe",
        "detail-type": "EC2 Instance Launch Successful",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2015-11-11T21:31:47Z",
        "region": "us-east-1",
        "resources": [
            "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:eb56d16b",
            "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"
        ],
        "detail": {
            "eventVersion": "",
            "responseElements": null,
            "state": "running",
            "fileName": "photo.PNG",
            "path": "dir/sub/file.txt",
            "starred": "a*b",
            "c-count": 5,
            "x-limit": 301.8,
            "account-number": 123_456_789_012_u64,
            "numeric-text": "5",
            "active": true,
            "ip": "10.0.0.33",
            "ip6": "2001:db8::17",
            "tags": [],
            "nested": { "deep": { "leaf": "x" } },
            "employees": [
                { "firstName": "Anna", "ids": ["1234", "1000", "9999"], "role": "lead" },
                { "firstName": "John", "ids": ["5678", "9000"] },
                { "firstName": "Peter", "ids": ["1010"] }
            ]
        }
    })
}

/// Name, pattern, whether it lets [`event`] through.
const CASES: &[(&str, &str, bool)] = &[
    // Exact values.
    ("a string equals", r#"{"source":["aws.autoscaling"]}"#, true),
    (
        "one value of several is enough",
        r#"{"source":["aws.ec2","aws.autoscaling"]}"#,
        true,
    ),
    ("case matters", r#"{"source":["AWS.autoscaling"]}"#, false),
    (
        "every field must hold",
        r#"{"source":["aws.autoscaling"],"region":["eu-west-1"]}"#,
        false,
    ),
    (
        "a nested field",
        r#"{"detail":{"state":["running","stopped"]}}"#,
        true,
    ),
    (
        "a dotted name is the same path",
        r#"{"detail.state":["running"]}"#,
        true,
    ),
    (
        "a missing field",
        r#"{"detail":{"status":["running"]}}"#,
        false,
    ),
    (
        "the empty string",
        r#"{"detail":{"eventVersion":[""]}}"#,
        true,
    ),
    ("null", r#"{"detail":{"responseElements":[null]}}"#, true),
    (
        "null is not the empty string",
        r#"{"detail":{"eventVersion":[null]}}"#,
        false,
    ),
    (
        "a missing field is not null",
        r#"{"detail":{"status":[null]}}"#,
        false,
    ),
    ("a boolean", r#"{"detail":{"active":[true]}}"#, true),
    (
        "a boolean is not its name",
        r#"{"detail":{"active":["true"]}}"#,
        false,
    ),
    ("a number by value", r#"{"detail":{"c-count":[5.0]}}"#, true),
    (
        "a fraction in scientific notation",
        r#"{"detail":{"x-limit":[3.018e2]}}"#,
        true,
    ),
    (
        "a number beyond the numeric range",
        r#"{"detail":{"account-number":[123456789012]}}"#,
        true,
    ),
    (
        "a number is not its text",
        r#"{"detail":{"c-count":["5"]}}"#,
        false,
    ),
    (
        "text is not its number",
        r#"{"detail":{"numeric-text":[5]}}"#,
        false,
    ),
    // Prefix and suffix.
    ("prefix", r#"{"region":[{"prefix":"us-"}]}"#, true),
    ("another prefix", r#"{"region":[{"prefix":"eu-"}]}"#, false),
    (
        "the empty prefix of a string",
        r#"{"region":[{"prefix":""}]}"#,
        true,
    ),
    (
        "a prefix of a number never holds",
        r#"{"detail":{"c-count":[{"prefix":"5"}]}}"#,
        false,
    ),
    (
        "prefix ignoring case",
        r#"{"detail":{"state":[{"prefix":{"equals-ignore-case":"RUN"}}]}}"#,
        true,
    ),
    (
        "suffix",
        r#"{"detail":{"fileName":[{"suffix":".PNG"}]}}"#,
        true,
    ),
    (
        "suffix keeps case",
        r#"{"detail":{"fileName":[{"suffix":".png"}]}}"#,
        false,
    ),
    (
        "suffix ignoring case",
        r#"{"detail":{"fileName":[{"suffix":{"equals-ignore-case":".pnG"}}]}}"#,
        true,
    ),
    (
        "equals-ignore-case",
        r#"{"detail-type":[{"equals-ignore-case":"ec2 instance launch successful"}]}"#,
        true,
    ),
    (
        "equals-ignore-case is the whole value",
        r#"{"detail-type":[{"equals-ignore-case":"ec2 instance"}]}"#,
        false,
    ),
    // Anything-but.
    (
        "anything-but another string",
        r#"{"detail":{"state":[{"anything-but":"initializing"}]}}"#,
        true,
    ),
    (
        "anything-but this string",
        r#"{"detail":{"state":[{"anything-but":"running"}]}}"#,
        false,
    ),
    (
        "anything-but a list with it",
        r#"{"detail":{"state":[{"anything-but":["stopped","running"]}]}}"#,
        false,
    ),
    (
        "anything-but a list without it",
        r#"{"detail":{"state":[{"anything-but":["stopped","overloaded"]}]}}"#,
        true,
    ),
    (
        "anything-but a number",
        r#"{"detail":{"c-count":[{"anything-but":5}]}}"#,
        false,
    ),
    (
        "anything-but other numbers",
        r#"{"detail":{"x-limit":[{"anything-but":[100,200,300]}]}}"#,
        true,
    ),
    (
        "anything-but a number lets text through",
        r#"{"detail":{"numeric-text":[{"anything-but":5}]}}"#,
        true,
    ),
    (
        "anything-but needs the field",
        r#"{"detail":{"status":[{"anything-but":"x"}]}}"#,
        false,
    ),
    (
        "anything-but lets null through",
        r#"{"detail":{"responseElements":[{"anything-but":"x"}]}}"#,
        true,
    ),
    (
        "anything-but prefix",
        r#"{"detail":{"state":[{"anything-but":{"prefix":"init"}}]}}"#,
        true,
    ),
    (
        "anything-but this prefix",
        r#"{"detail":{"state":[{"anything-but":{"prefix":"run"}}]}}"#,
        false,
    ),
    (
        "anything-but prefixes",
        r#"{"detail":{"state":[{"anything-but":{"prefix":["init","run"]}}]}}"#,
        false,
    ),
    (
        "anything-but suffix",
        r#"{"detail":{"fileName":[{"anything-but":{"suffix":".txt"}}]}}"#,
        true,
    ),
    (
        "anything-but this suffix",
        r#"{"detail":{"fileName":[{"anything-but":{"suffix":".PNG"}}]}}"#,
        false,
    ),
    (
        "anything-but wildcard",
        r#"{"detail":{"path":[{"anything-but":{"wildcard":"*/sub/*"}}]}}"#,
        false,
    ),
    (
        "anything-but other wildcards",
        r#"{"detail":{"path":[{"anything-but":{"wildcard":["*/lib/*","x*"]}}]}}"#,
        true,
    ),
    (
        "anything-but ignoring case",
        r#"{"detail":{"state":[{"anything-but":{"equals-ignore-case":["RUNNING"]}}]}}"#,
        false,
    ),
    (
        "anything-but one element of a list",
        r#"{"detail":{"employees":{"firstName":[{"anything-but":"Anna"}]}}}"#,
        true,
    ),
    // Numeric.
    (
        "numeric equality",
        r#"{"detail":{"c-count":[{"numeric":["=",5]}]}}"#,
        true,
    ),
    (
        "a range",
        r#"{"detail":{"c-count":[{"numeric":[">",0,"<=",5]}]}}"#,
        true,
    ),
    (
        "an open upper end",
        r#"{"detail":{"c-count":[{"numeric":[">",0,"<",5]}]}}"#,
        false,
    ),
    (
        "one comparison",
        r#"{"detail":{"x-limit":[{"numeric":["<",10]}]}}"#,
        false,
    ),
    (
        "at least",
        r#"{"detail":{"c-count":[{"numeric":[">=",5]}]}}"#,
        true,
    ),
    (
        "numeric never holds for text",
        r#"{"detail":{"numeric-text":[{"numeric":["=",5]}]}}"#,
        false,
    ),
    (
        "numeric stops at five billion",
        r#"{"detail":{"account-number":[{"numeric":[">",0]}]}}"#,
        false,
    ),
    // Exists.
    ("exists", r#"{"detail":{"state":[{"exists":true}]}}"#, true),
    (
        "exists, but it is missing",
        r#"{"detail":{"status":[{"exists":true}]}}"#,
        false,
    ),
    (
        "null exists",
        r#"{"detail":{"responseElements":[{"exists":true}]}}"#,
        true,
    ),
    (
        "does not exist",
        r#"{"detail":{"status":[{"exists":false}]}}"#,
        true,
    ),
    (
        "does not exist, but it is there",
        r#"{"detail":{"state":[{"exists":false}]}}"#,
        false,
    ),
    (
        "an object in between is no leaf",
        r#"{"detail":{"nested":[{"exists":true}]}}"#,
        false,
    ),
    (
        "an object in between counts as absent",
        r#"{"detail":{"nested":[{"exists":false}]}}"#,
        true,
    ),
    (
        "an empty list counts as absent",
        r#"{"detail":{"tags":[{"exists":false}]}}"#,
        true,
    ),
    (
        "absent or this value",
        r#"{"detail":{"state":[{"exists":false},"running"]}}"#,
        true,
    ),
    // Wildcard.
    (
        "a star inside",
        r#"{"detail":{"path":[{"wildcard":"dir/*.txt"}]}}"#,
        true,
    ),
    (
        "a star for nothing",
        r#"{"detail":{"state":[{"wildcard":"run*ning*"}]}}"#,
        true,
    ),
    (
        "several stars",
        r#"{"detail":{"path":[{"wildcard":"*/sub/*.txt"}]}}"#,
        true,
    ),
    (
        "the start and the end do not overlap",
        r#"{"detail":{"state":[{"wildcard":"running*ing"}]}}"#,
        false,
    ),
    (
        "the whole value",
        r#"{"detail":{"path":[{"wildcard":"*/sub"}]}}"#,
        false,
    ),
    (
        "an escaped star",
        r#"{"detail":{"starred":[{"wildcard":"a\\*b"}]}}"#,
        true,
    ),
    (
        "an escaped star is no wildcard",
        r#"{"detail":{"path":[{"wildcard":"dir\\*"}]}}"#,
        false,
    ),
    ("a lone star", r#"{"source":[{"wildcard":"*"}]}"#, true),
    (
        "a wildcard never holds for a number",
        r#"{"detail":{"c-count":[{"wildcard":"*"}]}}"#,
        false,
    ),
    // Addresses.
    (
        "an IPv4 block",
        r#"{"detail":{"ip":[{"cidr":"10.0.0.0/24"}]}}"#,
        true,
    ),
    (
        "another IPv4 block",
        r#"{"detail":{"ip":[{"cidr":"10.0.1.0/24"}]}}"#,
        false,
    ),
    (
        "every IPv4 address",
        r#"{"detail":{"ip":[{"cidr":"0.0.0.0/0"}]}}"#,
        true,
    ),
    (
        "an IPv6 block",
        r#"{"detail":{"ip6":[{"cidr":"2001:db8::/32"}]}}"#,
        true,
    ),
    (
        "an IPv4 block has no IPv6 addresses",
        r#"{"detail":{"ip6":[{"cidr":"0.0.0.0/0"}]}}"#,
        false,
    ),
    (
        "text that is no address",
        r#"{"detail":{"state":[{"cidr":"0.0.0.0/0"}]}}"#,
        false,
    ),
    // $or.
    (
        "the first alternative",
        r#"{"$or":[{"region":["us-east-1"]},{"region":["eu-west-1"]}]}"#,
        true,
    ),
    (
        "no alternative",
        r#"{"$or":[{"region":["a"]},{"source":["b"]}]}"#,
        false,
    ),
    (
        "and what stands beside it",
        r#"{"source":["other"],"$or":[{"region":["us-east-1"]},{"account":["1"]}]}"#,
        false,
    ),
    (
        "alternatives below a field",
        r#"{"detail":{"$or":[{"c-count":[{"numeric":[">",9]}]},{"state":["running"]}]}}"#,
        true,
    ),
    (
        "alternatives in alternatives",
        r#"{"$or":[{"source":["x"]},{"region":["us-east-1"],"$or":[{"account":["1"]},{"version":["0"]}]}]}"#,
        true,
    ),
    (
        "alternatives side by side",
        r#"{"$or":[{"source":["x"]},{"version":["0"]}],"detail":{"$or":[{"state":["x"]},{"active":[false]}]}}"#,
        false,
    ),
    // Arrays.
    (
        "any element of a list",
        r#"{"resources":[{"prefix":"arn:aws:ec2:"}]}"#,
        true,
    ),
    (
        "no element of a list",
        r#"{"resources":[{"prefix":"arn:aws:s3:"}]}"#,
        false,
    ),
    (
        "a list inside a list of objects",
        r#"{"detail":{"employees":{"ids":["5678"]}}}"#,
        true,
    ),
    (
        "fields of one element",
        r#"{"detail":{"employees":{"firstName":["Anna"],"ids":["1000"]}}}"#,
        true,
    ),
    (
        "fields of two elements",
        r#"{"detail":{"employees":{"firstName":["Anna"],"ids":["5678"]}}}"#,
        false,
    ),
    (
        "an element without the field",
        r#"{"detail":{"employees":{"firstName":["John"],"role":[{"exists":false}]}}}"#,
        true,
    ),
    (
        "an element with the field",
        r#"{"detail":{"employees":{"firstName":["Anna"],"role":[{"exists":false}]}}}"#,
        false,
    ),
    (
        "some element has the field",
        r#"{"detail":{"employees":{"role":[{"exists":false}]}}}"#,
        false,
    ),
];

#[test]
fn patterns_let_through_what_eventbridge_lets_through() {
    let event = event();
    let wrong: Vec<_> = CASES
        .iter()
        .filter(|(_, pattern, expected)| parse(pattern).matches(&event) != *expected)
        .map(|(name, ..)| name)
        .collect();
    assert!(wrong.is_empty(), "decided wrongly: {wrong:#?}");
}

#[test]
fn case_names_are_distinct() {
    let names: std::collections::BTreeSet<_> = CASES.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), CASES.len());
}

#[test]
fn stream_records_are_filtered_by_attribute_type() {
    let record = json!({
        "eventName": "INSERT",
        "dynamodb": { "NewImage": { "sequence": { "N": "3" }, "eventType": { "S": "image.request.approved" } } }
    });
    let matches = |pattern| parse(pattern).matches(&record);
    assert!(matches(r#"{"eventName":["INSERT"]}"#));
    assert!(matches(
        r#"{"dynamodb":{"NewImage":{"eventType":{"S":[{"prefix":"image.request."}]}}}}"#
    ));
    assert!(matches(
        r#"{"dynamodb":{"NewImage":{"sequence":{"N":["3"]}}}}"#
    ));
    assert!(!matches(
        r#"{"dynamodb":{"NewImage":{"sequence":{"N":[{"numeric":[">",0]}]}}}}"#
    ));
    assert!(!matches(r#"{"eventName":["REMOVE"]}"#));
}

#[test]
fn arrays_in_arrays_stay_consistent() {
    let event = json!({ "a": [ { "b": [ { "c": 1, "d": 2 }, { "c": 3, "d": 4 } ], "e": 5 }, { "b": [ { "c": 6, "d": 7 } ], "e": 8 } ] });
    let matches = |pattern| parse(pattern).matches(&event);
    assert!(matches(r#"{"a":{"b":{"c":[3],"d":[4]},"e":[5]}}"#));
    assert!(!matches(r#"{"a":{"b":{"c":[1],"d":[4]}}}"#));
    assert!(!matches(r#"{"a":{"b":{"c":[6]},"e":[5]}}"#));
}

#[test]
fn only_objects_match() {
    let anything = parse(r#"{"a":[{"exists":false}]}"#);
    assert!(anything.matches(&json!({})));
    for event in [json!([]), json!("text"), json!(null), json!(1)] {
        assert!(!anything.matches(&event), "{event}");
    }
}

/// Pattern, where it is wrong, what the message must name.
const REFUSED: &[(&str, &str, &str)] = &[
    (r#"["a"]"#, "$", "JSON object"),
    ("{}", "$", "empty object"),
    (r#"{"detail":{}}"#, "$.detail", "empty object"),
    (r#"{"source":"aws.ec2"}"#, "$.source", "list"),
    (r#"{"source":[]}"#, "$.source", "empty list"),
    (r#"{"source":[["a"]]}"#, "$.source[0]", "not lists"),
    (
        r#"{"source":["a",{"regex":"b"}]}"#,
        "$.source[1].regex",
        "`regex`",
    ),
    (r#"{"source":[{}]}"#, "$.source[0]", "exactly one key"),
    (
        r#"{"source":[{"prefix":"a","suffix":"b"}]}"#,
        "$.source[0]",
        "exactly one key",
    ),
    (
        r#"{"source":[{"prefix":5}]}"#,
        "$.source[0].prefix",
        "a string",
    ),
    (
        r#"{"source":[{"prefix":{"wildcard":"a"}}]}"#,
        "$.source[0].prefix.wildcard",
        "`prefix/wildcard`",
    ),
    (
        r#"{"source":[{"exists":"yes"}]}"#,
        "$.source[0].exists",
        "true or false",
    ),
    (
        r#"{"source":[{"wildcard":"a**b"}]}"#,
        "$.source[0].wildcard",
        "in a row",
    ),
    (
        r#"{"source":[{"wildcard":"a\\b"}]}"#,
        "$.source[0].wildcard",
        "backslash",
    ),
    (
        r#"{"source":[{"cidr":"10.0.0.0"}]}"#,
        "$.source[0].cidr",
        "address block",
    ),
    (
        r#"{"source":[{"cidr":"10.0.0.0/32"}]}"#,
        "$.source[0].cidr",
        "address block",
    ),
    (
        r#"{"n":[{"numeric":[]}]}"#,
        "$.n[0].numeric",
        "one comparison",
    ),
    (
        r#"{"n":[{"numeric":["~",1]}]}"#,
        "$.n[0].numeric",
        "the comparisons",
    ),
    (
        r#"{"n":[{"numeric":["<",5,">",0]}]}"#,
        "$.n[0].numeric",
        "a lower bound",
    ),
    (
        r#"{"n":[{"numeric":[">",5,"<",5]}]}"#,
        "$.n[0].numeric",
        "less than",
    ),
    (
        r#"{"n":[{"numeric":[">",6e9]}]}"#,
        "$.n[0].numeric",
        "5.0e9",
    ),
    (
        r#"{"n":[{"anything-but":[]}]}"#,
        "$.n[0].anything-but",
        "empty list",
    ),
    (
        r#"{"n":[{"anything-but":["a",1]}]}"#,
        "$.n[0].anything-but",
        "only strings",
    ),
    (
        r#"{"n":[{"anything-but":null}]}"#,
        "$.n[0].anything-but",
        "only strings",
    ),
    (
        r#"{"n":[{"anything-but":{"numeric":["=",1]}}]}"#,
        "$.n[0].anything-but.numeric",
        "`anything-but/numeric`",
    ),
    (
        r#"{"n":[{"anything-but":{"prefix":""}}]}"#,
        "$.n[0].anything-but.prefix",
        "not empty",
    ),
    (r#"{"$or":[{"a":["b"]}]}"#, "$.$or", "at least two"),
    (r#"{"$or":[{"a":["b"]},"c"]}"#, "$.$or", "at least two"),
    (
        r#"{"$or":[{"prefix":["b"]},{"a":["b"]}]}"#,
        "$.$or[0].prefix",
        "`prefix`",
    ),
    (
        r#"{"a":["b"],"$or":[{"a":["c"]},{"d":["e"]}]}"#,
        "$.a",
        "twice",
    ),
    (r#"{"a":{"b":["c"]},"a.b":["d"]}"#, "$.a.b", "twice"),
];

#[test]
fn what_eventbridge_would_not_save_is_refused_by_path_and_name() {
    for (pattern, path, named) in REFUSED {
        let error = Pattern::parse(&serde_json::from_str(pattern).unwrap()).expect_err(pattern);
        assert_eq!(&error.path, path, "{pattern}: {error}");
        assert!(error.to_string().contains(named), "{pattern}: {error}");
    }
}

#[test]
fn or_cannot_multiply_without_end() {
    let ten =
        |field: &str| -> Vec<Value> { (0..10).map(|number| json!({ field: [number] })).collect() };
    let nested = |depth: usize| {
        (0..depth)
            .map(|level| (format!("level{level}"), json!({ "$or": ten("field") })))
            .collect::<serde_json::Map<_, _>>()
    };
    assert!(Pattern::parse(&nested(3).into()).is_ok());
    let error = Pattern::parse(&nested(4).into()).unwrap_err();
    assert_eq!(error.problem, PatternProblem::TooManyCombinations);
}

fn parse(pattern: &str) -> Pattern {
    Pattern::parse(&serde_json::from_str(pattern).unwrap()).expect(pattern)
}
