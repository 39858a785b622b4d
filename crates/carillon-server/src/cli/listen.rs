//! `carillon listen`: connects as an account, and prints each message that arrives in one line.

use std::sync::Arc;

use serde_json::{Value, json};

use super::admin::Admin;
use super::place::Place;
use super::serve::Signals;
use super::user::{Login, News, User};
use super::{Outcome, out};

#[derive(clap::Args)]
pub(super) struct Listen {
    account: String,
    /// The app; may be left out where there is one
    #[arg(long)]
    app: Option<String>,
    /// The offset of the last message that is known already; without it, everything that is kept comes first
    #[arg(long, value_name = "OFFSET")]
    after: Option<u64>,
    /// What this device calls itself
    #[arg(long, default_value = "carillon-cli")]
    device: String,
    /// Print JSON, one object in a line: {"offset": …, "data": {…}}
    #[arg(long)]
    json: bool,
}

impl Listen {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let admin = Arc::new(Admin::running(place).await?);
        let app = admin.app(self.app.clone()).await?;
        let (_, gateway) = admin.addresses().await?;
        let mut data = json!({ "device": self.device });
        if let Some(after) = self.after {
            data["inbox"] = json!({ "offset": after });
        }
        let login = Login { admin, app, account: self.account.clone(), gateway: gateway.clone(), data };
        let signals = Signals::listen()?;
        let mut user = User::connect(login).await?;
        let outcome = tokio::select! {
            // Both may be dropped: the process is about to end.
            outcome = self.print(&mut user, &gateway) => outcome?,
            () = signals.first() => Outcome::Done,
        };
        user.close().await;
        Ok(outcome)
    }

    async fn print(&self, user: &mut User, gateway: &str) -> anyhow::Result<Outcome> {
        // The SDK tries for as long as the server is away: what it meets each time is told once.
        let mut told = None;
        loop {
            match user.next().await {
                News::Subscribed { position, some_are_gone } => {
                    if some_are_gone {
                        out::note("some messages are not kept any more, or came before; what is kept follows");
                    }
                    out::note(format_args!("listening as {}, after offset {}", self.account, position.offset));
                    told = None;
                }
                News::Lost { reason } => out::note(format_args!("the connection was lost ({reason}); trying again")),
                News::Failed { reason } if told.as_ref() == Some(&reason) => {}
                News::Failed { reason } => {
                    out::note(format_args!("no connection to {gateway} ({reason}); trying again"));
                    told = Some(reason);
                }
                News::Message { offset, data } if self.json => {
                    out::line(json!({ "offset": offset, "data": data }))?;
                }
                News::Message { offset, data } => out::line(one_line(offset, &data))?,
                // A note, as it is no message that is in the inbox: who reads the output as JSON would take it for one.
                News::Said { data } => out::note(printable(&format!("the server says: {data}"))),
                News::Ended { code, reason } => {
                    out::note(format_args!("the server ended the connection: {reason} ({code})"));
                    return Ok(Outcome::No);
                }
            }
        }
    }
}

/// A message for people: `#12 14:03:05 ann: hello`.
pub(super) fn one_line(offset: u64, data: &Value) -> String {
    let place = if offset == 0 { "#-".to_owned() } else { format!("#{offset}") };
    let who = match data["recipients"].as_array() {
        Some(recipients) => {
            format!("to {}", recipients.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
        }
        None => data["sender"]["account"].as_str().unwrap_or("?").to_owned(),
    };
    let what: Vec<String> = data["elements"].as_array().into_iter().flatten().map(element).collect();
    printable(&format!("{place} {} {who}: {}", time_of_day(&data["time"]), what.join(" ")))
}

fn element(element: &Value) -> String {
    let kind = element["type"].as_str().unwrap_or("?");
    match (kind, element["text"].as_str()) {
        ("text", Some(text)) => text.to_owned(),
        (_, Some(text)) => format!("[{kind}] {text}"),
        (_, None) => {
            let of = ["url", "title", "custom"].into_iter().map(|key| &element[key]).find(|value| !value.is_null());
            let of = of.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            format!("[{kind}] {}", of.unwrap_or_default())
        }
    }
}

/// Hours, minutes and seconds in UTC of a time in ms.
fn time_of_day(time_ms: &Value) -> String {
    let second = time_ms.as_u64().unwrap_or_default() / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// Without what would move a terminal's cursor, or worse: texts come from strangers.
fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{FFFD}' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_cannot_move_the_cursor() {
        let message = json!({
            "sender": {"account": "ann"}, "time": 1_700_000_000_000_u64,
            "elements": [{"type": "text", "text": "a\nb\u{1b}[2J"}],
        });
        assert_eq!(one_line(12, &message), "#12 22:13:20 ann: a\u{FFFD}b\u{FFFD}[2J");
    }

    #[test]
    fn a_senders_own_copy_names_who_it_went_to_and_other_elements_say_what_they_are() {
        let message = json!({
            "sender": {"account": "ann"}, "recipients": ["bob", "carl"], "time": 0,
            "elements": [{"type": "image", "url": "https://a/b.png"}],
        });
        assert_eq!(one_line(0, &message), "#- 00:00:00 to bob, carl: [image] https://a/b.png");
    }
}
