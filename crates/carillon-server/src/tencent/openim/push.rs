//! `OfflinePushInfo`: what a push notification will say. All of it is kept as it came, with members that are not known here.
//! Its numbers may be texts of digits: the vendor's own library writes `VIVOClassification` so.

use carillon_core::model::Push;
use serde_json::{Map, Value};

use super::element::Type::{Count, Text};
use super::element::{Type, check};
use crate::tencent::code;
use crate::tencent::error::{BadMember, FieldError, Problem};
use crate::tencent::json::{Fields, number_or_digits};

const FIELD: &str = "OfflinePushInfo";

const INFO: &[(&str, Type)] = &[("PushFlag", Count), ("Title", Text), ("Desc", Text), ("Ext", Text)];
const ANDROID: &[(&str, Type)] = &[
    ("Sound", Text),
    ("PushStyle", Count),
    ("HuaWeiChannelID", Text),
    ("XiaoMiChannelID", Text),
    ("OPPOChannelID", Text),
    ("GoogleChannelID", Text),
    ("VIVOClassification", Count),
    ("VIVOCategory", Text),
    ("HuaWeiImportance", Text),
    ("ExtAsHuaweiIntentParam", Count),
    ("HuaWeiCategory", Text),
    ("HuaWeiImage", Text),
    ("HonorImage", Text),
    ("HonorImportance", Text),
    ("GoogleImage", Text),
    ("OPPOCategory", Text),
    ("OPPONotifyLevel", Count),
    ("OPPOPrivateMsgTemplateId", Text),
    ("MeiZuNoticeMsgType", Count),
];
const APNS: &[(&str, Type)] = &[
    ("Sound", Text),
    ("BadgeMode", Count),
    ("Title", Text),
    ("SubTitle", Text),
    ("Image", Text),
    ("MutableContent", Count),
    ("InterruptionLevel", Text),
    ("ContentAvailable", Count),
];

/// A notification, and whether there is to be one.
pub(super) struct Notification {
    pub(super) push: Push,
    pub(super) is_on: bool,
}

pub(super) fn read(fields: Fields<'_>) -> Result<Notification, FieldError> {
    let Some(given) = fields.get(FIELD) else { return Ok(Notification { push: Push::default(), is_on: true }) };
    let error = |problem| FieldError { code: code::BAD_PUSH, field: FIELD, problem };
    let info = given.as_object().ok_or(error(Problem::NotObject))?;
    let bad = |it| error(Problem::BadMember(it));
    check(info, INFO).map_err(bad)?;
    let android = part(info, "AndroidInfo", ANDROID).map_err(bad)?;
    let apns = part(info, "ApnsInfo", APNS).map_err(bad)?;
    let text = |from: Option<&Map<String, Value>>, name| from?.get(name)?.as_str().map(str::to_owned);
    let ext = text(Some(info), "Ext").filter(|it| serde_json::from_str::<Map<String, Value>>(it).is_ok());
    let push = Push {
        text: text(Some(info), "Desc").unwrap_or_default(),
        payload: ext.unwrap_or_default(),
        sound: text(apns, "Sound").or_else(|| text(android, "Sound")).unwrap_or_default(),
        original: given.to_string(),
        despite_silence: false,
    };
    Ok(Notification { push, is_on: info.get("PushFlag").and_then(number_or_digits) != Some(1) })
}

/// The member with this name, which must be an object of such members.
fn part<'a>(
    info: &'a Map<String, Value>,
    name: &'static str,
    members: &[(&'static str, Type)],
) -> Result<Option<&'a Map<String, Value>>, BadMember> {
    let Some(given) = Fields(info).get(name) else { return Ok(None) };
    let part = given.as_object().ok_or(BadMember { within: None, name, expected: "an object" })?;
    check(part, members).map_err(|bad| BadMember { within: Some(name), ..bad })?;
    Ok(Some(part))
}
