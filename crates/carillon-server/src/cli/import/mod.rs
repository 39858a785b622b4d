//! `carillon import`: what a backend brings along when it moves here.
//!
//! The file goes through as a stream: lines become batches of bounded size, a few batches are under way at a time, and what
//! became of each line is told in the order of the file. Started again, it finds done what was done.

mod batches;
mod entry;
mod objects;
mod quotes;
mod repeats;
mod report;
mod source;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use self::batches::{Batch, Batches};
use self::report::Report;
use self::source::Source;
use super::Outcome;
use super::admin::{Admin, segment};
use super::out;
use super::place::Place;
use crate::native::batch;

/// Calls under way: while the server syncs one, it reads the next.
const CALLS_AT_ONCE: usize = 4;

#[derive(Subcommand)]
pub(super) enum Import {
    /// Create the accounts of a file, and print the tokens that were made for those that bring none
    ///
    /// The file is CSV, whose first line names the fields, or holds one JSON object in each line. The fields are those of the
    /// NetEase call user/create: accid, and any of token, name, icon, sign, email, birth, mobile, gender, ex.
    Accounts(Accounts),
}

#[derive(clap::Args)]
pub(super) struct Accounts {
    /// The file; `-` is standard input
    file: PathBuf,
    /// The app; may be left out where there is one
    #[arg(long)]
    app: Option<String>,
    /// Change accounts that exist already to what the file says; without it they are left alone, and reported
    #[arg(long)]
    update: bool,
    /// Where to write which lines were refused and why, instead of standard error
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
}

impl Import {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let Self::Accounts(accounts) = self;
        if accounts.refused.as_deref().is_some_and(|refused| are_same(&accounts.file, refused)) {
            bail!("--refused names the file that is imported, and would empty it: name another one");
        }
        let source = Source::open(&accounts.file)?;
        let admin = Admin::open(place).await?;
        let done = accounts.on(&admin, source).await;
        admin.close().await;
        done
    }
}

impl Accounts {
    async fn on(self, admin: &Admin, source: Source) -> anyhow::Result<Outcome> {
        let app = admin.app(self.app).await?;
        let folds_case = admin.folds_case(&app).await?;
        let mut report = Report::new(source.bytes, self.refused.as_deref())?;
        let bar = report.bar.clone();
        let warn = move |line, first| {
            bar.suspend(|| {
                out::note(format_args!("line {line}: this account differs from that of line {first} in case only"));
            });
        };
        let batches = Batches::new(source.lines(&report.bar)?, folds_case, Box::new(warn));
        let path = format!("/apps/{}/accounts/batch", segment(&app));
        let call = |batch| call(admin, &path, batch, self.update);
        let mut answers = stream::iter(batches).map(call).buffered(CALLS_AT_ONCE);
        let mut ended = Ok(());
        while let Some(answer) = answers.next().await {
            ended = answer.and_then(|outcomes| report.add(outcomes));
            if ended.is_err() {
                break;
            }
        }
        let last = report.last_line;
        let outcome = report.end()?;
        ended.with_context(|| {
            format!("stopped after line {last}; started again, it finds done what was done, and goes on")
        })?;
        Ok(outcome)
    }
}

/// Whether both are one file; what is not there yet is no other one.
fn are_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The native API has one name of its own for a field of the file.
fn in_the_files_words(outcome: batch::Outcome) -> batch::Outcome {
    match outcome {
        batch::Outcome::Refused { detail } => {
            batch::Outcome::Refused { detail: detail.replace("`account`", "`accid`") }
        }
        other @ (batch::Outcome::Created(_)
        | batch::Outcome::Updated(_)
        | batch::Outcome::Unchanged(_)
        | batch::Outcome::Differs { .. }) => other,
    }
}

/// What became of each line of a batch.
async fn call(
    admin: &Admin,
    path: &str,
    batch: anyhow::Result<Batch>,
    update: bool,
) -> anyhow::Result<Vec<(u64, batch::Outcome)>> {
    let Batch { lines, entries, told } = batch?;
    let mut answers = if entries.is_empty() {
        Vec::new().into_iter()
    } else {
        let body = json!({ "accounts": entries, "update": update });
        let answers = admin.post::<batch::Answer>(path, body).await?.accounts;
        answers.into_iter().map(in_the_files_words).collect::<Vec<_>>().into_iter()
    };
    let outcome = |(line, refused): (u64, Option<String>)| {
        let mut outcome = refused.map(|detail| batch::Outcome::Refused { detail }).or_else(|| answers.next());
        if let Some(batch::Outcome::Created(settled)) = &mut outcome
            && told.contains(&line)
        {
            settled.resembles = None;
        }
        outcome.map(|outcome| (line, outcome)).context("the server answered for fewer accounts than it was sent")
    };
    lines.into_iter().map(outcome).collect()
}
