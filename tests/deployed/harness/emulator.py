"""The emulator of AWS that the deployed system runs on: ministack, and what AWS does that ministack does not.

Every function below `# ----` replaces or extends one of ministack's; its docstring says what AWS does. It reaches into
ministack's modules, so the version is pinned in `run`.

Configured by the environment: GATEWAY_PORT and AUTH (ministack's own), EMULATOR_FOLDER (with the files that
certificates.py makes), EMULATOR_TLS (a JSON list of pairs of ports: where TLS is taken off, and where it goes on from
there), EMULATOR_TOKENS (URL that signs web identity tokens), EMULATOR_MINUTE (how long a minute of a schedule takes, in
seconds), EMULATOR_RETRY (after how long what failed comes again, in seconds).
"""

import asyncio
import contextvars
import functools
import hashlib
import http.server
import json
import logging
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid

import ministack.app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import apigateway, dynamodb, eventbridge, lambda_svc, s3, scheduler, secretsmanager, sqs, sts
from ministack.services.cloudformation import provisioners

MINUTE = float(os.environ["EMULATOR_MINUTE"])
RETRY = float(os.environ["EMULATOR_RETRY"])
FOLDER = os.environ["EMULATOR_FOLDER"]
# Where Amazon Linux 2023 has the certificates that it trusts.
AL2023_BUNDLE = "/etc/pki/tls/certs/ca-bundle.crt"

log = logging.getLogger("emulator")


def replaces(module, name):
    """Puts a function in the place of `module.name`; the one before becomes its first argument."""

    def put(function):
        setattr(module, name, functools.partial(function, getattr(module, name)))
        return function

    return put


def handles(kind, event):
    """The same for what CloudFormation does with resources of a kind."""

    def put(function):
        handlers = provisioners._RESOURCE_HANDLERS.setdefault(kind, {})
        handlers[event] = functools.partial(function, handlers.get(event))
        return function

    return put


def in_background(work):
    """Runs `work` in a thread of its own, in the account and region of this one."""
    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()


# ---- what services may do to each other

def allows_service(policy, service, action, resource, source_arn):
    """A service needs the resource's own policy to let it in, even within an account."""
    if isinstance(policy, str):
        policy = json.loads(policy)
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": get_account_id()},
    )
    result = iam_evaluator.evaluate_resource_policy(policy or {"Statement": []}, context, service=service)
    return result.decision == "Allow"


def function_of(arn):
    """The record, configuration and policy of a function; nothing if there is none."""
    record, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if not record or not config:
        return None
    return lambda_svc._execution_record_for_config(record, config), config, record.get("policy")


def may_invoke(service, function_arn, source_arn):
    found = function_of(function_arn)
    return found is not None and allows_service(
        found[2], service, "lambda:InvokeFunction", found[1]["FunctionArn"], source_arn)


# ---- what services do in a function's name, with its role

def require(role_arn, actions, resource, where):
    """A service that acts with a role looks, when that is set up, whether the role may do it."""
    name = role_arn.rpartition("/")[2]
    for action in actions:
        context = iam_evaluator.EvalContext(
            principal_arn=role_arn,
            principal_type="AssumedRole",
            principal_account=get_account_id(),
            action=action,
            resource_arn=resource,
            region=get_region(),
        )
        policies = iam_evaluator._gather_role_policies(name, get_account_id())
        if iam_evaluator.evaluate(context, policies).decision != "Allow":
            raise ValueError(f"{where}: the role {name} does not have permission to call {action} on {resource}")


