//! Which crate may know which.
//!
//! `functions`, `local`, `clients` → `shared/{aws,chainguard,lambda}` → `shared/domain`, and never back.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this crate is for tests: whatever is unexpected ends the test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The repository, from the package's folder, where Cargo runs tests.
const ROOT: &str = "../..";

/// What `shared/domain` must not have, itself or through others: I/O, time and randomness come in through its ports.
/// A name that ends in a dash or an underscore stands for all names that start so.
const IMPURE: &[&str] = &[
    "async-std",
    "aws-",
    "aws_",
    "axum",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "lambda-",
    "lambda_",
    "mio",
    "rand",
    "rand_core",
    "reqwest",
    "rustls",
    "smol",
    "time",
    "tokio",
    "tokio-",
    "ureq",
];

/// A crate of the workspace.
#[derive(Debug)]
struct Member {
    /// Its folder, from the repository: `shared/domain`.
    folder: String,
    /// The names of what it is built with.
    built_with: Vec<String>,
    /// The names of what its tests have besides.
    tested_with: Vec<String>,
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).arg("--offline").current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The workspace's crates, by name.
fn members() -> BTreeMap<String, Member> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let root = Path::new(metadata["workspace_root"].as_str().unwrap());
    let packages = metadata["packages"].as_array().unwrap();
    let members = packages.iter().map(|package| {
        let folder =
            Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().strip_prefix(root).unwrap();
        let dependencies = package["dependencies"].as_array().unwrap();
        let names = |is_dev: bool| {
            let of_kind = dependencies.iter().filter(move |dependency| (dependency["kind"] == "dev") == is_dev);
            of_kind.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
        };
        let member =
            Member { folder: folder.to_str().unwrap().to_owned(), built_with: names(false), tested_with: names(true) };
        (package["name"].as_str().unwrap().to_owned(), member)
    });
    members.collect()
}

/// What of the workspace a crate may be built with, by its folder.
fn may_use(folder: &str, other: &str) -> bool {
    let is_shared = ["shared/aws", "shared/chainguard", "shared/lambda"].contains(&other) || other == "shared/domain";
    match folder {
        "shared/domain" => false,
        "shared/aws" | "shared/chainguard" => other == "shared/domain",
        "shared/lambda" => ["shared/domain", "shared/aws"].contains(&other),
        // It runs the functions, and a Chainguard for whoever has none.
        "local" => is_shared || other.starts_with("functions/") || other == "tests/fake-chainguard",
        // The fake knows Chainguard's interface from its documentation, not from our client.
        "tests/fake-chainguard" => false,
        // It hears whatever is logged and knows nobody.
        "tests/captured-log" => false,
        "xtask" => !other.starts_with("tests/"),
        _ if folder.starts_with("functions/") || folder.starts_with("clients/") => is_shared,
        _ if folder.starts_with("tests/") => other != "xtask",
        _ => panic!("{folder}: say in `may_use` what it may depend on"),
    }
}

/// What of the workspace a crate's tests may use besides.
fn tests_may_use(folder: &str, other: &str) -> bool {
    let helps_tests = ["tests/captured-log", "tests/fake-chainguard"].contains(&other);
    let is_served = folder.starts_with("clients/") && other == "local";
    helps_tests && folder != "shared/domain" || is_served || may_use(folder, other)
}

#[test]
fn arrows_point_one_way() {
    let members = members();
    let mut problems = Vec::new();
    for member in members.values() {
        let member_of = |name: &String| members.get(name).map(|other| other.folder.as_str());
        let built = member.built_with.iter().filter_map(member_of).filter(|other| !may_use(&member.folder, other));
        let tested =
            member.tested_with.iter().filter_map(member_of).filter(|other| !tests_may_use(&member.folder, other));
        for other in built.chain(tested) {
            problems.push(format!("{} depends on {other}: move what they share towards shared/domain", member.folder));
        }
    }
    assert!(members.contains_key("domain") && members.contains_key("local"), "{:?}", members.keys());
    assert!(problems.is_empty(), "{problems:#?}");
}

fn is_impure(name: &str) -> bool {
    IMPURE.iter().any(|impure| name == *impure || impure.ends_with(['-', '_']) && name.starts_with(impure))
}

#[test]
fn the_domain_asks_for_nothing_impure() {
    let impure: Vec<String> = members()["domain"].built_with.iter().filter(|name| is_impure(name)).cloned().collect();
    assert!(impure.is_empty(), "shared/domain depends on {impure:?}: put a port into domain::ports instead");
}

/// Of the domain built by itself: in a build of the whole workspace another crate's features join in, such as those of
/// `uuid` that make random ids.
#[test]
fn nothing_impure_is_below_the_domain() {
    let tree =
        cargo(&["tree", "--package", "domain", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"serde") && names.contains(&"sha2"), "{tree}");
    let impure: Vec<&&str> = names.iter().filter(|name| is_impure(name)).collect();
    assert!(impure.is_empty(), "below shared/domain there is {impure:?}: `cargo tree -p domain -i <name>` says why");
}
