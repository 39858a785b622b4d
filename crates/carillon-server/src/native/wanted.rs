//! An account as a call wants it, held to the rules by which backends create accounts: so a backend can name, show and change
//! whatever was made here.

use carillon_core::AccountId;
use carillon_core::command::CreateAccount;
use carillon_core::model::{App, Gender, Profile, Secret};
use serde::Deserialize;

use crate::netease::{self, chars_max};

/// The keys of a body. An empty text is as good as none; a gender of 0 is one.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    account: String,
    token: Option<String>,
    name: String,
    icon: String,
    sign: String,
    email: String,
    birth: String,
    mobile: String,
    gender: Option<u64>,
    ex: String,
}

impl Wanted {
    /// Whether the gender is wanted to be what it says, also where it says that it is unknown.
    pub(super) fn gives_gender(&self) -> bool {
        self.gender.is_some()
    }

    /// # Errors
    /// Says which rule is broken, in words for people. Values are not quoted: one of them is a secret.
    pub(super) fn command(self, app: &App) -> Result<CreateAccount, String> {
        let Self { account, token, name, icon, sign, email, birth, mobile, gender, ex } = self;
        let id = new_account_id(app, &account)?;
        let token = at_most("token", chars_max::TOKEN, token.unwrap_or_default())?;
        let profile = Profile {
            name: at_most("name", chars_max::NAME, name)?,
            icon: at_most("icon", chars_max::ICON, icon)?,
            sign: at_most("sign", chars_max::SIGN, sign)?,
            email: at_most("email", chars_max::EMAIL, email)?,
            birth: at_most("birth", chars_max::BIRTH, birth)?,
            mobile: at_most("mobile", chars_max::MOBILE, mobile)?,
            gender: match gender.unwrap_or(0) {
                0 => Gender::Unknown,
                1 => Gender::Male,
                2 => Gender::Female,
                3.. => return Err("`gender`: must be 0, 1 or 2".to_owned()),
            },
            ex: at_most("ex", chars_max::EX, ex)?,
            ..Profile::default()
        };
        let token = (!token.is_empty()).then(|| Secret::new(token));
        Ok(CreateAccount { id, token, profile })
    }
}

/// A name that the app's backends can use.
fn new_account_id(app: &App, text: &str) -> Result<AccountId, String> {
    if app.folds_case() {
        let id = netease::account_id(text);
        return id.ok_or_else(|| "`account`: must be 1 to 32 letters, digits and _ @ . -".to_owned());
    }
    app.account_id(text).map_err(|error| format!("`account`: the name {error}"))
}

pub(super) fn at_most(key: &str, chars_max: usize, text: String) -> Result<String, String> {
    if text.chars().count() > chars_max {
        return Err(format!("`{key}`: must have at most {chars_max} characters"));
    }
    Ok(text)
}
