//! JSON lines: an object in each line. Empty lines are skipped.

use std::fmt;
use std::io::{BufRead, Read as _};

use anyhow::Context as _;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::entry::{Entry, FIELDS, Field};
use super::source::{LINE_BYTES_MAX, Line};

pub(super) struct Objects<R> {
    input: R,
    /// Lines that were read.
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Objects<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, line: Vec::new() }
    }

    /// Reads the next line, cut where it is too long. `false` at the end.
    fn read(&mut self) -> anyhow::Result<bool> {
        let failed = || format!("what follows line {} cannot be read", self.number);
        self.line.clear();
        let most = LINE_BYTES_MAX as u64 + 1;
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.line).with_context(failed)?;
        if read > LINE_BYTES_MAX && !self.line.ends_with(b"\n") {
            self.input.skip_until(b'\n').with_context(failed)?;
        }
        self.number += 1;
        Ok(read > 0)
    }
}

impl<R: BufRead> Iterator for Objects<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Ok(true) if self.line.trim_ascii().is_empty() => {}
                Ok(true) => return Some(Ok(Line { number: self.number, entry: entry(&self.line) })),
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The members of an object as they are written: a map would keep the last one of a name, and say nothing.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn entry(line: &[u8]) -> Result<Entry, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("it is longer than {LINE_BYTES_MAX} bytes"));
    }
    // Serde's words may quote a value, which may be a secret.
    let Members(members) = serde_json::from_slice(line)
        .map_err(|error| format!("it is not a JSON object in one line: look at column {}", error.column()))?;
    let mut fields: Vec<(Field, String)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        let Some(field) = Field::named(&key) else {
            return Err(format!("it has {key:?}, which is no field of an account: those are {FIELDS}"));
        };
        // What nothing keeps may be anything.
        if field != Field::Ignored {
            if fields.iter().any(|(named, _)| *named == field) {
                return Err(format!("it has {key} twice"));
            }
            fields.push((field, text(&key, &value)?));
        }
    }
    Entry::of(fields)
}

/// The text that a value is. Databases write numbers for texts of digits, null for texts that are not there, and for a text of
/// JSON, which is what `ex` usually holds, the JSON itself: kept as it is written, down to the digits of its numbers.
fn text(key: &str, value: &RawValue) -> Result<String, String> {
    let json = value.get();
    if key == "ex" && json.starts_with(['{', '[']) {
        return Ok(json.to_owned());
    }
    match serde_json::from_str(json).unwrap_or(Value::Bool(false)) {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(format!("{key} is not a text")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(text: &str) -> Vec<(u64, Result<Value, String>)> {
        let objects = Objects::new(text.as_bytes());
        objects.map(|line| line.unwrap()).map(|line| (line.number, line.entry.map(|it| it.body))).collect()
    }

    #[test]
    fn each_line_is_read_by_itself_and_empty_ones_are_skipped() {
        let text = concat!(
            r#"{"accid":"ann","name":"A","ex":null,"props":{}}"#,
            "\r\n\r\n  \n",
            r#"{"accid":42,"gender":1,"mobile":13800000000}"#,
            "\n{\"accid\":\n\"bob\"}\n[]\n",
            r#"{"accid":"carl","name":{}}"#,
            "\n",
            r#"{"accid":"dora","mute":true}"#,
            "\n",
            r#"{"accid":"eve","ex":{"uid":123456789012345678901, "level":3}}"#,
        );
        let no_object = |column| Err(format!("it is not a JSON object in one line: look at column {column}"));
        let found = lines(text);
        let expected = [
            (1, Ok(json!({ "account": "ann", "name": "A" }))),
            (4, Ok(json!({ "account": "42", "gender": 1, "mobile": "13800000000" }))),
            (5, no_object(0)),
            (6, no_object(5)),
            (7, no_object(0)),
            (8, Err("name is not a text".to_owned())),
        ];
        assert_eq!(found[..6], expected);
        assert_eq!(found[6].0, 9);
        assert_eq!(
            found[7],
            (10, Ok(json!({ "account": "eve", "ex": r#"{"uid":123456789012345678901, "level":3}"# })))
        );
        assert!(found[6].1.as_ref().unwrap_err().contains("has \"mute\""));
    }

    #[test]
    fn a_line_that_names_a_field_twice_is_refused() {
        let text = "{\"accid\":\"ann\",\"name\":\"A\",\"accid\":\"bob\"}\n{\"accid\":\"carl\",\"bid\":1,\"bid\":2}";
        let expected = [(1, Err("it has accid twice".to_owned())), (2, Ok(json!({ "account": "carl" })))];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let long = "x".repeat(3 * LINE_BYTES_MAX);
        let found = lines(&format!("{long}\n{{\"accid\":\"ann\"}}\n{long}"));
        let too_long = || Err("it is longer than 65536 bytes".to_owned());
        assert_eq!(found, [(1, too_long()), (2, Ok(json!({ "account": "ann" }))), (3, too_long())]);
    }
}
