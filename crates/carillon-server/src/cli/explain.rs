//! `carillon explain`: who would get a message to a room, and who would not, and why.

use anyhow::{bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::Admin;
use super::message::Counts;
use super::out;
use super::place::Place;

#[derive(clap::Args)]
pub(super) struct Explain {
    /// The room's number
    room: u64,
    /// Whose message it would be
    #[arg(long, value_name = "ACCOUNT")]
    from: String,
    /// The app; may be left out where there is one
    #[arg(long)]
    app: Option<String>,
    /// For these accounts only, with commas between them
    #[arg(long, value_name = "ACCOUNTS", value_delimiter = ',', conflicts_with_all = ["tags", "at"])]
    to: Vec<String>,
    /// For members whose tags match this expression
    #[arg(long, value_name = "EXPRESSION")]
    tags: Option<String>,
    /// Said at this point: two or three coordinates with commas between them
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',', num_args = 1, allow_hyphen_values = true)]
    at: Vec<f64>,
    /// With high priority
    #[arg(long)]
    high: bool,
    /// How many accounts are shown
    #[arg(long, value_name = "ACCOUNTS", default_value_t = 100)]
    limit: u64,
    /// Print the answer as the native API has it, in one line
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    counts: Counts,
    accounts: Vec<Account>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Account {
    account: Option<String>,
    #[serde(default)]
    anonymous: bool,
    connections: Vec<Connection>,
}

#[derive(Deserialize)]
struct Connection {
    device: Option<String>,
    fate: String,
    reason: Option<String>,
}

impl Explain {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let admin = Admin::running(place).await?;
        let answer = self.ask(&admin).await;
        admin.close().await;
        let answer = answer?;
        if self.json {
            return out::line(answer);
        }
        print(&serde_json::from_value(answer)?)
    }

    async fn ask(&self, admin: &Admin) -> anyhow::Result<Value> {
        let app = admin.app(self.app.clone()).await?;
        let mut body =
            json!({ "app": app, "room": self.room, "from": self.from, "high": self.high, "limit": self.limit });
        if !self.to.is_empty() {
            body["to"] = json!(self.to);
        }
        if let Some(tags) = &self.tags {
            body["tags"] = json!(tags);
        }
        if !self.at.is_empty() {
            body["at"] = point(&self.at)?;
        }
        admin.post("/explain", body).await
    }
}

fn point(at: &[f64]) -> anyhow::Result<Value> {
    // JSON has no words for the others.
    ensure!(at.iter().all(|it| it.is_finite()), "--at: a coordinate is a number such as 1.5");
    match *at {
        [x, y] => Ok(json!({ "x": x, "y": y, "z": 0.0 })),
        [x, y, z] => Ok(json!({ "x": x, "y": y, "z": z })),
        _ => bail!("--at: a point has two coordinates or three, with commas between them"),
    }
}

fn print(answer: &Answer) -> anyhow::Result<()> {
    let Answer { counts, accounts, next } = answer;
    out::line(counts.in_words())?;
    for Account { account, anonymous, connections } in accounts {
        for Connection { device, fate, reason } in connections {
            let account = account.as_deref().unwrap_or("(gone)");
            let anonymous = if *anonymous { " (anonymous)" } else { "" };
            let device = device.as_ref().map(|it| format!(" on {it}")).unwrap_or_default();
            let reason = reason.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
            out::line(format_args!("{account}{anonymous}{device}  {fate}{reason}"))?;
        }
    }
    if next.is_some() {
        out::note("there are more; --limit shows up to 1000, and the native API pages through all");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_two_or_three_numbers() {
        assert_eq!(point(&[1.0, 2.0]).unwrap(), json!({ "x": 1.0, "y": 2.0, "z": 0.0 }));
        assert_eq!(point(&[1.0, 2.0, 3.0]).unwrap(), json!({ "x": 1.0, "y": 2.0, "z": 3.0 }));
        for wrong in [&[1.0][..], &[1.0, 2.0, 3.0, 4.0], &[f64::NAN, 1.0], &[1.0, f64::INFINITY]] {
            assert!(point(wrong).unwrap_err().to_string().starts_with("--at: "), "{wrong:?}");
        }
    }
}
