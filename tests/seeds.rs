//! Replays the seeds of the fuzz targets through what the targets run: without a fuzzer, a nightly compiler, or time. An
//! input that once failed is a seed, too.
#![expect(clippy::unwrap_used, reason = "a test's panic is its failure")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carillon_gateway::fuzzing as gateway;
use carillon_server::netease::fuzzing as netease;
use carillon_server::tencent::fuzzing as tencent;
use carillon_store::fuzzing as store;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 14] = [
    ("antispam_customs", netease::antispam_custom),
    ("calls", netease::call),
    ("elements", gateway::element),
    ("fields", netease::fields),
    ("forms", netease::form),
    ("frames", gateway::frames),
    ("journals", store::journal),
    ("json_commands", gateway::json_commands),
    ("message_bodies", tencent::message_body),
    ("message_lists", netease::message_list),
    ("protobuf_commands", gateway::protobuf_commands),
    ("records", store::record),
    ("tag_expressions", netease::tag_expression),
    ("usersigs", tencent::usersig),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz")
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_of_a_fuzz_target_passes() {
    for (target, run) in TARGETS {
        let folder = fuzz().join("seeds").join(target);
        for name in names_in(&folder) {
            let seed = folder.join(name);
            // Shown if it fails; the last one is the one.
            println!("{}", seed.display());
            run(&std::fs::read(seed).unwrap());
        }
    }
}

#[test]
fn every_fuzz_target_has_seeds_that_are_replayed() {
    let targets: BTreeMap<_, _> = TARGETS.into();
    let expected: Vec<String> = targets.into_keys().map(str::to_owned).collect();
    assert_eq!(names_in(&fuzz().join("fuzz_targets")), expected);
    assert_eq!(names_in(&fuzz().join("seeds")), expected);
}
