//! The outside tools that the checks need beyond Rust's own, in pinned versions.
//!
//! A tool that is on the path in its pinned version is taken as it is; else it is built once into the target directory, and
//! never into the home of whoever runs the checks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// A cargo subcommand and the version that the checks were written for.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Licences, sources and bans of the dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Dependencies that nothing uses.
pub(crate) const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };

/// Runs the fuzz targets.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// Where the tool is; installs it if it is missing.
    pub(crate) fn path(&self, root: &Path) -> anyhow::Result<PathBuf> {
        let own = run::target_dir(root).join("tools");
        let built = own.join("bin").join(self.name);
        for path in [PathBuf::from(self.name), built.clone()] {
            if self.is_at(&path) {
                return Ok(path);
            }
        }
        let package = format!("{}@{}", self.name, self.version);
        let own_text = own.to_string_lossy();
        // Not optimised: it runs for seconds, and would be built for minutes.
        run::succeed(&mut run::cargo(
            root,
            &["install", "--debug", "--locked", "--quiet", "--force", "--root", &own_text, &package],
        ))?;
        Ok(built)
    }

    fn is_at(&self, path: &Path) -> bool {
        // All of them print a line with the number.
        let Ok(output) = Command::new(path).arg("--version").output() else { return false };
        String::from_utf8_lossy(&output.stdout)
            .split_whitespace()
            .any(|word| word.trim_start_matches('v') == self.version)
    }
}
