//! The tags of a profile: which are what other dialects know, too, and what the others may be.

use carillon_core::command::ProfileChange;
use carillon_core::model::{Gender, Profile};
use serde_json::Value;

use crate::tencent::code::{PROFILE_BAD_TYPE, PROFILE_BAD_VALUE, PROFILE_TOO_LONG};
use crate::tencent::error::{FieldError, Problem};
use crate::tencent::json::number_or_digits;

const TEXT_BYTES_MAX: usize = 500;
const LOCATION_BYTES_MAX: usize = 16;
const CUSTOM: &str = "Tag_Profile_Custom_";
const GENDERS: [(&str, Gender); 3] = [
    ("Gender_Type_Unknown", Gender::Unknown),
    ("Gender_Type_Female", Gender::Female),
    ("Gender_Type_Male", Gender::Male),
];

/// A tag, by its name.
pub(super) struct Tag {
    name: String,
    kind: Kind,
}

enum Kind {
    Nick,
    Image,
    Signature,
    Gender,
    /// A date, as the number 20190419.
    Birthday,
    /// The others are kept under their names.
    Text {
        bytes_max: usize,
    },
    OneOf(&'static [&'static str], &'static str),
    Number,
}

impl Tag {
    /// `None` where there is no such tag. A custom one needs not be declared, as there is no console.
    pub(super) fn named(name: &str) -> Option<Self> {
        let kind = match name {
            "Tag_Profile_IM_Nick" => Kind::Nick,
            "Tag_Profile_IM_Image" => Kind::Image,
            "Tag_Profile_IM_SelfSignature" => Kind::Signature,
            "Tag_Profile_IM_Gender" => Kind::Gender,
            "Tag_Profile_IM_BirthDay" => Kind::Birthday,
            "Tag_Profile_IM_Location" => Kind::Text { bytes_max: LOCATION_BYTES_MAX },
            "Tag_Profile_IM_AllowType" => Kind::OneOf(
                &["AllowType_Type_NeedConfirm", "AllowType_Type_AllowAny", "AllowType_Type_DenyAny"],
                "AllowType_Type_NeedConfirm AllowType_Type_AllowAny AllowType_Type_DenyAny",
            ),
            "Tag_Profile_IM_AdminForbidType" => Kind::OneOf(
                &["AdminForbid_Type_None", "AdminForbid_Type_SendOut"],
                "AdminForbid_Type_None AdminForbid_Type_SendOut",
            ),
            "Tag_Profile_IM_Language"
            | "Tag_Profile_IM_MsgSettings"
            | "Tag_Profile_IM_Level"
            | "Tag_Profile_IM_Role" => Kind::Number,
            _ => {
                let own = name.strip_prefix(CUSTOM)?;
                let is_word = (1..=8).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_alphanumeric());
                is_word.then_some(Kind::Text { bytes_max: TEXT_BYTES_MAX })?
            }
        };
        Some(Self { name: name.to_owned(), kind })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Notes the value as a change.
    pub(super) fn read(&self, value: &Value, change: &mut ProfileChange) -> Result<(), FieldError> {
        match self.kind {
            Kind::Nick => change.name = Some(text(value, TEXT_BYTES_MAX)?),
            Kind::Image => change.icon = Some(text(value, TEXT_BYTES_MAX)?),
            Kind::Signature => change.sign = Some(text(value, TEXT_BYTES_MAX)?),
            Kind::Gender => {
                let word = text(value, TEXT_BYTES_MAX)?;
                let found = GENDERS.iter().find(|(name, _)| *name == word).map(|(_, gender)| *gender);
                let words = "Gender_Type_Unknown Gender_Type_Female Gender_Type_Male";
                change.gender = Some(found.ok_or(wrong(PROFILE_BAD_VALUE, Problem::NotOneOf(words)))?);
            }
            Kind::Birthday => change.birth = Some(birth(number(value)?)),
            Kind::Text { bytes_max } => self.keep(text(value, bytes_max)?, change),
            Kind::OneOf(words, all) => {
                let word = text(value, TEXT_BYTES_MAX)?;
                if !words.contains(&word.as_str()) {
                    return Err(wrong(PROFILE_BAD_VALUE, Problem::NotOneOf(all)));
                }
                self.keep(word, change);
            }
            Kind::Number => self.keep(number(value)?.to_string(), change),
        }
        Ok(())
    }

