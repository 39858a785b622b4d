//! `carillon account`: who can send, receive and log in.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use super::admin::{Admin, segment};
use super::out;
use super::place::Place;

#[derive(Subcommand)]
pub(super) enum Account {
    /// Create an account, and print its static token
    Create {
        account: String,
        /// The app; may be left out where there is one
        #[arg(long)]
        app: Option<String>,
        /// What others see
        #[arg(long, default_value = "")]
        nick: String,
    },
    /// Print a token that the account can log in with: a JWT, as the app's backend would sign it
    Token {
        account: String,
        /// The app; may be left out where there is one
        #[arg(long)]
        app: Option<String>,
        /// How long the JWT is good for, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3_600, conflicts_with = "replace")]
        ttl: u64,
        /// Instead, replace the account's static token; the sessions of the old one end
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

impl Account {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let admin = Admin::open(place).await?;
        let done = self.on(&admin).await;
        admin.close().await;
        done
    }

    async fn on(self, admin: &Admin) -> anyhow::Result<()> {
        match self {
            Self::Create { account, app, nick } => {
                let app = admin.app(app).await?;
                let path = format!("/apps/{}/accounts", segment(&app));
                let made: Login = admin.post(&path, json!({ "account": account, "name": nick })).await?;
                out::line(made.token)?;
                out::note(format_args!(
                    "created in app {app}; above is its static token. Next: `carillon listen {account} --app {app}{}`",
                    admin.options()
                ));
                Ok(())
            }
            Self::Token { account, app, ttl, replace } => {
                let app = admin.app(app).await?;
                let token = if replace {
                    replaced(admin, &app, &account).await?
                } else {
                    jwt(admin, &app, &account, ttl).await?
                };
                out::line(token)
            }
        }
    }
}

/// A JWT of the account that is good for `ttl_s`.
pub(super) async fn jwt(admin: &Admin, app: &str, account: &str, ttl_s: u64) -> anyhow::Result<String> {
    let path = format!("/apps/{}/accounts/{}/jwt", segment(app), segment(account));
    Ok(admin.post::<Login>(&path, json!({ "ttl_s": ttl_s })).await?.token)
}

async fn replaced(admin: &Admin, app: &str, account: &str) -> anyhow::Result<String> {
    let path = format!("/apps/{}/accounts/{}/token", segment(app), segment(account));
    Ok(admin.post::<Login>(&path, json!({})).await?.token)
}
