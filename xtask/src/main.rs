//! The project's own checks: `cargo xtask ci` runs everything that `.ci/run` asks of a change, `cargo xtask tidy` only the
//! rules about the tree that no other tool knows.
//!
//! What a step runs is in `ci.rs`, the pinned outside tools are in `tools.rs`, and each rule about the tree is a file in
//! `tidy/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the checks speak to whoever runs them")]

mod ci;
mod fuzz;
mod run;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy              the rules about the tree
       cargo xtask docs              writes the generated documents again
       cargo xtask ci [STEP|GROUP]…  the checks in their order; without a name all of them";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["tidy"] => tidy::check(&root()),
        ["docs"] => ci::write_docs(&root()),
        ["ci", names @ ..] => ci::run(&root(), names),
        _ => {
            eprintln!("{USAGE}\n\n{}", ci::list());
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository").to_path_buf()
}
