use super::{refusal, system};

/// Every kind of thing that can be referred to.
const RESOURCES: &str = "
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Named:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${AWS::StackName}.${Text}
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Queue: {Type: AWS::SQS::Queue}
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: events}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [x]}
  Bucket: {Type: AWS::S3::Bucket}
  Secret: {Type: AWS::SecretsManager::Secret}
  Api: {Type: AWS::Serverless::HttpApi}
  Topic: {Type: AWS::SNS::Topic}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/x}
  Role: {Type: AWS::IAM::Role}
  Alarm: {Type: AWS::CloudWatch::Alarm}
  LeftOut:
    Type: AWS::SQS::Queue
    Condition: Never
";

fn sections(expression: &str) -> String {
    format!(
        "
Parameters:
  Text: {{Type: String, Default: text}}
  Number: {{Type: Number, Default: 7}}
  List: {{Type: CommaDelimitedList, Default: 'a, b,c'}}
Mappings:
  Sizes:
    local: {{small: 1, large: many}}
Conditions:
  Always: !Equals [!Ref Number, 7]
  Never: !Not [!Condition Always]
  Both: !And [!Condition Always, !Equals [a, b]]
  Either: !Or [!Condition Never, !Condition Always]
Resources:{RESOURCES}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      CodeUri: worker
      Environment:
        Variables:
          KEPT: value
          X: {expression}
"
    )
}

/// The value of a variable that is written so; nothing if it is left out.
fn variable(expression: &str) -> Option<String> {
    let system = system(&sections(expression));
    let function = &system.functions[0];
    assert_eq!(function.environment["KEPT"], "value");
    function.environment.get("X").cloned()
}

fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(variable(expression).as_deref(), Some(*expected), "{expression}");
    }
}

#[test]
fn scalars_become_texts() {
    check(&[("text", "text"), ("5", "5"), ("2.0", "2.0"), ("true", "true"), ("''", "")]);
}

#[test]
fn parameters_and_pseudo_parameters_are_known() {
    check(&[
        ("!Ref Text", "text"),
        ("{Ref: Number}", "7"),
        ("!Ref AWS::Region", "local"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::StackName", "cgr-request"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::StackId", "arn:aws:cloudformation:local:000000000000:stack/cgr-request/local"),
    ]);
}

#[test]
fn no_value_leaves_the_property_out() {
    assert_eq!(variable("!Ref AWS::NoValue"), None);
    assert_eq!(variable("!If [Never, x, !Ref AWS::NoValue]"), None);
}

#[test]
fn references_to_resources_are_their_local_names() {
    check(&[
        ("!Ref Table", "cgr-request-Table"),
        ("!Ref Named", "cgr-request.text"),
        ("!Ref Queue", "https://sqs.local/cgr-request-Queue"),
        ("!Ref Worker", "cgr-request-Worker"),
        ("!Ref Bus", "events"),
        ("!Ref Rule", "cgr-request-Rule"),
        ("!Ref Bucket", "cgr-request-bucket"),
        ("!Ref Secret", "arn:aws:secretsmanager:local:000000000000:secret:cgr-request-Secret"),
        ("!Ref Api", "Api"),
        ("!Ref Topic", "arn:aws:sns:local:000000000000:cgr-request-Topic"),
        ("!Ref Logs", "/aws/x"),
        ("!Ref Role", "cgr-request-Role"),
        ("!Ref WorkerRole", "cgr-request-WorkerRole"),
    ]);
}