@handles("AWS::Lambda::EventSourceMapping", "create")
def mapping_create(original, logical_id, properties, stack):
    """Lambda polls with the function's role, and sends what it gives up with it too."""
    role, source = function_of(properties["FunctionName"])[1]["Role"], properties["EventSourceArn"]
    if ":sqs:" in source:
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    else:
        reads = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        actions = [f"dynamodb:{action}" for action in reads]
    require(role, actions, source, logical_id)
    failures = ((properties.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if failures:
        require(role, ["sqs:SendMessage"], failures, logical_id)
    return original(logical_id, properties, stack)


@handles("AWS::Lambda::EventInvokeConfig", "create")
def invoke_config_create(original, logical_id, properties, stack):
    """The same holds for invocations that are given up."""
    failures = ((properties.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if failures:
        require(function_of(properties["FunctionName"])[1]["Role"], ["sqs:SendMessage"], failures, logical_id)
    return original(logical_id, properties, stack)


@handles("AWS::Scheduler::Schedule", "create")
def schedule_create(original, logical_id, properties, stack):
    """Scheduler invokes, and sends to the dead letters, with the target's role. It finds out when it tries; here a
    schedule that could never work is not made."""
    target = properties["Target"]
    require(target["RoleArn"], ["lambda:InvokeFunction"], target["Arn"], logical_id)
    if "DeadLetterConfig" in target:
        require(target["RoleArn"], ["sqs:SendMessage"], target["DeadLetterConfig"]["Arn"], logical_id)
    return original(logical_id, properties, stack)


# ---- how another version takes over

@handles("AWS::CodeDeploy::Application", "create")
@handles("AWS::CodeDeploy::DeploymentGroup", "create")
def code_deploy_create(original, logical_id, properties, stack):
    """CodeDeploy shifts an alias from one version to the next. The first deployment has nothing to shift from."""
    return f"{stack}-{logical_id}", {}


@handles("AWS::CodeDeploy::Application", "delete")
@handles("AWS::CodeDeploy::DeploymentGroup", "delete")
def code_deploy_delete(original, *_):
    """Nothing was made."""


# ---- Lambda's runtime

# The runtime API answers in small writes, which Nagle's algorithm would hold back for 40 ms each.
http.server.BaseHTTPRequestHandler.disable_nagle_algorithm = True


@replaces(lambda_svc, "_provided_worker_env")
def function_environment(original, config, code_dir, port):
    """A function sees its own variables and Lambda's, and the runtime's certificates. Nothing of this machine."""
    given = original(config, code_dir, port)
    of_function = (config.get("Environment") or {}).get("Variables") or {}
    wanted = {name: value for name, value in given.items()
              if name in of_function or name not in os.environ or name.startswith("AWS_")}
    wanted["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    if of_function.get("SSL_CERT_FILE") == AL2023_BUNDLE:
        wanted["SSL_CERT_FILE"] = f"{FOLDER}/ca.pem"
    return wanted


# ---- SQS

@replaces(lambda_svc, "_run_sqs_batch")
def run_sqs_batch(original, esm, record, event, batch, queue_url, queue_name):
    """What failed comes again when its visibility timeout is over, 3 to 6 minutes here; that is cut short."""
    original(esm, record, event, batch, queue_url, queue_name)
    handles = {message["receipt_handle"] for message in batch}
    again = time.time() + RETRY
    with sqs._queues_lock:
        for message in sqs._get_q(queue_url)["messages"]:
            if message.get("receipt_handle") in handles:
                message["visible_at"] = min(message["visible_at"], again)
    threading.Timer(RETRY, lambda_svc.esm_wake.set).start()


def start_message_move_task(data, _url):
    """StartMessageMoveTask sends the messages of a dead-letter queue, as new ones, to where they came from."""
    source = sqs._queue_by_arn(data["SourceArn"])
    if source is None:
        raise sqs._Err("ResourceNotFoundException", "The resource that you specified for the SourceArn doesn't exist.")
    with sqs._queues_lock:
        stay = []
        for message in source["messages"]:
            origin = sqs._queue_by_arn(
                data.get("DestinationArn") or (message.get("sys") or {}).get("DeadLetterQueueSourceArn", ""))
            if origin is None:
                stay.append(message)
            else:
                now = time.time()
                origin["messages"].append(message | {
                    "id": str(uuid.uuid4()), "receipt_handle": None, "receive_count": 0, "first_receive_at": None,
                    "sent_at": now, "visible_at": now})
        source["messages"] = stay
    lambda_svc.esm_wake.set()
    return {"TaskHandle": str(uuid.uuid4())}


sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task


# ---- DynamoDB streams

class Shard:
    """Where a mapping stands in its stream."""

    def __init__(self, position):
        self.position = position
        self.attempts = 0
        self.window = None
        self.not_before = 0.0


shards = {}


@replaces(lambda_svc, "_poll_dynamodb_streams")
def poll_streams(_original):
    """A batch that failed is tried again from the first record that failed, halved if so configured, until its attempts
    or its age are used up; then its position goes to the failure destination and the shard goes on."""
    busy = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":dynamodb:" not in mapping.get("EventSourceArn", "") or not mapping.get("Enabled", True):
            continue
        set_request_account_id(account)
        set_request_region(region)
        busy = poll_stream(mapping) or busy
    return busy


def poll_stream(mapping):
    stream = mapping["EventSourceArn"]
    table = stream.split("/")[1]
    found = function_of(mapping["FunctionArn"])
    if found is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != stream:
        return False
    first, end = dynamodb.stream_start_position(table), dynamodb.stream_end_position(table)
    from_start = mapping.get("StartingPosition") == "TRIM_HORIZON"
    shard = shards.setdefault(mapping["UUID"], Shard(first if from_start else end))
    shard.position = max(shard.position, first)
    if shard.position >= end or time.time() < shard.not_before:
        return False
    raw = dynamodb.stream_records_since(table, shard.position, shard.window or mapping.get("BatchSize", 100))
    wanted = lambda_svc._apply_filter_criteria(list(raw), mapping)
    if wanted:
        result = lambda_svc._execute_function(found[0], {"Records": wanted})
        done = records_done(mapping, result, raw)
    else:
        result, done = {}, len(raw)
    shard.position += done
    if done == len(raw):
        shard.attempts, shard.window = 0, None
        return True
    if done:
        shard.attempts, shard.window = 0, None
    rest = raw[done:]
    shard.attempts += 1
    if given_up := why_given_up(mapping, shard, rest):
        lambda_svc._send_ddb_stream_failure_record(mapping, found[0], rest, stream, result, given_up)
        shard.position += len(rest)
        shard.attempts, shard.window = 0, None
    elif mapping.get("BisectBatchOnFunctionError") and len(rest) > 1:
        shard.window = len(rest) // 2
    shard.not_before = time.time() + RETRY
    return True


def records_done(mapping, result, raw):
    """How many records of the batch need not come again: the lowest reported sequence number is the checkpoint."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return len(raw)
    body = result.get("body")
    failures = (body or {}).get("batchItemFailures") or []
    sequence = [record["dynamodb"]["SequenceNumber"] for record in raw]
    failed = [failure.get("itemIdentifier") for failure in failures]
    if any(identifier not in sequence for identifier in failed):
        return 0
    return min((sequence.index(identifier) for identifier in failed), default=len(raw))


def why_given_up(mapping, shard, rest):
    most, age = int(mapping.get("MaximumRetryAttempts", -1)), int(mapping.get("MaximumRecordAgeInSeconds", -1))
    oldest = min(float(record["dynamodb"].get("ApproximateCreationDateTime", time.time())) for record in rest)
    if 0 <= age < time.time() - oldest:
        return "MaxRecordAgeExceeded"
    return "RetryAttemptsExhausted" if 0 <= most < shard.attempts else None


# ministack's own name for it is not defined where this record is sent.
lambda_svc.esm_wake = lambda_svc._esm_wake


# ---- EventBridge

def may_send(rule_arn, queue):
    attributes = queue["attributes"]
    return allows_service(
        attributes.get("Policy"), "events.amazonaws.com", "sqs:SendMessage", attributes["QueueArn"], rule_arn)


def send_to_queue(queue, body, attributes):
    now = time.time()
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    queue["messages"].append({
        "id": str(uuid.uuid4()), "body": body, "md5_body": hashlib.md5(body.encode()).hexdigest(), "md5_attrs": "",
        "receipt_handle": None, "sent_at": now, "visible_at": now, "receive_count": 0, "first_receive_at": None,
        "message_attributes": attributes,
        "sys": {"SenderId": "events", "SentTimestamp": str(int(now * 1000))},
        "group_id": None, "dedup_id": None, "dedup_cache_key": None, "seq": None,
    })
    lambda_svc.esm_wake.set()


@replaces(eventbridge, "_invoke_target")
def invoke_target(original, target, event, rule, view=None):
    """A queue has to be there and to let the rule in; if not, the event goes to the target's dead letters."""
    arn, rule_arn = target.get("Arn", ""), rule.get("Arn", "")
    if ":sqs:" not in arn:
        return original(target, event, rule, view)
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        refusal = "NO_RESOURCE"
    elif not may_send(rule_arn, queue):
        refusal = "NO_PERMISSIONS"
    else:
        return original(target, event, rule, view)
    log.warning("%s is not delivered to %s: %s", rule_arn, arn, refusal)
    dead_letters = sqs._queue_by_arn((target.get("DeadLetterConfig") or {}).get("Arn", ""))
    if dead_letters is not None and may_send(rule_arn, dead_letters):
        body = json.dumps((view or eventbridge._pattern_event_view(event)).event_with_detail())
        send_to_queue(dead_letters, body, {"RULE_ARN": rule_arn, "TARGET_ARN": arn, "ERROR_CODE": refusal})
    return None


@replaces(eventbridge, "_dispatch_to_lambda")
def dispatch_to_lambda(_original, arn, payload):
    """A function is invoked asynchronously: what fails is tried again and then goes to its failure destination."""
    found = function_of(arn)
    if found is None:
        raise LookupError(f"there is no function {arn}")
    lambda_svc.invoke_async_with_retry(found[0], json.loads(payload))


# ---- EventBridge Scheduler

scheduler._SCHEDULE_TICK_INTERVAL = min(MINUTE, 60) / 4


@replaces(eventbridge, "_parse_rate_seconds")
def rate(original, expression):
    """A minute takes as long as EMULATOR_MINUTE says."""
    seconds = original(expression)
    return None if seconds is None else seconds / 60 * MINUTE


@replaces(scheduler, "_create_schedule")
def create_schedule(original, name, body):
    """A schedule with a rate and no start date begins at once."""
    answer = original(name, body)
    key = f"{body.get('GroupName', 'default')}/{name}"
    if key in scheduler._schedules and not body.get("StartDate"):
        scheduler._schedule_last_fired[(get_account_id(), get_region(), key)] = 0
    return answer


# ---- rotation of secrets

def rotation_step(function_arn, secret, token, step):
    """Secrets Manager invokes the function under the permission that its policy gives; says whether that went well."""
    if not may_invoke("secretsmanager.amazonaws.com", function_arn, secret["ARN"]):
        log.warning("Secrets Manager may not invoke %s", function_arn)
        return False
    event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": token, "RotationToken": str(uuid.uuid4())}
    result = lambda_svc._execute_function(function_of(function_arn)[0], event)
    if result.get("error"):
        log.warning("%s of %s failed: %s", step, secret["Name"], result.get("body"))
    return not result.get("error")


@replaces(secretsmanager, "_get_secret_value")
def get_secret_value(original, data):
    """A version that nothing was put into yet has no value that could be found."""
    answer = original(data)
    status, _headers, body = answer
    if status == 200 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
        return secretsmanager.error_response_json(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret value.", 400)
    return answer


@replaces(secretsmanager, "_rotate_secret")
def rotate_secret(original, data):
    """RotateSecret answers at once, with the version that the function is then asked to make in four steps."""
    _key, secret = secretsmanager._resolve(data.get("SecretId"))
    arn = data.get("RotationLambdaARN") or (secret or {}).get("RotationLambdaARN")
    if not secret or not arn:
        return original(data)
    token = data.get("ClientRequestToken") or str(uuid.uuid4())
    secret.update(RotationEnabled=True, RotationLambdaARN=arn)
    secret["RotationRules"] = data.get("RotationRules") or secret.get("RotationRules")
    pending = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": ["AWSPENDING"]}
    secret["Versions"][token] = pending
    immediately = str(data.get("RotateImmediately", True)).lower() == "true"
    if not immediately:
        # What is tested is not documented. Without a value, AWS's own rotation functions could not pass.
        pending["SecretString"] = secretsmanager._find_stage_version(secret, "AWSCURRENT")[1]["SecretString"]

    def run():
        if not immediately:
            rotation_step(arn, secret, token, "testSecret")
            secret["Versions"].pop(token, None)
        elif all(rotation_step(arn, secret, token, step)
                 for step in ("createSecret", "setSecret", "testSecret", "finishSecret")):
            secret["LastRotatedDate"] = int(time.time())

    in_background(run)
    return secretsmanager.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})


@handles("AWS::SecretsManager::RotationSchedule", "create")
def rotation_schedule_create(_original, _logical_id, properties, _stack):
    """Making the schedule rotates, or, with RotateImmediatelyOnUpdate false, asks the function to test: it needs the
    permission by then."""
    _key, secret = secretsmanager._resolve(properties["SecretId"])
    arn = properties["RotationLambdaARN"]
    if secret is None:
        raise ValueError("Secrets Manager can't find the specified secret.")
    if not may_invoke("secretsmanager.amazonaws.com", arn, secret["ARN"]):
        raise ValueError("Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
                         "grants access to the principal secretsmanager.amazonaws.com.")
    secretsmanager._rotate_secret({
        "SecretId": secret["ARN"], "RotationLambdaARN": arn, "RotationRules": properties.get("RotationRules"),
        "RotateImmediately": properties.get("RotateImmediatelyOnUpdate", True)})
    return secret["ARN"], {}


@handles("AWS::SecretsManager::RotationSchedule", "delete")
def rotation_schedule_delete(_original, arn, _properties):
    """Without its schedule, a secret is not rotated."""
    _key, secret = secretsmanager._resolve(arn)
    if secret is not None:
        secret["RotationEnabled"] = False


@handles("AWS::SecretsManager::Secret", "create")
def secret_create(original, logical_id, properties, stack):
    """Ref gives the ARN."""
    _name, attributes = original(logical_id, properties, stack)
    return attributes["Id"], attributes


@handles("AWS::SecretsManager::Secret", "update")
def secret_update(original, arn, old, new, stack, logical_id=None):
    key, _secret = secretsmanager._resolve(arn)
    _name, attributes = original(key, old, new, stack, logical_id)
    return attributes["Id"], attributes


@handles("AWS::SecretsManager::Secret", "delete")
def secret_delete(original, arn, properties):
    key, _secret = secretsmanager._resolve(arn)
    original(key, properties)


# ---- S3

@handles("AWS::S3::Bucket", "create")
def bucket_create(original, logical_id, properties, stack):
    """Object Lock is of the bucket from its making on, and its default holds for every object."""
    name, attributes = original(logical_id, properties, stack)
    if str(properties.get("ObjectLockEnabled")).lower() == "true":
        rule = (properties.get("ObjectLockConfiguration") or {}).get("Rule") or {}
        retention = dict(rule.get("DefaultRetention") or {})
        for period in ("Days", "Years"):
            if period in retention:
                retention[period] = int(retention[period])
        s3._bucket_versioning[name] = "Enabled"
        s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention or None}
    return name, attributes


# ---- HTTP APIs

@handles("AWS::ApiGatewayV2::Api", "create")
def api_create(original, logical_id, properties, stack):
    """An API is made from the OpenAPI document in its Body: its operations are the routes."""
    api_id, attributes = original(logical_id, properties, stack)
    body = properties.get("Body")
    if body:
        import_openapi(api_id, body, logical_id, stack)
    return api_id, attributes


def import_openapi(api_id, body, logical_id, stack):
    apigateway._apis[api_id]["name"] = body.get("info", {}).get("title") or apigateway._apis[api_id]["name"]
    authorizers = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        described = scheme["x-amazon-apigateway-authorizer"]
        if described["type"] != "request":
            raise ValueError(f"the emulator has no authorizer of the type {described['type']}")
        authorizers[name], _ = provisioners._apigw_v2_authorizer_create(logical_id, {
            "ApiId": api_id,
            "AuthorizerType": "REQUEST",
            "Name": name,
            "IdentitySource": described.get("identitySource") or [],
            "AuthorizerUri": described["authorizerUri"],
            "AuthorizerPayloadFormatVersion": described["authorizerPayloadFormatVersion"],
            "AuthorizerResultTtlInSeconds": described.get("authorizerResultTtlInSeconds", 0),
            "EnableSimpleResponses": described.get("enableSimpleResponses", False),
        }, stack)
    for path, operations in body.get("paths", {}).items():
        for method, operation in operations.items():
            described = operation["x-amazon-apigateway-integration"]
            integration, _ = provisioners._apigw_v2_integration_create(logical_id, {
                "ApiId": api_id,
                "IntegrationType": described["type"].upper(),
                "IntegrationUri": described["uri"],
                "IntegrationMethod": described["httpMethod"],
                "PayloadFormatVersion": described["payloadFormatVersion"],
            }, stack)
            # SAM writes a scheme NONE, which nothing defines, where a route has no authorizer.
            schemes = [name for requirement in operation.get("security", []) for name in requirement]
            authorizer = next((authorizers[name] for name in schemes if name in authorizers), None)
            provisioners._apigw_v2_route_create(logical_id, {
                "ApiId": api_id,
                "RouteKey": f"{method.upper().replace('X-AMAZON-APIGATEWAY-ANY-METHOD', 'ANY')} {path}",
                "Target": f"integrations/{integration}",
                "AuthorizationType": "CUSTOM" if authorizer else "NONE",
                "AuthorizerId": authorizer,
            }, stack)


def execute_api_arn(api_id, suffix):
    return f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{api_id}/{suffix}"


@replaces(apigateway, "_invoke_lambda_proxy")
async def invoke_integration(original, integration, api_id, stage, path, method, headers, body, query_params,
                             route_key="$default", *rest, **keywords):
    """API Gateway invokes a function only if its policy lets the route do so; else the caller gets a 500."""
    verb, _, resource = route_key.partition(" ")
    source = execute_api_arn(api_id, f"{stage}/{verb}{resource}")
    function = apigateway._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
    if not may_invoke("apigateway.amazonaws.com", function, source):
        log.warning("API Gateway may not invoke %s for %s", function, source)
        return 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'
    return await original(integration, api_id, stage, path, method, headers, body, query_params, route_key, *rest,
                          **keywords)


@replaces(apigateway, "_invoke_request_authorizer_lambda")
async def invoke_authorizer(original, authorizer, event, account, region):
    """The same holds for authorizers."""
    function = apigateway._extract_lambda_ref_from_integration_uri(authorizer.get("authorizerUri", ""))
    source = execute_api_arn(event["requestContext"]["apiId"], f"authorizers/{authorizer['authorizerId']}")
    if not may_invoke("apigateway.amazonaws.com", function, source):
        log.warning("API Gateway may not invoke the authorizer %s", function)
        return None
    return await original(authorizer, event, account, region)


# ---- rights

@replaces(ministack.app, "pin_request_origin")
def pin_request_origin(original, source_ip, _secure):
    """aws:SecureTransport is true for whoever comes over TLS, as every SDK does."""
    original(source_ip, True)


@replaces(iam_actions, "request_tag_context")
def request_context(original, service, action, body, parameters):
    """STS knows in conditions to whom a token is to be, and for how long."""
    context = original(service, action, body, parameters)
    if action == "sts:GetWebIdentityToken":
        form = dict(urllib.parse.parse_qsl(body.decode()))
        context["sts:IdentityTokenAudience"] = [
            value for name, value in form.items() if name.startswith("Audience.member.")]
        context["sts:DurationSeconds"] = form.get("DurationSeconds", "300")
        context["sts:SigningAlgorithm"] = form.get("SigningAlgorithm", "")
    return context


@replaces(iam_actions, "dynamodb_service_context")
def dynamodb_context(original, body):
    context = original(body)
    call = json.loads(body or b"{}")
    written = [call] + [operation for item in call.get("TransactItems", []) for operation in item.values()]
    keys = {}
    for operation in written:
        item, table = operation.get("Key") or operation.get("Item"), dynamodb._tables.get(operation.get("TableName"))
        if item and table:
            keys.setdefault(operation["TableName"], []).extend(item[table["pk_name"]].values())
    context["emulator:keys"] = keys
    return context


@replaces(iam_evaluator, "enforce")
def enforce(original, access_key, action, service, region, resource_arn="*", service_context=None):
    """DynamoDB knows in conditions which partition keys of a table a call or a transaction is about."""
    context = dict(service_context or {})
    keys = context.pop("emulator:keys", {}).get(resource_arn.partition("/")[2].partition("/")[0])
    if service == "dynamodb" and keys:
        context["dynamodb:LeadingKeys"] = keys
    return original(access_key, action, service, region, resource_arn=resource_arn, service_context=context)


@replaces(iam_actions, "s3_additional_checks")
def s3_checks(original, method, path, headers, body, query_params):
    """To put an object under a lock of its own takes a right of its own."""
    checks = original(method, path, headers, body, query_params)
    if method == "PUT" and headers.get("x-amz-object-lock-mode"):
        bucket, _, key = path.lstrip("/").partition("/")
        checks.append(("s3:PutObjectRetention", f"arn:aws:s3:::{bucket}/{urllib.parse.unquote(key)}"))
    return checks


@replaces(ministack.app, "_enforce_ses_v2")
def enforce_ses(_original, method, path, headers, body, query_params, request_id):
    """SES knows in conditions who the sender is, and checks a sending against the sender's identity: the address that
    was verified, or its domain."""
    app = ministack.app
    action = iam_actions.extract_iam_action("ses", method, path, headers, body, query_params)
    if not app.AUTH or action is None:
        return None
    region, context = app.extract_region(headers, query_params), {}
    resource = iam_actions.extract_resource_arn(
        "ses", method, path, headers, body, query_params, region, get_account_id())
    if action == "ses:SendEmail":
        sender = json.loads(body).get("FromEmailAddress", "")
        context["ses:FromAddress"] = re.sub(r"^.*<(.*)>$", r"\1", sender)
        resource = f"arn:aws:ses:{region}:{get_account_id()}:identity/{context['ses:FromAddress'].partition('@')[2]}"
    return app._enforce_data_plane(
        "sesv2", action, headers, query_params, request_id, resource_arn=resource, service_context=context,
        named_resource=resource)


# ---- STS

@replaces(sts, "handle_request")
async def sts_request(original, method, path, headers, body, query_params):
    """GetWebIdentityToken gives a token that AWS signs and Chainguard trusts: the stand-in for Chainguard signs it."""
    form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"))) if isinstance(body, bytes) else {}
    if form.get("Action") != "GetWebIdentityToken":
        return await original(method, path, headers, body, query_params)
    return await asyncio.to_thread(web_identity_token, form)


def web_identity_token(form):
    wanted = {"audience": form["Audience.member.1"], "seconds": form.get("DurationSeconds", "300")}
    url = f"{os.environ['EMULATOR_TOKENS']}?{urllib.parse.urlencode(wanted)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        token = answer.read().decode()
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + int(wanted["seconds"])))
    return sts._xml(200, "GetWebIdentityTokenResponse",
                    f"<GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken>"
                    f"<Expiration>{until}</Expiration></GetWebIdentityTokenResult>", ns="sts")


# ---- TLS before the stand-ins

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def terminate_tls(fronts):
    """The template takes https addresses alone, as there are no others outside."""

    def to(port):
        async def forward(reader, writer):
            try:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                writer.close()
                return
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        return forward

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{FOLDER}/server.pem", f"{FOLDER}/server-key.pem")
    for listen, connect in fronts:
        await asyncio.start_server(to(connect), "127.0.0.1", listen, ssl=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    fronts = json.loads(os.environ["EMULATOR_TLS"])
    threading.Thread(target=asyncio.run, args=(terminate_tls(fronts),), daemon=True).start()
    sys.exit(ministack.app.main())
