//! `carillon call`: one call of the server API, as an app's backend would make it.

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::admin::Admin;
use super::app::Credentials;
use super::backend::{self, Backend};
use super::place::Place;
use super::{Outcome, out, usersig};

#[derive(Subcommand)]
pub(super) enum Call {
    /// A call of the NetEase dialect; succeeds when the answer's code is 200
    Netease {
        /// What follows /nimserver/, as msg/sendBatchMsg.action
        path: String,
        /// Fields of the form, each as KEY=VALUE
        #[arg(value_name = "KEY=VALUE", value_parser = field)]
        fields: Vec<(String, String)>,
        /// The app; may be left out where there is one
        #[arg(long)]
        app: Option<String>,
        /// An id under which the call can be repeated, and is done once
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
    },
    /// A call of the Tencent Chat dialect; succeeds when the answer's ErrorCode is 0
    Tencent {
        /// What follows /v4/, as openim/sendmsg
        path: String,
        /// The body, which is a JSON object
        #[arg(default_value = "{}")]
        body: String,
        /// The app; may be left out where there is one
        #[arg(long)]
        app: Option<String>,
        /// The administrator who calls; the first one, if not given
        #[arg(long)]
        identifier: Option<String>,
    },
}

impl Call {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let admin = Admin::running(place).await?;
        let (base, _) = admin.addresses().await?;
        let (answer, is_done) = match self {
            Self::Netease { path, fields, app, request_id } => {
                let app = admin.app(app).await?;
                let key = Credentials::of(&admin, &app).await?.netease;
                let key = key.with_context(|| format!("app {app} has no credentials for the NetEase dialect"))?;
                let answer = Backend::new(base, key)?.call(&full(&path), &fields, request_id.as_deref()).await?;
                let is_done = backend::is_done(&answer);
                (answer, is_done)
            }
            Self::Tencent { path, body, app, identifier } => {
                let app = admin.app(app).await?;
                let key = usersig::key(&admin, &app).await?;
                let answer = usersig::call(&base, &key, &path, identifier.as_deref(), body).await?;
                let is_done = usersig::is_done(&answer);
                (answer, is_done)
            }
        };
        out::line(&answer)?;
        Ok(if is_done { Outcome::Done } else { Outcome::No })
    }
}

/// The path as the vendor's pages have it; what they have around it may be left out.
fn full(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("nimserver/").unwrap_or(path);
    if path.ends_with(".action") { path.to_owned() } else { format!("{path}.action") }
}

fn field(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("a field is KEY=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_given_with_or_without_what_is_always_around_it() {
        for path in ["msg/sendBatchMsg", "msg/sendBatchMsg.action", "/nimserver/msg/sendBatchMsg.action"] {
            assert_eq!(full(path), "msg/sendBatchMsg.action");
        }
    }

    #[test]
    fn a_field_ends_its_name_at_the_first_equals_sign() {
        assert_eq!(field("body={\"a\":\"b=c\"}").unwrap(), ("body".to_owned(), "{\"a\":\"b=c\"}".to_owned()));
        assert!(field("body").is_err());
    }
}