#[test]
fn attributes_of_resources_are_local() {
    check(&[
        ("!GetAtt Table.Arn", "arn:aws:dynamodb:local:000000000000:table/cgr-request-Table"),
        ("{'Fn::GetAtt': Table.Arn}", "arn:aws:dynamodb:local:000000000000:table/cgr-request-Table"),
        ("!GetAtt Table.StreamArn", "arn:aws:dynamodb:local:000000000000:table/cgr-request-Table/stream/local"),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:local:000000000000:cgr-request-Queue"),
        ("!GetAtt Queue.QueueName", "cgr-request-Queue"),
        ("!GetAtt Queue.QueueUrl", "https://sqs.local/cgr-request-Queue"),
        ("!GetAtt Worker.Arn", "arn:aws:lambda:local:000000000000:function:cgr-request-Worker"),
        ("!GetAtt Bus.Arn", "arn:aws:events:local:000000000000:event-bus/events"),
        ("!GetAtt Bus.Name", "events"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::cgr-request-bucket"),
        ("!GetAtt Bucket.DomainName", "cgr-request-bucket.s3.amazonaws.com"),
        ("!GetAtt Secret.Id", "arn:aws:secretsmanager:local:000000000000:secret:cgr-request-Secret"),
        ("!GetAtt Api.ApiEndpoint", "https://Api.execute-api.local.amazonaws.com"),
        ("!GetAtt Topic.TopicName", "cgr-request-Topic"),
        ("!GetAtt Logs.Arn", "arn:aws:logs:local:000000000000:log-group:/aws/x:*"),
        ("!GetAtt WorkerRole.Arn", "arn:aws:iam::000000000000:role/cgr-request-WorkerRole"),
        ("!GetAtt Alarm.Arn", "arn:aws:cloudwatch:local:000000000000:alarm:cgr-request-Alarm"),
    ]);
}

#[test]
fn texts_are_put_together_and_taken_apart() {
    check(&[
        ("!Sub '${Text}-${Number}/${Table}/${Queue.QueueName}'", "text-7/cgr-request-Table/cgr-request-Queue"),
        ("!Sub ['${a}${b}${Text}', {a: !Ref Number, b: '-'}]", "7-text"),
        ("!Sub ['${Text}', {Text: own}]", "own"),
        ("!Sub 'a ${!Text} $ {b} $'", "a ${Text} $ {b} $"),
        ("!Join ['/', [a, !Ref Text, 3]]", "a/text/3"),
        ("!Join ['', !Ref List]", "abc"),
        ("!Join [',', [a, !Ref AWS::NoValue, b]]", "a,b"),
        ("!Select [1, !Ref List]", "b"),
        ("!Select ['2', [x, y, z]]", "z"),
        ("!Select [5, !Split [':', !GetAtt Queue.Arn]]", "cgr-request-Queue"),
        ("!FindInMap [Sizes, !Ref AWS::Region, large]", "many"),
        ("!FindInMap [Sizes, local, small]", "1"),
    ]);
}

#[test]
fn conditions_choose() {
    check(&[
        ("!If [Always, yes-it-is, !Ref LeftOut]", "yes-it-is"),
        ("!If [Never, a, !If [Either, b, c]]", "b"),
        ("!If [Both, a, !Ref Text]", "text"),
    ]);
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
    let cases = [
        ("!ImportValue other", "Fn::ImportValue (line", "no other stack"),
        ("!Base64 x", "Fn::Base64", "not evaluated"),
        ("!GetAZs ''", "Fn::GetAZs", "not evaluated"),
        ("!Equals [a, b]", "Fn::Equals", "Conditions only"),
        ("{'Fn::Sub': a, other: b}", "Variables.X", "stands alone"),
        ("'{{resolve:ssm:/a}}'", "Variables.X", "dynamic reference"),
        ("!Sub '{{resolve:secretsmanager:${Secret}}}'", "Variables.X", "dynamic reference"),
        ("!Ref Nobody", "Variables.X.Ref", "no resource or parameter `Nobody`"),
        ("!Ref AWS::Nothing", "Variables.X.Ref", "no resource or parameter `AWS::Nothing`"),
        ("!Sub '${Nobody}'", "Variables.X.Fn::Sub", "`Nobody`"),
        ("!Sub '${Nobody.Arn}'", "Variables.X.Fn::Sub", "no resource `Nobody`"),
        ("!Sub '${Text'", "Variables.X.Fn::Sub", "`${` without its `}`"),
        ("!GetAtt Nobody.Arn", "Variables.X.Fn::GetAtt", "no resource `Nobody`"),
        ("!GetAtt Table.Size", "Variables.X.Fn::GetAtt", "`Size` of AWS::DynamoDB::Table"),
        ("!GetAtt Named.StreamArn", "Variables.X.Fn::GetAtt", "`Named` has no StreamSpecification"),
        ("!If [Nobody, a, b]", "Variables.X.Fn::If", "no condition `Nobody`"),
        ("!Ref LeftOut", "Variables.X.Ref", "`LeftOut` is left out, because the condition `Never`"),
        ("!Select [3, [a, b, c]]", "Fn::Select", "no element 3"),
        ("!FindInMap [Sizes, local, medium]", "Fn::FindInMap", "`medium`"),
        ("!Join ['', [[a]]]", "Fn::Join", "list of texts"),
        ("[a, b]", "Variables.X", "a text belongs here"),
        ("!Ref List", "Variables.X", "a text belongs here"),
    ];
    for (expression, place, named) in cases {
        let message = refusal(&sections(expression));
        assert!(message.contains(place) && message.contains(named), "{expression}: {message}");
    }
}

#[test]
fn circles_are_found() {
    let names = "
Resources:
  One:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub '${Other.QueueName}-1'}
  Other:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub '${One.QueueName}-2'}
";
    assert!(refusal(names).contains("is defined by itself"));
    let conditions = "
Conditions:
  One: !Not [!Condition Other]
  Other: !Not [!Condition One]
Resources:
  Queue: {Type: AWS::SQS::Queue, Condition: One}
";
    assert!(refusal(conditions).contains("is defined by itself"));
}

#[test]
fn conditions_look_at_parameters_only() {
    let sections = "
Conditions:
  One: !Equals [!Ref Queue, x]
Resources:
  Queue: {Type: AWS::SQS::Queue}
";
    assert!(refusal(sections).contains("no parameter `Queue`"));
    let message =
        refusal("\nConditions:\n  One: !Sub x\nResources:\n  Queue: {Type: AWS::SQS::Queue, Condition: One}\n");
    assert!(message.contains("Conditions.One") && message.contains("not a function of conditions"), "{message}");
}

#[test]
fn names_in_what_has_no_meaning_are_checked_too() {
    let message = refusal(
        "
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    DependsOn: Nothing
    Properties:
      AlarmActions: [!Ref Topic]
Outputs:
  Url: {Value: !GetAtt Api.ApiEndpoint}
",
    );
    for name in ["`Topic`", "`Api`", "`Nothing`"] {
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(message.lines().count(), 3, "{message}");
}
