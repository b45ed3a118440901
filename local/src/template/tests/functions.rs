use std::time::Duration;

use super::{function, refusal, system};

#[test]
fn a_function_has_the_defaults_of_lambda() {
    let system = system(&format!("Resources:{}", function("")));
    let worker = &system.functions[0];
    assert_eq!(worker.logical_id, "Worker");
    assert_eq!(worker.name, "cgr-request-Worker");
    assert_eq!(worker.binary, "worker");
    assert_eq!(worker.timeout, Duration::from_secs(3));
    assert_eq!(worker.reserved_concurrency, None);
    assert_eq!(worker.on_failure, None);
    assert_eq!(worker.maximum_retry_attempts, 2);
    assert_eq!(worker.maximum_event_age, Duration::from_hours(6));
    assert!(worker.environment.is_empty());
}

#[test]
fn globals_are_merged_as_sam_merges_them() {
    let system = system(
        "
Parameters:
  Layer: {Type: String, Default: ''}
Conditions:
  HasLayer: !Not [!Equals [!Ref Layer, '']]
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 20
    MemorySize: 512
    ReservedConcurrentExecutions: !If [HasLayer, 1, 2]
    Environment:
      Variables:
        A: global
        B: global
        C: !Ref AWS::Region
    EventInvokeConfig:
      MaximumRetryAttempts: 1
      MaximumEventAgeInSeconds: 120
Resources:
  Own:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: own/
      Timeout: 40
      Environment:
        Variables:
          B: own
          C: own
          D: own
      EventInvokeConfig:
        MaximumRetryAttempts: 0
  Plain:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: plain
  Free:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout, Environment]
    Properties:
      CodeUri: free
",
    );
    let by_id = |id: &str| system.functions.iter().find(|function| function.logical_id == id).unwrap();
    let variables = |id| {
        let environment = by_id(id).environment.iter();
        environment.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(variables("Own"), "A=global B=own C=own D=own");
    assert_eq!(variables("Plain"), "A=global B=global C=local");
    assert_eq!(variables("Free"), "");
    assert_eq!(by_id("Own").timeout, Duration::from_secs(40));
    assert_eq!(by_id("Plain").timeout, Duration::from_secs(20));
    assert_eq!(by_id("Free").timeout, Duration::from_secs(3));
    assert_eq!(by_id("Own").maximum_retry_attempts, 0);
    assert_eq!(by_id("Own").maximum_event_age, Duration::from_mins(2));
    assert_eq!(by_id("Plain").maximum_retry_attempts, 1);
    assert_eq!(by_id("Plain").reserved_concurrency, Some(2));
    assert!(system.ignored.iter().any(|ignored| ignored.path == "Globals.Function.MemorySize"));
}

#[test]
fn a_function_of_the_template_replaces_what_is_global() {
    let system = system(
        "
Conditions:
  Never: !Equals [a, b]
Globals:
  Function:
    Runtime: provided.al2023
    Environment: {Variables: {A: global}}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: worker
      Environment: !If [Never, !Ref AWS::NoValue, {Variables: {B: own}}]
",
    );
    let names: Vec<_> = system.functions[0].environment.keys().collect();
    assert_eq!(names, ["B"]);
}

#[test]
fn lists_of_globals_and_of_the_function_are_one_list() {
    let message = refusal(
        "
Globals:
  Function:
    Runtime: provided.al2023
    Layers: [arn:one]
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: worker, Layers: [!Ref AWS::NoValue]}
",
    );
    assert!(message.contains("Resources.Worker.Properties.Layers") && message.contains("a layer"), "{message}");
}

#[test]
fn the_binary_is_the_crate_that_is_built() {
    let named = "
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {Binary: other}
    Properties: {Runtime: provided.al2023, CodeUri: ../}
";
    assert_eq!(system(named).functions[0].binary, "other");
    let unnamed = refusal(
        "Resources:\n  Worker:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023, CodeUri: ../}\n",
    );
    assert!(
        unnamed.contains("Resources.Worker.Properties.CodeUri") && unnamed.contains("BuildProperties.Binary"),
        "{unnamed}"
    );
}

#[test]
fn failures_go_to_the_queue_that_either_property_names() {
    let queue = "
  Dead: {Type: AWS::SQS::Queue}
  Other: {Type: AWS::SQS::Queue}
";
    let dead_letters = "      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}\n";
    let destination = |queue: &str| {
        format!(
            "
      EventInvokeConfig:
        DestinationConfig:
          OnFailure: {{Type: SQS, Destination: !GetAtt {queue}.Arn}}
"
        )
    };
    let on_failure = |properties: &str| {
        let system = system(&format!("Resources:{queue}{}", function(properties)));
        system.functions[0].on_failure.clone()
    };
    assert_eq!(on_failure(dead_letters).as_deref(), Some("cgr-request-Dead"));
    assert_eq!(on_failure(&destination("Other")).as_deref(), Some("cgr-request-Other"));
    let both = |other: &str| format!("{dead_letters}{}", destination(other).trim_start_matches('\n'));
    assert_eq!(on_failure(&both("Dead")).as_deref(), Some("cgr-request-Dead"));
    let message = refusal(&format!("Resources:{queue}{}", function(&both("Other"))));
    assert!(message.contains("name two queues"), "{message}");
}

#[test]
fn a_function_whose_condition_is_false_does_not_exist() {
    let system = system(&format!(
        "Conditions:\n  Never: !Equals [a, b]\nResources:{}\n  Other:\n    Type: AWS::Serverless::Function\n    Condition: Never\n    Properties: {{Layers: [refused, if, it, existed]}}\n",
        function("")
    ));
    assert_eq!(system.functions.len(), 1);
}
