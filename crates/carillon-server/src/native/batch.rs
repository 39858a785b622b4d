//! Many accounts in one call: each entry is answered on its own, in the order of the call.
//!
//! Invariant: the call may be repeated. What a first one did counts as unchanged then, and tokens that it made are told again.

use std::collections::{HashMap, hash_map};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use carillon_core::AccountId;
use carillon_core::command::{AccountChange, CreateAccount, ProfileChange};
use carillon_core::decide::Refusal;
use carillon_core::model::{Account, App, Secret};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Native;
use super::body::{self, Body};
use super::path::Path;
use super::wanted::Wanted;
use crate::http::problem::Problem;

/// Entries of one call. They fit into the store's queue of writes as it is by default, with room for other callers.
pub(crate) const ENTRIES_MAX: usize = 500;

/// Entries that are written at once: as many as share a sync by default (`group_writes_max`).
const AT_ONCE: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// Read one by one, so that a malformed entry is no other one's matter.
    accounts: Vec<Box<RawValue>>,
    /// Whether accounts that exist are changed to what is wanted.
    #[serde(default)]
    update: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) accounts: Vec<Outcome>,
}

/// What became of an entry.
#[derive(Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(crate) enum Outcome {
    Created(Settled),
    Updated(Settled),
    /// There is such an account, and all that was wanted is so already.
    Unchanged(Settled),
    /// There is such an account, and it was left alone: these keys have other values.
    Differs {
        account: String,
        keys: Vec<String>,
    },
    Refused {
        detail: String,
    },
}

/// An account as it is now.
#[derive(Serialize, Deserialize)]
pub(crate) struct Settled {
    /// Its name as it is kept.
    pub(crate) account: String,
    /// Its token, where the entry gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Of one that was created: an account that there was, and whose name differs from its in case only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resembles: Option<String>,
}

/// What a well-formed entry wants.
struct Wish {
    command: CreateAccount,
    gives_gender: bool,
}

struct Entry {
    wanted: Wish,
    known: Option<Account>,
    resembles: Option<AccountId>,
}

pub(super) async fn run(
    State(native): State<Arc<Native>>,
    Path(app): Path<String>,
    Body(Batch { accounts, update }): Body<Batch>,
) -> Result<Json<Answer>, Problem> {
    let app = native.app(&app)?;
    if accounts.len() > ENTRIES_MAX {
        return Err(Problem::bad_request(format!("`accounts`: at most {ENTRIES_MAX} go into one call")));
    }
    if app.settings.disabled {
        return Err(Refusal::AppDisabled.into());
    }
    let wanted = read(&app, &accounts);
    let ids: Vec<AccountId> = wanted.iter().flatten().map(|it| it.command.id.clone()).collect();
    let mut known = native.pipeline.store.accounts(app.id, &ids).await?.into_iter();
    let mut others = native.pipeline.store.in_another_case(app.id, &ids).await?.into_iter();
    let mut entry = |wanted| {
        let (known, resembles) = (known.next().flatten(), others.next().flatten());
        Entry { wanted, known, resembles }
    };
    let entries: Vec<Result<Entry, String>> = wanted.into_iter().map(|it| it.map(&mut entry)).collect();
    let settle = Settle { native: &native, app: &app, update };
    // At once, because the writer syncs together what waits together.
    let outcomes = stream::iter(entries).map(|entry| settle.entry(entry)).buffered(AT_ONCE).try_collect();
    let accounts = outcomes.await.map_err(broken_off)?;
    Ok(Json(Answer { accounts }))
}

/// What each entry wants. An account that an earlier entry names is refused: of two that run at once, either could win.
fn read(app: &App, entries: &[Box<RawValue>]) -> Vec<Result<Wish, String>> {
    let mut seen: HashMap<AccountId, usize> = HashMap::new();
    let mut one = |(entry, n): (&str, usize)| {
        let wanted: Wanted =
            body::object(entry.as_bytes()).map_err(|reason| format!("the entry is not what this takes: {reason}"))?;
        let gives_gender = wanted.gives_gender();
        let command = wanted.command(app)?;
        match seen.entry(command.id.clone()) {
            hash_map::Entry::Vacant(place) => {
                place.insert(n);
                Ok(Wish { command, gives_gender })
            }
            hash_map::Entry::Occupied(first) => {
                Err(format!("`account`: `{}` is named by entry {} already", command.id, first.get()))
            }
        }
    };
    entries.iter().map(|entry| entry.get()).zip(1..).map(&mut one).collect()
}