    fn keep(&self, text: String, change: &mut ProfileChange) {
        change.tags.insert(self.name.clone(), text);
    }

    /// What a profile has under it; `None` for what was never set.
    pub(super) fn value(&self, profile: &Profile) -> Option<Value> {
        let text = |text: &str| (!text.is_empty()).then(|| text.into());
        match self.kind {
            Kind::Nick => text(&profile.name),
            Kind::Image => text(&profile.icon),
            Kind::Signature => text(&profile.sign),
            Kind::Gender => GENDERS.iter().find(|(_, it)| *it == profile.gender).map(|(name, _)| (*name).into()),
            Kind::Birthday => birth_number(&profile.birth).map(Value::from),
            Kind::Text { .. } | Kind::OneOf(..) => profile.tags.get(&self.name).and_then(|it| text(it)),
            Kind::Number => profile.tags.get(&self.name)?.parse::<u32>().ok().map(Value::from),
        }
    }
}

fn wrong(code: u32, problem: Problem) -> FieldError {
    FieldError { code, field: "Value", problem }
}

fn text(value: &Value, bytes_max: usize) -> Result<String, FieldError> {
    let text = value.as_str().ok_or(wrong(PROFILE_BAD_TYPE, Problem::NotText))?;
    if text.len() > bytes_max {
        return Err(wrong(PROFILE_TOO_LONG, Problem::TooLong { bytes_max }));
    }
    Ok(text.to_owned())
}

/// The vendor's own library has a text for every value, so a text of digits is a number here.
fn number(value: &Value) -> Result<u32, FieldError> {
    number_or_digits(value).ok_or(wrong(PROFILE_BAD_TYPE, Problem::NotU32))
}

/// As the other dialects write a date, `2019-04-19`, where it may be one; else as it came. 0 is none.
fn birth(number: u32) -> String {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    match number {
        0 => String::new(),
        _ if is_date((year, month, day)) => format!("{year}-{month:02}-{day:02}"),
        other => other.to_string(),
    }
}

/// The number for a date, whose months and days may be written without a zero, or a number as it is; `None` for what is neither.
fn birth_number(text: &str) -> Option<u32> {
    let number = |digits: &str| digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?;
    let parts: Vec<u32> = text.split('-').map(number).collect::<Option<_>>()?;
    match parts[..] {
        [other] => Some(other),
        [year, month, day] if is_date((year, month, day)) => Some(year * 10_000 + month * 100 + day),
        _ => None,
    }
}

fn is_date((year, month, day): (u32, u32, u32)) -> bool {
    (1_000..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_is_a_date_for_other_dialects() {
        for (number, text) in [(20_190_419, "2019-04-19"), (0, ""), (7, "7"), (20_191_301, "20191301")] {
            assert_eq!(birth(number), text);
        }
        assert_eq!(birth_number("2019-04-19"), Some(20_190_419));
        assert_eq!(birth_number("2019-4-9"), Some(20_190_409));
        assert_eq!(birth_number("7"), Some(7));
        for none in ["", "-", "April", "2019/04/19", "99999999999", "1990-01", "2019-13-01", "-2019-04-19", "2019-04-"]
        {
            assert_eq!(birth_number(none), None, "{none}");
        }
    }

    #[test]
    fn a_custom_tag_has_a_name_of_up_to_eight_letters_and_digits() {
        let is_tag = |name: &str| Tag::named(name).is_some();
        assert!(is_tag("Tag_Profile_Custom_Test1") && is_tag("Tag_Profile_IM_Role"));
        for bad in
            ["Tag_Profile_Custom_", "Tag_Profile_Custom_123456789", "Tag_Profile_Custom_a b", "Tag_Profile_IM_X", ""]
        {
            assert!(!is_tag(bad), "{bad}");
        }
    }
}
