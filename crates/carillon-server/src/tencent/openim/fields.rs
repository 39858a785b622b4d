//! The members that calls share which send a message. What push, copies to webhooks and moderation need is stored with the
//! message.

use carillon_core::command::{Once, Recipients, Send, Terms};
use carillon_core::model::{Content, CopyOptions, Moderation};
use carillon_core::{AccountId, AccountNo, prefix};
use sha2::{Digest as _, Sha256};

use super::msg_key::MsgKey;
use super::{body, push};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;

/// How long a message waits for who is offline, in seconds: a week.
const LIFE_MAX_S: u64 = 7 * 86_400;

/// What a call makes of `MsgLifeTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lives {
    /// 0 and 1 mean who is online only, and more than a week is refused.
    OfMany,
    /// 0 means who is online only, and more than a week is a week.
    OfOne,
}

/// A message that is to be sent, and how its sender knows it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) command: Send,
    pub(super) key: MsgKey,
    /// Without a number of the sender's no repeat is known.
    pub(super) once: Option<Once>,
}

/// In whose name something is sent.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) id: AccountId,
    pub(super) no: AccountNo,
}

/// The administrator where nobody else is named.
pub(super) async fn sender(tencent: &Tencent, call: &Call) -> Result<Sender, CallError> {
    const FIELD: &str = "From_Account";
    let id = match call.fields().get(FIELD) {
        None => call.identifier.clone(),
        Some(_) => call.fields().account(FIELD, code::NO_SENDER)?,
    };
    let facts = tencent.pipeline.store.account_facts(call.app.id, std::slice::from_ref(&id)).await?;
    let no_account = FieldError { code: code::NO_SENDER, field: FIELD, problem: Problem::NoAccount };
    let no = facts[0].ok_or(no_account)?.no;
    Ok(Sender { id, no })
}

/// What the two numbers are that tell a message from others of its sender; the second is to be there.
pub(super) fn numbers(tencent: &Tencent, fields: Fields<'_>) -> Result<(Option<u32>, u32, u32), FieldError> {
    let given = fields.number("MsgSeq", code::BAD_SEQ)?;
    let missing = FieldError { code: code::BAD_RANDOM, field: "MsgRandom", problem: Problem::Missing };
    let random = fields.number("MsgRandom", code::BAD_RANDOM)?.ok_or(missing)?;
    let mut drawn = [0; 4];
    tencent.pipeline.random.fill(&mut drawn);
    // Typed callers read it into 32 bits with a sign.
    let drawn = u32::from_le_bytes(drawn) >> 1;
    Ok((given, given.unwrap_or(drawn), random))
}

/// `MsgBody` and `CloudCustomData`, which together are as long as a message may be.
pub(super) fn said(tencent: &Tencent, fields: Fields<'_>) -> Result<(Content, String), CallError> {
    let content = body::content(fields.get("MsgBody"))?;
    let ext = fields.text("CloudCustomData", code::BAD_BODY.number)?.unwrap_or_default();
    let bytes_max = tencent.config.message_bytes_max;
    if content.original.len() + ext.len() > bytes_max {
        return Err(CallError::MessageTooLong { bytes_max });
    }
    Ok((content, ext.to_owned()))
}

/// The message that the body describes.
pub(super) fn message(
    tencent: &Tencent,
    call: &Call,
    sender: &Sender,
    to: Recipients,
    lives: Lives,
) -> Result<Outgoing, CallError> {
    let fields = call.fields();
    let (content, ext) = said(tencent, fields)?;
    let (given, seq, random) = numbers(tencent, fields)?;
    let key = MsgKey { seq, random, time_s: tencent.pipeline.clock.now_ms() / 1_000 };
    let sync = sync(fields)?;
    let (is_passing, lives_ms) = life(fields, lives)?;
    let control = Control::read(fields)?;
    let mut push = push::read(fields)?;
    push.push.despite_silence = !control.heeds_silence;
    let options = CopyOptions {
        persistent: !is_passing,
        history: !is_passing,
        sender_sync: sync == Sync::Devices,
        push: push.is_on && !is_passing,
        route: lives == Lives::OfOne && !forbids_copies(fields)?,
        badge: !is_passing && control.badge,
        session_update: !is_passing && control.session_update,
        ..CopyOptions::default()
    };
    let [no, seq, random] = [sender.no.0.to_string(), seq.to_string(), random.to_string()];
    let mut same = vec![&*no, &seq, &random, &content.original, &ext];
    // Else what was said to who is online would count as had by who was not, and what is over as kept.
    let life = format!("{is_passing} {lives_ms:?}");
    same.extend((is_passing || lives_ms.is_some()).then_some(&*life));
    let once = given.map(|_| Once {
        key: once_key(&same),
        memory_ms: tencent.config.repeat_memory_s.saturating_mul(1_000),
        to_new: true,
    });
    let terms =
        Terms { unchecked: true, lives_ms, wants_receipt: flag(fields, "IsNeedReadReceipt")?, ..Terms::default() };
    let command = Send {
        sender: sender.id.clone(),
        from_backend: true,
        to,
        client_id: Some(key.to_string()),
        content,
        subtype: 0,
        ext,
        options,
        push: push.push,
        moderation: Moderation { enabled: control.is_moderated, ..Moderation::default() },
        description: String::new(),
        environment: String::new(),
        sender_sees: sync != Sync::Nowhere,
        recipients_see: true,
        terms,
    };
    Ok(Outgoing { command, key, once })
}