/// A call that did not come to its end, because an entry did not.
fn broken_off(refusal: Refusal) -> Problem {
    let mut problem = Problem::from(refusal);
    let others = "Others may be done: repeat the call, and they count as unchanged";
    problem.detail = format!("of one entry: {}. {others}", problem.detail);
    problem
}

struct Settle<'a> {
    native: &'a Native,
    app: &'a App,
    update: bool,
}

impl Settle<'_> {
    async fn entry(&self, entry: Result<Entry, String>) -> Result<Outcome, Refusal> {
        let Entry { wanted, known, resembles } = match entry {
            Ok(entry) => entry,
            Err(detail) => return Ok(Outcome::Refused { detail }),
        };
        if let Some(known) = known {
            return self.existing(wanted, known).await;
        }
        match self.native.pipeline.create_account(self.app, wanted.command.clone(), None).await {
            Ok(account) => {
                let resembles = resembles.map(|it| it.to_string());
                Ok(Outcome::Created(Settled { resembles, ..Settled::of(&wanted.command, &account) }))
            }
            Err(Refusal::AccountExists(id)) => {
                // Somebody else was quicker.
                let known = self.native.pipeline.store.account(self.app.id, &id).await?;
                self.existing(wanted, known.ok_or(Refusal::UnknownAccount(id))?).await
            }
            Err(refusal) => Err(refusal),
        }
    }

    async fn existing(&self, wanted: Wish, known: Account) -> Result<Outcome, Refusal> {
        let Difference { keys, token, profile } = Difference::between(&wanted, &known);
        if keys.is_empty() {
            return Ok(Outcome::Unchanged(Settled::of(&wanted.command, &known)));
        }
        if !self.update {
            let keys = keys.into_iter().map(str::to_owned).collect();
            return Ok(Outcome::Differs { account: known.id.to_string(), keys });
        }
        let mut account = known;
        if profile != ProfileChange::default() {
            account = self.change(&account.id, AccountChange::SetProfile(profile)).await?;
        }
        if let Some(token) = token {
            account = self.change(&account.id, AccountChange::SetToken(token)).await?;
        }
        Ok(Outcome::Updated(Settled::of(&wanted.command, &account)))
    }

    async fn change(&self, id: &AccountId, change: AccountChange) -> Result<Account, Refusal> {
        self.native.pipeline.change_account(self.app, id, change, None).await
    }
}

impl Settled {
    fn of(wanted: &CreateAccount, account: &Account) -> Self {
        let token = wanted.token.is_none().then(|| account.token.expose().to_owned());
        Self { account: account.id.to_string(), token, resembles: None }
    }
}

/// What an account lacks of what is wanted. What is not wanted by the entry may be anything.
#[derive(Default)]
struct Difference {
    keys: Vec<&'static str>,
    token: Option<Secret>,
    profile: ProfileChange,
}

impl Difference {
    fn between(Wish { command: wanted, gives_gender }: &Wish, known: &Account) -> Self {
        let mut keys = Vec::new();
        let token = wanted.token.clone().filter(|it| *it != known.token);
        keys.extend(token.is_some().then_some("token"));
        let (new, old) = (&wanted.profile, &known.profile);
        let mut text = |key, new: &String, old: &String| {
            let differs = !new.is_empty() && new != old;
            keys.extend(differs.then_some(key));
            differs.then(|| new.clone())
        };
        let mut profile = ProfileChange {
            name: text("name", &new.name, &old.name),
            icon: text("icon", &new.icon, &old.icon),
            sign: text("sign", &new.sign, &old.sign),
            email: text("email", &new.email, &old.email),
            birth: text("birth", &new.birth, &old.birth),
            mobile: text("mobile", &new.mobile, &old.mobile),
            gender: None,
            ex: text("ex", &new.ex, &old.ex),
            ..ProfileChange::default()
        };
        if *gives_gender && new.gender != old.gender {
            keys.push("gender");
            profile.gender = Some(new.gender);
        }
        Self { keys, token, profile }
    }
}
