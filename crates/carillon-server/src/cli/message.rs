//! `carillon message`: what became of each copy of a message.

use serde::Deserialize;
use serde_json::Value;

use super::admin::Admin;
use super::out;
use super::place::Place;

#[derive(clap::Args)]
pub(super) struct Message {
    /// The message's id, or that of one of its copies
    id: u64,
    /// Print the record as the native API has it, in one line
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Record {
    id: u64,
    app: Option<String>,
    room: Option<u64>,
    #[serde(default)]
    broadcast: bool,
    sender: Option<String>,
    time_ms: u64,
    complete: bool,
    counts: Counts,
    sender_copy: Option<Copy>,
    copies: Vec<Copy>,
}

#[derive(Deserialize)]
pub(super) struct Counts {
    audience: usize,
    delivered: usize,
    stored: usize,
    /// In the order of the names.
    dropped: std::collections::BTreeMap<String, usize>,
    unknown: usize,
}

#[derive(Deserialize)]
struct Copy {
    id: Option<u64>,
    account: Option<String>,
    fate: String,
    reason: Option<String>,
}

impl Message {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let admin = Admin::open(place).await?;
        let record = admin.get::<Value>(&format!("/messages/{}", self.id)).await;
        admin.close().await;
        let record = record?;
        if self.json {
            return out::line(record);
        }
        print(&serde_json::from_value(record)?)
    }
}

fn print(record: &Record) -> anyhow::Result<()> {
    let Record { id, app, room, broadcast, sender, time_ms, complete, counts, sender_copy, copies } = record;
    let app = app.as_deref().unwrap_or("(gone)");
    let room = room.map(|room| format!(" to room {room}")).unwrap_or_default();
    let kind = if *broadcast { "broadcast" } else { "message" };
    let of = sender.as_ref().map(|sender| format!(" of {sender}")).unwrap_or_default();
    out::line(format_args!("{kind} {id}{of}{room} in app {app}, {time_ms} ms after 1970"))?;
    out::line(counts.in_words())?;
    let own = sender_copy.iter().map(|copy| (copy, " (own)"));
    let all: Vec<_> = copies.iter().map(|copy| (copy, "")).chain(own).collect();
    let width = all.iter().map(|(copy, mark)| copy.account().len() + mark.len()).max().unwrap_or_default();
    for (copy, mark) in all {
        let account = format!("{}{mark}", copy.account());
        let reason = copy.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let id = copy.id.unwrap_or(*id);
        out::line(format_args!("{id}  {account:width$}  {}{reason}", copy.fate))?;
    }
    if !complete {
        out::note("not complete: it was sent just now, or the server was stopped before it wrote who got it at once");
    }
    Ok(())
}

impl Copy {
    fn account(&self) -> &str {
        self.account.as_deref().unwrap_or("(gone)")
    }
}

impl Counts {
    pub(super) fn in_words(&self) -> String {
        let Self { audience, delivered, stored, dropped, unknown } = self;
        let mut parts = vec![format!("{delivered} delivered"), format!("{stored} stored")];
        let dropped = dropped.iter().filter(|(_, copies)| **copies > 0);
        parts.extend(dropped.map(|(reason, copies)| format!("{copies} dropped ({reason})")));
        if *unknown > 0 {
            parts.push(format!("{unknown} unknown"));
        }
        format!("{audience} copies = {}", parts.join(" + "))
    }
}
