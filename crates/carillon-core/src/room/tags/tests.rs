//! What tag expressions mean, what is none, and how sets of tags come and go.

use std::collections::HashMap;

use proptest::prelude::*;

use super::expression::Node;
use super::pattern::Pattern;
use super::*;

fn tags(texts: &[&str]) -> Tags {
    Tags::new(texts).unwrap()
}

fn matches(expression: &str, texts: &[&str]) -> bool {
    Expression::parse(expression).unwrap().matches(&tags(texts))
}

#[test]
fn expressions_choose_members_by_their_tags() {
    let (a, b, c) = (r#"{"tag":"a"}"#, r#"{"tag":"b"}"#, r#"{"tag":"c"}"#);
    let table: [(String, &[&str], bool); 20] = [
        (a.to_owned(), &["a"], true),
        (a.to_owned(), &["b", "a"], true),
        (a.to_owned(), &["A"], false),
        (a.to_owned(), &["ab"], false),
        (a.to_owned(), &[], false),
        (format!("{a} and {b}"), &["a", "b", "c"], true),
        (format!("{a} and {b}"), &["a"], false),
        (format!("{a} or {b}"), &["b"], true),
        (format!("{a} or {b}"), &["c"], false),
        // `and` binds tighter, on either side.
        (format!("{a} or {b} and {c}"), &["a"], true),
        (format!("{a} or {b} and {c}"), &["b"], false),
        (format!("{a} and {b} or {c}"), &["c"], true),
        (format!("({a} or {b}) and {c}"), &["a"], false),
        (format!("({a} or {b}) and {c}"), &["b", "c"], true),
        (format!("{a}and({b}or{c})"), &["a", "c"], true),
        (r#"{"matchType":"regex","tag":"a.*"}"#.to_owned(), &["b", "abc"], true),
        (r#"{"tag":"a.*","matchType":"regex"}"#.to_owned(), &["ba"], false),
        // Everyone with a tag, which is not everyone.
        (r#"{"tag":".*","matchType":"regex"}"#.to_owned(), &[], false),
        // Without the word it is a tag like any other.
        (r#"{"tag":".*"}"#.to_owned(), &["a"], false),
        (r#" { "tag" : "a\"\\\u00e4\ud83d\ude00" } "#.to_owned(), &["a\"\\ä😀"], true),
    ];
    for (expression, texts, expected) in table {
        assert_eq!(matches(&expression, texts), expected, "{expression} {texts:?}");
    }
}

#[test]
fn a_malformed_expression_is_refused_with_the_place_and_what_should_be_there() {
    use Expected::*;
    let table = [
        ("", 1, Operand),
        ("  ", 3, Operand),
        ("a", 1, Operand),
        (r#"not {"tag":"a"}"#, 1, Operand),
        (r#"{"tag":"a"} and"#, 16, Operand),
        (r#"{"tag":"a"} and or {"tag":"b"}"#, 17, Operand),
        (r#"{"tag":"a"} AND {"tag":"b"}"#, 13, Joint),
        (r#"{"tag":"什么"} {"tag":"b"}"#, 14, Joint),
        (r#"{"tag":"a"})"#, 12, Joint),
        (r#"({"tag":"a"}"#, 13, JointOrClose),
        ("()", 2, Operand),
        ("{}", 2, Key),
        (r#"{"tag":"a",}"#, 12, Key),
        (r#"{"tags":"a"}"#, 2, Key),
        (r#"{"tag":"a","tag":"b"}"#, 12, Key),
        (r#"{"tag":"a","matchType":"regex","matchType":"regex"}"#, 32, Key),
        (r#"{"tag" "a"}"#, 8, Colon),
        (r#"{"tag":1}"#, 8, String),
        (r#"{"tag":"a" "b"}"#, 12, CommaOrBrace),
        (r#"{"tag":"a""#, 11, CommaOrBrace),
        (r#"{"matchType":"regex"}"#, 21, Tag),
        (r#"{"tag":"a","matchType":"Regex"}"#, 24, MatchType),
        (r#"{"tag":"a"#, 10, StringCharacter),
        ("{\"tag\":\"a\n\"}", 10, StringCharacter),
        (r#"{"tag":"a\d"}"#, 10, Escape),
        (r#"{"tag":"\u12"}"#, 9, Escape),
        (r#"{"tag":"\ud83d"}"#, 9, Escape),
        (r#"{"tag":"\ud83d\u0041"}"#, 9, Escape),
        (r#"{"tag":"\ude00"}"#, 9, Escape),
        (r#"{"tag":"(","matchType":"regex"}"#, 8, Regex),
        (r#"{"tag":"x{1000000}","matchType":"regex"}"#, 8, SmallerRegex),
    ];
    for (text, character, expected) in table {
        assert_eq!(Expression::parse(text), Err(Malformed { character, expected }), "{text}");
    }
    let shown = Expression::parse("{}").unwrap_err().to_string();
    assert_eq!(shown, r#"at character 2: expected "tag" or "matchType", each once"#);
}

#[test]
fn an_expression_has_128_characters_at_most_however_many_bytes_they_are() {
    let of_len = |len: usize| format!(r#"{{"tag":"{}"}}"#, "什".repeat(len - 10));
    assert!(Expression::parse(&of_len(128)).is_ok());
    let too_long = Malformed { character: 129, expected: Expected::EndOfText };
    assert_eq!(Expression::parse(&of_len(129)), Err(too_long));
    assert_eq!(Expression::parse(&"(".repeat(128)), Err(Malformed { character: 129, expected: Expected::Operand }));
}

#[test]
fn who_names_tags_only_reaches_those_who_have_all_of_them() {
    assert_eq!(Expression::of_all(&Tags::none()), None);
    let own = Expression::of_all(&tags(&["b", "a"])).unwrap();
    assert_eq!(own.to_string(), r#"{"tag":"a"} and {"tag":"b"}"#);
    assert!(own.matches(&tags(&["a", "b", "c"])) && !own.matches(&tags(&["a"])));
    assert_eq!(Expression::of_all(&tags(&["a"])), Some(Expression::parse(r#"{"tag":"a"}"#).unwrap()));
}

#[test]
fn a_set_of_tags_is_there_for_as_long_as_a_member_has_it() {
    let mut sets = TagSets::new();
    let one = sets.insert(tags(&["a", "b"]));
    assert_eq!(sets.insert(tags(&["b", "a"])), one);
    let none = sets.insert(Tags::none());
    assert!(none != one && sets.len() == 2);
    sets.remove(one);
    assert_eq!(sets.tags(one), &tags(&["a", "b"]));
    sets.remove(one);
    assert_eq!(sets.len(), 1);
    // Its number is used again.
    assert_eq!(sets.insert(tags(&["c"])), one);
    assert_eq!((sets.tags(one), sets.tags(none)), (&tags(&["c"]), &Tags::none()));
}

#[test]
fn an_expression_is_asked_for_each_set_and_answers_for_each() {
    let mut sets = TagSets::new();
    let numbers: Vec<TagSet> = (0..200).map(|n| sets.insert(tags(&[&format!("t{n}")]))).collect();
    let verdicts = sets.verdicts(&Expression::parse(r#"{"tag":"t.*7","matchType":"regex"}"#).unwrap());
    for (n, set) in numbers.into_iter().enumerate() {
        assert_eq!(verdicts.means(set), n % 10 == 7, "{n}");
    }
}

/// Expressions as the parser builds them.
fn node() -> impl Strategy<Value = Node> {
    let tag = "[a-c\"\\\\\u{1}ä😀]{0,4}".prop_map(|tag| Node::Tag(tag.into()));
    let pattern = "[a-c.*+]{0,3}|\\[a-c\\]\\+".prop_filter_map("a pattern", |source| Pattern::new(&source).ok());
    let leaf = prop_oneof![tag, pattern.prop_map(Node::Matches)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let nodes = prop::collection::vec(inner, 1..4);
        prop_oneof![nodes.clone().prop_map(Node::all), nodes.prop_map(Node::any)]
    })
}

proptest! {
    #[test]
    fn what_is_shown_of_an_expression_parses_to_the_same(node in node()) {
        prop_assert_eq!(parse::parse(&node.to_string()), Ok(node));
    }

    /// Noise, and noise of what expressions are made of.
    #[test]
    fn no_text_is_too_strange_to_be_refused(
        text in prop_oneof![
            ".{0,140}",
            "(\\{\"tag\":\"|\"\\}|\",\"matchType\":\"regex\"\\}|and|or|[ ()]|[a\\\\u{}*+.|?^$]){0,24}",
        ],
        texts in prop::collection::vec("[a-z]{1,3}", 0..4),
    ) {
        match Expression::parse(&text) {
            Ok(expression) => {
                let own = Tags::new(&texts).unwrap();
                prop_assert_eq!(parse::parse(&expression.to_string()).map(|node| node.to_string()), Ok(expression.to_string()));
                expression.matches(&own);
            }
            Err(Malformed { character, .. }) => {
                prop_assert!(character >= 1 && character <= text.chars().count() + 1);
            }
        }
    }

    #[test]
    fn sets_of_tags_are_those_that_members_have(steps in prop::collection::vec((any::<bool>(), 0..6_usize), 0..60)) {
        let mut sets = TagSets::new();
        // How often each set of tags is there, and its number.
        let mut held: HashMap<usize, (usize, TagSet)> = HashMap::new();
        for (enters, which) in steps {
            let own = tags(&["a", "b", "c"].into_iter().zip(0..).filter(|(_, bit)| which >> bit & 1 == 1).map(|it| it.0).collect::<Vec<_>>());
            if enters {
                let set = sets.insert(own.clone());
                let entry = held.entry(which).or_insert((0, set));
                prop_assert_eq!(entry.1, set);
                entry.0 += 1;
            } else if let Some((members, set)) = held.get_mut(&which) {
                sets.remove(*set);
                *members -= 1;
                if *members == 0 {
                    held.remove(&which);
                }
            }
            prop_assert_eq!(sets.len(), held.len());
            prop_assert_eq!(sets.is_empty(), held.is_empty());
            let expression = Expression::parse(r#"{"tag":"a"}"#).unwrap();
            let verdicts = sets.verdicts(&expression);
            for (which, (_, set)) in &held {
                prop_assert_eq!(verdicts.means(*set), which & 1 == 1);
            }
        }
    }
}
