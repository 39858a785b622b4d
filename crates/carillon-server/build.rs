//! Finds the commit for `carillon --version`: from `CARILLON_COMMIT`, else from git, else `unknown`. Never fails a build.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=CARILLON_COMMIT");
    let given = std::env::var("CARILLON_COMMIT").ok().filter(|it| !it.trim().is_empty());
    let commit = given.or_else(commit_of_git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=CARILLON_COMMIT={}", commit.trim());
}

fn commit_of_git() -> Option<String> {
    // The log of HEAD grows with every commit, checkout and rebase; HEAD itself names only the branch.
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", path]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
