//! `POST /nimserver/chatroom/getBatch.action`: up to 20 rooms.

use bytes::Bytes;
use carillon_core::RoomNo;
use carillon_core::model::App;
use serde::Serialize;

use super::get;
use super::room::Shown;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, accid};

const FIELD: &str = "roomids";
const ROOMS_MAX: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    code: u16,
    succ_rooms: Vec<Shown<'a>>,
    no_exist_rooms: Vec<u64>,
    /// Of those that there are, none fails.
    fail_rooms: [u64; 0],
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let numbers = numbers(form.required(FIELD)?)?;
    let counts = form.boolean("needOnlineUserCount")?.unwrap_or(false);
    let nos: Vec<RoomNo> = numbers.iter().copied().filter_map(RoomNo::new).collect();
    let rooms = netease.pipeline.rooms(app, &nos).await?;
    let found = |number: &u64| rooms.iter().flatten().any(|room| room.key.no.get() == *number);
    Ok(reply::json(&Reply {
        code: OK,
        succ_rooms: rooms.iter().flatten().map(|room| get::shown(netease, room, counts)).collect(),
        no_exist_rooms: numbers.iter().copied().filter(|number| !found(number)).collect(),
        fail_rooms: [],
    }))
}

/// The distinct numbers in a JSON array, in its order. Digits in quotes are numbers, too.
fn numbers(text: &str) -> Result<Vec<u64>, FieldError> {
    let problem = |problem| FieldError { field: FIELD, problem };
    let malformed = || problem(Problem::NotArrayOf("room ids"));
    let named = accid::array(FIELD, text, ROOMS_MAX)
        .map_err(|error| if error.problem == Problem::Empty { error } else { malformed() })?;
    let named = named.ok_or(problem(Problem::TooMany { max: ROOMS_MAX, of: "rooms" }))?;
    let mut numbers = Vec::with_capacity(named.len());
    for name in named {
        let number = name.parse().map_err(|_| malformed())?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_numbers_each_once() {
        assert_eq!(numbers(r#"[3, "1", 3, 0]"#), Ok(vec![3, 1, 0]));
        for bad in ["", "7", "{}", "[1.5]", r#"["a"]"#, "[-1]", "[null]", "[1"] {
            assert_eq!(numbers(bad).unwrap_err().problem, Problem::NotArrayOf("room ids"), "{bad}");
        }
        assert_eq!(numbers("[]").unwrap_err().problem, Problem::Empty);
        let many = format!("[{}1]", "1,".repeat(20));
        assert_eq!(numbers(&many).unwrap_err().problem, Problem::TooMany { max: 20, of: "rooms" });
    }
}
