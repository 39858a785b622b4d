//! `carillon app`: tenants and their secrets.

use std::io::{self, IsTerminal as _};

use anyhow::ensure;
use carillon_core::model::DevicePolicy;
use clap::{Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use super::admin::{Admin, segment};
use super::out;
use super::place::Place;
use crate::config::{NeteaseKeyConfig, TencentKeyConfig};

#[derive(Subcommand)]
pub(super) enum App {
    /// Create an app with fresh random secrets, and print them as they fit into carillon.toml
    Create {
        name: String,
        /// Lift every call limit: for benches and tests
        #[arg(long)]
        unlimited: bool,
        /// With credentials for the Tencent Chat dialect, too; its administrator is the account `administrator`
        #[arg(long)]
        tencent: bool,
        /// With how many devices an account may be online at a time
        #[arg(long, value_parser = DevicePolicy::ALL.map(DevicePolicy::name))]
        devices: Option<String>,
    },
    /// Change settings of an app; what is not given stays
    Set {
        name: String,
        /// With how many devices an account may be online at a time; holds from the next login on
        #[arg(long, value_parser = DevicePolicy::ALL.map(DevicePolicy::name))]
        devices: String,
    },
    /// List the apps, one in a line: name, dialects, and whether it is disabled
    List,
    /// Print an app's secrets, as they fit into carillon.toml
    Credentials { name: String },
    /// Replace a secret, and print all of them; the old one is void at once
    RotateSecret {
        name: String,
        /// Which secret
        #[arg(value_enum)]
        which: Which,
    },
    /// Remove an app for good: its accounts, tokens, inboxes, history, remembered requests and credentials
    Remove {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Which {
    /// What signs the JWTs of the app's users
    Token,
    /// What backends sign their NetEase calls with
    Netease,
    /// What signs the Tencent Chat calls of backends, and the logins of users
    Tencent,
}

#[derive(Deserialize)]
struct List {
    apps: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    dialects: Vec<String>,
    disabled: bool,
}

/// An app's secrets.
#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    pub(super) token_secret: String,
    pub(super) netease: Option<NeteaseKeyConfig>,
    pub(super) tencent: Option<TencentKeyConfig>,
}

impl App {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let makes = matches!(self, Self::Create { .. });
        let admin = if makes { Admin::open_or_make(place).await? } else { Admin::open(place).await? };
        let done = self.on(&admin).await;
        admin.close().await;
        done
    }

    async fn on(self, admin: &Admin) -> anyhow::Result<()> {
        match self {
            Self::Create { name, unlimited, tencent, devices } => {
                let limits = unlimited.then_some("unlimited");
                let tencent = tencent.then(|| json!({}));
                let wanted = json!({ "name": name, "limits": limits, "tencent": tencent, "devices": devices });
                let made: Credentials = admin.post("/apps", wanted).await?;
                made.print()?;
                made.tell_next(admin.options());
                Ok(())
            }
            Self::Set { name, devices } => {
                let path = format!("/apps/{}", segment(&name));
                let _: Listed = admin.patch(&path, json!({ "devices": devices })).await?;
                out::note("changed; who is online stays online");
                Ok(())
            }
            Self::List => {
                let list: List = admin.get("/apps").await?;
                for app in &list.apps {
                    let state = if app.disabled { "\tdisabled" } else { "" };
                    out::line(format_args!("{}\t{}{state}", app.name, app.dialects.join(",")))?;
                }
                if list.apps.is_empty() {
                    out::note(format_args!("no app; create one with `carillon app create NAME{}`", admin.options()));
                }
                Ok(())
            }
            Self::Credentials { name } => Credentials::of(admin, &name).await?.print(),
            Self::RotateSecret { name, which } => {
                let which = match which {
                    Which::Token => "token",
                    Which::Netease => "netease",
                    Which::Tencent => "tencent",
                };
                let path = format!("/apps/{}/rotate-secret", segment(&name));
                admin.post::<Credentials>(&path, json!({ "which": which })).await?.print()
            }
            Self::Remove { name, yes } => {
                // Before the question: there is no need to think about an app that is not there.
                Credentials::of(admin, &name).await?;
                ensure!(yes || is_confirmed(&name)?, "nothing was removed");
                admin.delete(&format!("/apps/{}", segment(&name))).await?;
                out::note(format_args!(
                    "removed app {name}; the server gives its disk space back over the next minutes. Where [[apps]] in \
                     carillon.toml names it, the next start makes it anew, with nothing in it"
                ));
                Ok(())
            }
        }
    }
}

/// Asks whoever is at the terminal.
fn is_confirmed(name: &str) -> anyhow::Result<bool> {
    ensure!(io::stdin().is_terminal(), "nobody is there to ask: say --yes to remove app {name} without a question");
    out::note(format_args!(
        "This removes app {name} for good, with all of its accounts, tokens, inboxes, history, remembered requests and \
         credentials; who is connected is cut off. Type its name to go on:"
    ));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == name)
}

impl Credentials {
    pub(super) async fn of(admin: &Admin, app: &str) -> anyhow::Result<Self> {
        admin.get(&format!("/apps/{}/credentials", segment(app))).await
    }

    /// What to do with a new app.
    fn tell_next(&self, options: &str) {
        let Self { name, tencent, .. } = self;
        out::note(format_args!("created; next: `carillon account create ACCOUNT --app {name}{options}`"));
        if tencent.is_some() {
            out::note(format_args!(
                "or, by Tencent Chat: `carillon call tencent im_open_login_svc/account_import '{{\"UserID\":\"ACCOUNT\"}}' --app \
                 {name}{options}`; a user logs in with `carillon usersig ACCOUNT --app {name}{options}`"
            ));
        }
    }

    fn print(&self) -> anyhow::Result<()> {
        out::line(format_args!("[[apps]]\nname = {:?}\ntoken_secret = {:?}", self.name, self.token_secret))?;
        if let Some(key) = &self.netease {
            out::line(format_args!("netease = {{ app_key = {:?}, app_secret = {:?} }}", key.app_key, key.app_secret))?;
        }
        if let Some(key) = &self.tencent {
            let TencentKeyConfig { sdk_app_id, secret_key, admins } = key;
            out::line(format_args!(
                "tencent = {{ sdk_app_id = {sdk_app_id}, secret_key = {secret_key:?}, admins = {admins:?} }}"
            ))?;
        }
        Ok(())
    }
}
