//! Creating and changing accounts.

use carillon_core::command::AccountChange;
use carillon_core::model::{Account, MutedIn};
use carillon_core::port::{CreateError, NewAccount, Remember, StoreError};
use carillon_core::{AccountId, AccountNo, AppId};

use crate::embedded::db::unknown;
use crate::embedded::format::{self, Tag, room};
use crate::embedded::group::Group;
use crate::embedded::record::{self, AccountRecord};
use crate::embedded::seal;

pub(crate) fn create(
    group: &mut Group<'_>,
    new: NewAccount,
    remember: Option<Remember<Account>>,
) -> Result<Account, CreateError> {
    let NewAccount { app, id, token, profile, created_ms } = new;
    group.check(app)?;
    if read(group, app, &id)?.is_some() {
        return Err(CreateError::Exists);
    }
    let serial_key = format::app(Tag::Serial, app);
    let serial = match group.rest(&serial_key)? {
        Some(value) => seal::open_number(&serial_key, &value)? + 1,
        None => 1,
    };
    let void = format::void(app, &id);
    let signed_since_ms = match group.rest(&void)? {
        Some(value) => {
            let since_ms = seal::open_number(&void, &value)?;
            group.remove_rest(void);
            since_ms
        }
        None => 0,
    };
    let no = AccountNo::new(app, serial);
    let account = Account {
        no,
        id,
        token,
        profile,
        blocked: false,
        muted: false,
        muted_in: MutedIn::default(),
        do_not_disturb: false,
        has_logged_in: false,
        signed_since_ms,
        created_ms,
    };
    let value = seal::seal(&serial_key, &serial.to_be_bytes());
    group.put_rest(serial_key, value);
    let index = format::by_account(Tag::AccountById, no);
    let value = seal::seal(&index, account.id.as_str().as_bytes());
    group.put_rest(index, value);
    if !account.id.is_folded() {
        set(group, format::folded_name(app, &account.id), true);
    }
    put(group, &account, false);
    group.remember(app, remember, &account);
    Ok(account)
}

pub(crate) fn change(
    group: &mut Group<'_>,
    app: AppId,
    id: &AccountId,
    change: AccountChange,
    remember: Option<Remember<Account>>,
) -> Result<Option<Account>, StoreError> {
    if group.check(app).is_err() {
        return Ok(None);
    }
    let Some(record) = read_record(group, app, id)? else { return Ok(None) };
    let mut has_blocklist = record.has_blocklist;
    let mut account = Account::try_from(record)?;
    match change {
        AccountChange::SetToken(token) => account.token = token,
        AccountChange::SetBlocked(blocked) => account.blocked = blocked,
        AccountChange::SetMuted(muted) => account.muted = muted,
        AccountChange::SetMutedIn(change) => change.apply(&mut account.muted_in),
        AccountChange::SetProfile(change) => change.apply(&mut account.profile),
        AccountChange::SetDoNotDisturb(on) => account.do_not_disturb = on,
        AccountChange::NoteLogin => account.has_logged_in = true,
        AccountChange::VoidSigned { before_ms } => account.signed_since_ms = account.signed_since_ms.max(before_ms),
        AccountChange::SetBlocklisted { other, on } => {
            let Some(other) = read(group, app, &other)? else { return Ok(None) };
            set(group, format::related(Tag::Blocked, account.no, other.no), on);
            has_blocklist = on || group.has_prefix(&format::by_account(Tag::Blocked, account.no))?;
        }
        AccountChange::SetSilenced { other, on } => {
            let Some(other) = read(group, app, &other)? else { return Ok(None) };
            set(group, format::related(Tag::Silenced, account.no, other.no), on);
        }
    }
    put(group, &account, has_blocklist);
    group.remember(app, remember, &account);
    Ok(Some(account))
}

/// Has a group of its own, because it lists what groups before it wrote.
pub(crate) fn remove(
    group: &mut Group<'_>,
    app: AppId,
    id: &AccountId,
    before_ms: u64,
) -> Result<Option<Account>, StoreError> {
    if group.check(app).is_err() {
        return Ok(None);
    }
    let Some(account) = read(group, app, id)? else { return Ok(None) };
    group.remove_rest(format::account(app, id));
    if !id.is_folded() {
        set(group, format::folded_name(app, id), false);
    }
    let void = format::void(app, id);
    let value = seal::seal(&void, &account.signed_since_ms.max(before_ms).to_be_bytes());
    group.put_rest(void, value);
    group.remove_rest(format::by_account(Tag::AccountById, account.no));
    for tag in [Tag::Blocked, Tag::Silenced, Tag::Acknowledged, Tag::NotedBroadcast] {
        for guard in group.db.rest.prefix(format::by_account(tag, account.no)) {
            group.remove_rest(guard.key().map_err(unknown)?.to_vec());
        }
    }
    if let Some(guard) = group.db.rooms.prefix(room::kept_in_any(account.no)).next() {
        guard.key().map_err(unknown)?;
        // There may be many: they go in rounds of trimming, and nobody is shown them meanwhile.
        set(group, format::by_account(Tag::KeptNoMore, account.no), true);
    }
    group.changed.push((app, id.clone()));
    Ok(Some(account))
}

/// A row without content: that it is there says all.
fn set(group: &mut Group<'_>, key: Vec<u8>, on: bool) {
    let value = seal::seal(&key, &[]);
    if on { group.put_rest(key, value) } else { group.remove_rest(key) }
}

fn read(group: &Group<'_>, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
    read_record(group, app, id)?.map(Account::try_from).transpose()
}

fn read_record(group: &Group<'_>, app: AppId, id: &AccountId) -> Result<Option<AccountRecord>, StoreError> {
    let key = format::account(app, id);
    group.rest(&key)?.map(|value| record::decode(&key, &value)).transpose()
}

fn put(group: &mut Group<'_>, account: &Account, has_blocklist: bool) {
    let app = account.no.app();
    let key = format::account(app, &account.id);
    let value = record::encode(&key, &AccountRecord::new(account, has_blocklist));
    group.put_rest(key, value);
    group.changed.push((app, account.id.clone()));
}
