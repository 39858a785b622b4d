//! Which of our crates may use which, and what the core may use at all: read from the manifests.
//!
//! A new arrow is a decision about the architecture: it is added here and in `ARCHITECTURE.md`, in a commit of its own.

use toml::Table;

use super::Problem;
use super::tree::Tree;

struct Arrows {
    from: &'static str,
    /// Ours that it may use.
    to: &'static [&'static str],
    /// Ours that its tests may use, too.
    tests_to: &'static [&'static str],
}

const ALL: &[&str] = &["carillon-core", "carillon-store", "carillon-gateway", "carillon-server"];

const ARROWS: &[Arrows] = &[
    Arrows { from: "carillon-core", to: &[], tests_to: &[] },
    Arrows { from: "carillon-store", to: &["carillon-core"], tests_to: &[] },
    // Knows sockets and bytes only.
    Arrows { from: "carillon-uring", to: &[], tests_to: &[] },
    // The gateway's tests need a store that calls it; the memory engine is one.
    Arrows { from: "carillon-gateway", to: &["carillon-core", "carillon-uring"], tests_to: &["carillon-store"] },
    Arrows { from: "carillon-server", to: &["carillon-core", "carillon-store", "carillon-gateway"], tests_to: &[] },
    Arrows { from: "carillon-testkit", to: ALL, tests_to: &[] },
    // Its binary is the server once more, so that cargo builds what the tests start as a process.
    Arrows {
        from: "carillon-tests",
        to: &["carillon-server"],
        tests_to: &["carillon-core", "carillon-store", "carillon-gateway", "carillon-testkit"],
    },
    // Outside of the workspace, and only names the functions that it feeds.
    Arrows { from: "carillon-fuzz", to: &["carillon-server", "carillon-store", "carillon-gateway"], tests_to: &[] },
    Arrows { from: "xtask", to: &[], tests_to: &[] },
];

/// All that the core may use of others: nothing that speaks HTTP, reads a clock, opens a socket or brings a runtime.
const CORE_USES: &[&str] = &["async-trait", "bytes", "rand", "regex", "thiserror", "tracing"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&["/Cargo.toml"]) {
        let manifest: Table = match file.text.parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                problems.push(Problem::new(&file.path, 1, format!("is no TOML: {error}")));
                continue;
            }
        };
        problems.extend(check_manifest(&manifest).into_iter().map(|text| Problem::new(&file.path, 1, text)));
    }
    problems
}

fn check_manifest(manifest: &Table) -> Vec<String> {
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or_default();
    let Some(arrows) = ARROWS.iter().find(|arrows| arrows.from == name) else {
        return vec![format!("the crate `{name}` has no arrows in xtask/src/tidy/arrows.rs")];
    };
    let mut problems = Vec::new();
    for (section, used) in dependencies(manifest) {
        let ours = used == "xtask" || used.starts_with("carillon-");
        let in_tests = section == "dev-dependencies";
        if ours && !arrows.to.contains(&used.as_str()) && !(in_tests && arrows.tests_to.contains(&used.as_str())) {
            problems.push(format!("[{section}] {name} may not use {used}: see xtask/src/tidy/arrows.rs"));
        }
        if !ours && !in_tests && name == "carillon-core" && !CORE_USES.contains(&used.as_str()) {
            problems.push(format!("[{section}] the core may not use {used}: see xtask/src/tidy/arrows.rs"));
        }
    }
    problems
}

/// Each dependency with its section, the sections of single platforms included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let tables = platforms.into_iter().flat_map(Table::values).filter_map(toml::Value::as_table);
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(tables) {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(entries) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for (key, value) in entries {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                found.push((section, package.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(manifest: &str) -> usize {
        check_manifest(&manifest.parse().unwrap()).len()
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let manifest =
            "[package]\nname = \"carillon-store\"\n[dependencies]\ncarillon-core = {}\ncarillon-server = {}\n";
        assert_eq!(problems_of(manifest), 1);
    }

    #[test]
    fn an_arrow_is_found_under_another_name_and_for_one_platform() {
        let package = "[package]\nname = \"carillon-core\"\n";
        assert_eq!(problems_of(&format!("{package}[dependencies]\nstore = {{ package = \"carillon-store\" }}\n")), 1);
        assert_eq!(problems_of(&format!("{package}[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n")), 1);
    }

    #[test]
    fn only_tests_of_the_gateway_may_use_the_store() {
        let package = "[package]\nname = \"carillon-gateway\"\n";
        assert_eq!(problems_of(&format!("{package}[dev-dependencies]\ncarillon-store = {{}}\n")), 0);
        assert_eq!(problems_of(&format!("{package}[dependencies]\ncarillon-store = {{}}\n")), 1);
    }
}
