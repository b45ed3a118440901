"""Deploys as README.md says, with `sam deploy`, and does what an operator does after that. Writes what there is then to
deployment.json in the folder that is its first argument."""

import json
import pathlib
import platform
import subprocess
import sys

import boto3
import tomlkit
from samcli.yamlhelper import yaml_parse

folder, chainguard_port, people_port, chainguard, people = sys.argv[1:]
folder = pathlib.Path(folder)
environment = "dev"

# The settings that the repository has for dev, with what is this machine's own.
settings = tomlkit.parse(pathlib.Path("samconfig.toml").read_text()).unwrap()
parameters = settings[environment]["global"]["parameters"]["parameter_overrides"]
parameters.update({
    "Organization": "acme",
    "TrustedIssuers": json.dumps([{"issuer": people, "audience": "cgr-request", "jwksUri": f"{people}/jwks.json"}]),
    "ChainguardApiUrl": chainguard,
    "ChainguardIssuerUrl": chainguard,
    "ChainguardCatalogUrl": f"{chainguard}/query",
    "Architecture": "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64",
})
config = folder / "samconfig.yaml"
config.write_text(json.dumps(settings))

subprocess.run(
    [
        pathlib.Path(sys.executable).parent / "sam", "deploy",
        "--config-file", config, "--config-env", environment, "--region", "us-east-1", "--no-progressbar",
        "--template-file", folder / "source/infra/template.yaml",
    ],
    check=True,
)

stack = settings[environment]["global"]["parameters"]["stack_name"]
cloudformation = boto3.client("cloudformation")
described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
resources = {}
for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
    for resource in page["StackResourceSummaries"]:
        resources[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]

routes = []
template = yaml_parse(pathlib.Path("infra/template.yaml").read_text())
for resource in template["Resources"].values():
    for event in resource.get("Properties", {}).get("Events", {}).values():
        if event["Type"] == "HttpApi":
            route = event["Properties"]
            routes.append({
                "method": route["Method"], "path": route["Path"],
                "authorized": route.get("Auth", {}).get("Authorizer") != "NONE",
            })

# What the setup guide has an operator do: verify the sender, and say who this is at Chainguard.
boto3.client("sesv2").create_email_identity(EmailIdentity=parameters["MailFrom"])
with open(folder / "credential.json", encoding="utf-8") as file:
    credential = file.read()
boto3.client("secretsmanager").put_secret_value(SecretId=outputs["ChainguardSecretArn"], SecretString=credential)
# Functions remember secrets for a minute, and schedules have started the steward already. One that is configured, if
# only as it was before, starts anew.
functions = boto3.client("lambda")
steward = functions.get_function_configuration(FunctionName=resources["StewardFunction"])
functions.update_function_configuration(
    FunctionName=resources["StewardFunction"], Environment={"Variables": steward["Environment"]["Variables"]})

with open(folder / "deployment.json", "w", encoding="utf-8") as file:
    json.dump({
        "stack": stack,
        "outputs": outputs,
        "resources": resources,
        "parameters": parameters,
        "routes": routes,
        "identity": json.loads(credential)["identity"],
        "chainguard": f"http://127.0.0.1:{chainguard_port}",
        "people": f"http://127.0.0.1:{people_port}",
    }, file, indent=2)
