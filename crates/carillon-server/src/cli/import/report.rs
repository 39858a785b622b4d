//! What became of the lines: a bar while it goes on, the refused lines as they come, made tokens, and the sum of it all.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Outcome, out};
use crate::native::batch;

pub(super) struct Report {
    /// On standard error, and drawn only where that is a terminal.
    pub(super) bar: ProgressBar,
    /// The last line whose outcome is known.
    pub(super) last_line: u64,
    counts: Counts,
    /// Where refused lines go; else to standard error.
    refused: Option<BufWriter<File>>,
    /// Made tokens that are not printed yet: CSV, as an import takes it.
    tokens: String,
}

#[derive(Default)]
struct Counts {
    created: u64,
    updated: u64,
    unchanged: u64,
    /// There are such accounts, with other values.
    differing: u64,
    refused: u64,
    /// Tokens that were printed.
    tokens: u64,
}

impl Report {
    /// A report of a file of so many bytes.
    pub(super) fn new(bytes: Option<u64>, refused: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok::<_, anyhow::Error>(BufWriter::new(file))
        };
        let refused = refused.map(create).transpose()?;
        let tokens = "accid,token\n".to_owned();
        Ok(Self { bar: bar(bytes), last_line: 0, counts: Counts::default(), refused, tokens })
    }

    /// Takes the outcomes of the next lines, and tells what is to be told of them.
    pub(super) fn add(&mut self, outcomes: Vec<(u64, batch::Outcome)>) -> anyhow::Result<()> {
        for (line, outcome) in outcomes {
            self.last_line = line;
            self.add_one(line, outcome)?;
        }
        if self.counts.tokens > 0 {
            let tokens = std::mem::take(&mut self.tokens);
            // That nobody reads any more is no success, as it is of other commands: tokens are needed.
            let failed = |error| anyhow!("cannot print the tokens that were made: {error}");
            self.bar.suspend(|| out::text(&tokens)).map_err(failed)?;
        }
        self.bar.set_message(self.counts.text());
        Ok(())
    }

    fn add_one(&mut self, line: u64, outcome: batch::Outcome) -> anyhow::Result<()> {
        use batch::Outcome::{Created, Differs, Refused, Unchanged, Updated};
        let counts = &mut self.counts;
        let (count, settled) = match outcome {
            Created(settled) => (&mut counts.created, settled),
            Updated(settled) => (&mut counts.updated, settled),
            Unchanged(settled) => (&mut counts.unchanged, settled),
            Differs { account, keys } => {
                counts.differing += 1;
                let keys = keys.join(", ");
                return self.refuse(line, &format!("{account} exists with another {keys}; --update changes it"));
            }
            Refused { detail } => {
                counts.refused += 1;
                return self.refuse(line, &detail);
            }
        };
        *count += 1;
        let batch::Settled { account, token, resembles } = settled;
        if let Some(other) = resembles {
            self.bar.suspend(|| {
                out::note(format_args!("line {line}: {account} differs from {other}, which is there, in case only"));
            });
        }
        let Some(token) = token else { return Ok(()) };
        counts.tokens += 1;
        writeln!(self.tokens, "{},{}", quoted(&account), quoted(&token)).expect("a string takes every text");
        Ok(())
    }

    fn refuse(&mut self, line: u64, why: &str) -> anyhow::Result<()> {
        match &mut self.refused {
            Some(file) => writeln!(file, "line {line}: {why}").context("cannot write the refused lines"),
            None => {
                self.bar.suspend(|| out::note(format_args!("line {line}: {why}")));
                Ok(())
            }
        }
    }

    /// Says what it comes to; "no" where a line's account is not as the line wants it.
    pub(super) fn end(mut self) -> anyhow::Result<Outcome> {
        self.bar.finish_and_clear();
        if let Some(file) = &mut self.refused {
            file.flush().context("cannot write the refused lines")?;
        }
        out::note(self.counts.text());
        Ok(if self.counts.differing + self.counts.refused == 0 { Outcome::Done } else { Outcome::No })
    }
}

impl Counts {
    fn text(&self) -> String {
        let Self { created, updated, unchanged, differing, refused, tokens: _ } = self;
        format!("{created} created, {updated} updated, {unchanged} unchanged, {differing} differing, {refused} refused")
    }
}

/// A value of CSV.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

fn bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{bar:20} {percent:>3}% {wide_msg}"),
        None => (ProgressBar::no_length(), "{spinner} {wide_msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
}
