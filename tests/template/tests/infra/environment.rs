//! What the functions read from their environment, and what the template gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::deployed::{ROOT, deployed, entries, nothing_wrong, read};

/// Variables that no code of ours reads, and why they are there.
const READ_BY_OTHERS: &[(&str, &str)] = &[(
    "SSL_CERT_FILE",
    "the TLS stack reads it: one bundle loads in a third of the time that single certificates take",
)];

/// Where in `shared/lambda` variables are read, and how a function, or another of these files, says that it takes part.
const SHARED: &[(&str, Caller)] = &[
    ("shared/lambda/src/logging.rs", Caller::EveryFunction),
    ("shared/lambda/src/policy.rs", Caller::WhoeverCalls("policy::load(")),
    ("shared/lambda/src/settings.rs", Caller::WhoeverCalls("settings::load(")),
];

enum Caller {
    EveryFunction,
    WhoeverCalls(&'static str),
}

/// The variables that are read, and whether each has to be set.
type Reads = BTreeMap<String, bool>;

/// The sources below a folder, tests apart, without white space.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut sources = BTreeMap::new();
    for path in entries(folder) {
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = read(&path).chars().filter(|character| !character.is_whitespace()).collect();
            sources.insert(path, text);
        }
    }
    sources
}

/// What `code` reads. `all` is the code of its whole crate, in which the constants are.
fn reads(code: &str, all: &str) -> Reads {
    let mut reads = Reads::new();
    for call in code.split("environment.").skip(1) {
        let Some((method, argument)) = call.split_once('(') else { continue };
        let needs = match method.split("::").next() {
            Some("required" | "parsed") => true,
            Some("optional") => false,
            _ => continue,
        };
        let argument = argument.split([')', ',']).next().unwrap();
        let variable = argument.trim_matches('"');
        let variable = if variable.len() < argument.len() { variable } else { constant(argument, all) };
        *reads.entry(variable.to_owned()).or_default() |= needs;
    }
    reads
}

fn constant<'a>(name: &str, all: &'a str) -> &'a str {
    let definition = all.split_once(&format!("const{name}:&str=\"")).map(|(_, rest)| rest);
    let value = definition.and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| {
        panic!("`{name}` is read from the environment: write the variable's name there or in a const")
    })
}

/// What each function reads, by its crate's name.
fn read_by_functions(crates: impl Iterator<Item = String>) -> BTreeMap<String, Reads> {
    let root = Path::new(ROOT);
    let mut by_function = BTreeMap::new();
    for name in crates {
        let code: String = sources(&root.join("functions").join(&name).join("src")).into_values().collect();
        let shared = |file: &str| read(&root.join(file)).split_whitespace().collect();
        by_function.insert(name, reads_with_shared(&code, SHARED, shared));
    }
    by_function
}

/// What `code` reads itself and through the files of `known` that it takes part in, straight or by way of another.
fn reads_with_shared(code: &str, known: &[(&str, Caller)], shared: impl Fn(&str) -> String) -> Reads {
    let mut all = reads(code, code);
    let mut reached = vec![code.to_owned()];
    let mut rest: Vec<&(&str, Caller)> = known.iter().collect();
    let takes_part = |caller: &Caller, code: &str| match caller {
        Caller::EveryFunction => true,
        Caller::WhoeverCalls(call) => code.contains(call),
    };
    while let Some(code) = reached.pop() {
        let found: Vec<_> = rest.extract_if(.., |(_, caller)| takes_part(caller, &code)).collect();
        for (file, _) in found {
            let shared = shared(file);
            for (variable, is_needed) in reads(&shared, &shared) {
                *all.entry(variable).or_default() |= is_needed;
            }
            reached.push(shared);
        }
    }
    all
}

#[test]
fn shared_code_reads_variables_only_where_these_tests_look() {
    for (path, code) in sources(&Path::new(ROOT).join("shared")) {
        let is_known = SHARED.iter().any(|(file, _)| path.ends_with(file));
        let found = if is_known { Reads::new() } else { reads(&code, &code) };
        assert!(found.is_empty(), "{}: {:?}: add the file to SHARED", path.display(), found.keys());
    }
}

#[test]
fn a_function_has_the_variables_that_it_reads_and_none_is_spare() {
    let deployed = deployed();
    let functions = deployed.functions();
    let reads = read_by_functions(functions.keys().map(|&name| name.to_owned()));
    let global = &deployed.raw["Globals"]["Function"]["Environment"]["Variables"];
    let mut problems = Vec::new();
    for (id, _) in deployed.of_type("AWS::Serverless::Function") {
        let name = deployed.crate_of(id);
        // Also those that it is given in some deployments only.
        let own = &deployed.written["Resources"][id]["Properties"]["Environment"]["Variables"];
        let given: BTreeSet<&str> = [global, own]
            .into_iter()
            .filter_map(|of| of.as_object())
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        for (variable, is_needed) in &reads[name] {
            if !given.contains(variable.as_str()) {
                problems.push(format!("{id}: functions/{name} reads {variable}: add it to its Environment"));
            } else if *is_needed && functions[name].environment.get(variable).is_none_or(String::is_empty) {
                problems.push(format!("{id}: functions/{name} does not start without {variable}: it must have a value whatever the parameters"));
            }
        }
        for variable in given {
            let is_read =
                reads[name].contains_key(variable) || READ_BY_OTHERS.iter().any(|(name, _)| *name == variable);
            if !is_read {
                problems.push(format!("{id}: functions/{name} does not read {variable}: take it out"));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn reads_are_found_however_they_are_written() {
    let code = "constA:&str=\"FIRST\";fnf(){environment.required(A)?;environment.parsed::<Url>(\"SECOND\")?;environment.optional(\"THIRD\");record.environment.as_str()}";
    let expected = [("FIRST", true), ("SECOND", true), ("THIRD", false)].map(|(name, needs)| (name.to_owned(), needs));
    assert_eq!(reads(code, code), Reads::from(expected));
}

#[test]
fn what_shared_code_reads_counts_for_whoever_calls_it_also_by_way_of_other_shared_code() {
    let known = [("one.rs", Caller::WhoeverCalls("one(")), ("two.rs", Caller::WhoeverCalls("two("))];
    let shared = |file: &str| match file {
        "one.rs" => "fnone(){environment.optional(\"ONE\")}".to_owned(),
        _ => "fntwo(){environment.required(\"TWO\")?;super::one()}".to_owned(),
    };
    let reads = |code: &str| reads_with_shared(code, &known, shared);
    let one = ("ONE".to_owned(), false);
    assert_eq!(reads("shared::two()"), Reads::from([one.clone(), ("TWO".to_owned(), true)]));
    assert_eq!(reads("shared::one()"), Reads::from([one]));
    assert_eq!(reads(""), Reads::new());
}