/// A word that all these make the same. Accounts are in it by their numbers, so that it is another one when a name is given
/// again.
pub(super) fn once_key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}{hex}", prefix::ONCE)
}

/// Where the sender finds the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    History,
    Devices,
    Nowhere,
}

fn sync(fields: Fields<'_>) -> Result<Sync, FieldError> {
    match fields.number("SyncOtherMachine", code::BAD_SYNC)? {
        // Typed callers write 0 for what is not given.
        None | Some(0) => Ok(Sync::History),
        Some(1) => Ok(Sync::Devices),
        Some(2) => Ok(Sync::Nowhere),
        Some(_) => {
            Err(FieldError { code: code::BAD_SYNC, field: "SyncOtherMachine", problem: Problem::NotOneOf("0 1 2") })
        }
    }
}

/// Whether it is for who is online only; and for how long it waits for the others, where that is said.
fn life(fields: Fields<'_>, lives: Lives) -> Result<(bool, Option<u64>), FieldError> {
    const FIELD: &str = "MsgLifeTime";
    let not_number = match lives {
        Lives::OfMany => code::BAD_LIFE,
        Lives::OfOne => code::LIFE_NOT_NUMBER,
    };
    let is_passing = flag(fields, "OnlineOnlyFlag")?;
    let Some(life_s) = fields.number(FIELD, not_number)?.map(u64::from) else { return Ok((is_passing, None)) };
    match (lives, life_s) {
        (Lives::OfMany | Lives::OfOne, 0) | (Lives::OfMany, 1) => Ok((true, None)),
        (Lives::OfMany, LIFE_BEYOND..) => {
            Err(FieldError { code: code::BAD_LIFE, field: FIELD, problem: Problem::NotOneOf("0 to 604800") })
        }
        (Lives::OfMany | Lives::OfOne, _) => Ok((is_passing, Some(life_s.min(LIFE_MAX_S) * 1_000))),
    }
}

const LIFE_BEYOND: u64 = LIFE_MAX_S + 1;

/// A switch: 0 or 1.
pub(super) fn flag(fields: Fields<'_>, field: &'static str) -> Result<bool, FieldError> {
    let code = code::BAD_BODY.number;
    match fields.number(field, code)? {
        None | Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(FieldError { code, field, problem: Problem::NotOneOf("0 1") }),
    }
}

/// What `SendMsgControl` says. Words that are not known have no effect.
struct Control {
    badge: bool,
    session_update: bool,
    heeds_silence: bool,
    is_moderated: bool,
}

impl Control {
    fn read(fields: Fields<'_>) -> Result<Self, FieldError> {
        let words = words(fields, "SendMsgControl")?;
        let has = |word| words.contains(&word);
        Ok(Self {
            badge: !has("NoUnread"),
            session_update: !has("NoLastMsg"),
            heeds_silence: has("WithMuteNotifications"),
            is_moderated: !has("NoMsgCheck"),
        })
    }
}

/// Whether no copy goes to webhooks, neither before nor after.
fn forbids_copies(fields: Fields<'_>) -> Result<bool, FieldError> {
    let words = words(fields, "ForbidCallbackControl")?;
    Ok(["ForbidBeforeSendMsgCallback", "ForbidAfterSendMsgCallback"].iter().all(|it| words.contains(it)))
}

fn words<'a>(fields: Fields<'a>, field: &'static str) -> Result<Vec<&'a str>, FieldError> {
    Ok(fields.texts(field, code::BAD_BODY.number)?.unwrap_or_default())
}
