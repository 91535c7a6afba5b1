//! Text into tokens.

use std::iter::Peekable;
use std::str::Chars;

use super::SyntaxError;

/// The smallest pieces of the notation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// `makeCredential`, `bytes`, `is`, `_`
    Name(String),
    /// `$mc`
    Variable(String),
    /// `12`, `0x2F`
    Integer(u64),
    /// `1.5`
    Float(f64),
    /// `"text"`, with `\"`, `\\`, `\n`, `\0` and `\u{1F680}`
    Text(String),
    /// `h"00ff"`, blanks allowed inside
    Bytes(Vec<u8>),
    /// One of [`MARKS`]
    Mark(&'static str),
}

/// Longer ones first: the first that fits is taken.
const MARKS: [&str; 17] =
    ["...", "..", "->", "=>", "{", "}", "[", "]", "(", ")", ",", ":", "+", "-", "|", "!", "="];

/// All tokens of a text.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut rest = text;
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (token, after) = match first {
            '"' => text_token(rest)?,
            'h' if rest.starts_with("h\"") => bytes_token(rest)?,
            '$' => variable(rest)?,
            '0'..='9' => number(rest)?,
            _ if is_word(first) => word(rest),
            _ => mark(rest)?,
        };
        found.push(token);
        rest = after;
    }
}

fn mark(rest: &str) -> Result<(Token, &str), SyntaxError> {
    MARKS
        .iter()
        .find_map(|mark| Some((Token::Mark(mark), rest.strip_prefix(mark)?)))
        .ok_or_else(|| SyntaxError(format!("nothing begins with “{}”", head(rest))))
}

fn word(rest: &str) -> (Token, &str) {
    let (name, after) = split_word(rest);
    (Token::Name(name.to_owned()), after)
}

fn variable(rest: &str) -> Result<(Token, &str), SyntaxError> {
    let (name, after) = split_word(&rest[1..]);
    match name {
        "" => Err(SyntaxError("a variable has a name behind its $".to_owned())),
        _ => Ok((Token::Variable(name.to_owned()), after)),
    }
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn number(rest: &str) -> Result<(Token, &str), SyntaxError> {
    let (digits, after) = split_word(rest);
    let bad = || SyntaxError(format!("“{digits}” is not a number"));
    if let Some(hex) = digits.strip_prefix("0x") {
        return Ok((Token::Integer(u64::from_str_radix(hex, 16).map_err(|_| bad())?), after));
    }
    let fraction = after.strip_prefix('.').map(split_word).filter(|(digits, _)| !digits.is_empty());
    match fraction {
        Some((fraction, after)) => {
            Ok((Token::Float(format!("{digits}.{fraction}").parse().map_err(|_| bad())?), after))
        }
        // 6A80 and the like: status words are written without 0x.
        None if is_status_word(digits) => Ok((Token::Name(digits.to_owned()), after)),
        None => Ok((Token::Integer(digits.parse().map_err(|_| bad())?), after)),
    }
}

fn is_status_word(digits: &str) -> bool {
    digits.len() == 4
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && digits.bytes().any(|digit| digit.is_ascii_alphabetic())
}

fn text_token(rest: &str) -> Result<(Token, &str), SyntaxError> {
    let mut chars = rest[1..].chars().peekable();
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('"') => break,
            Some('\\') => text.push(escaped(&mut chars)?),
            Some(c) => text.push(c),
            None => return Err(SyntaxError(format!("{} has no closing quote", head(rest)))),
        }
    }
    let left: usize = chars.map(char::len_utf8).sum();
    Ok((Token::Text(text), &rest[rest.len() - left..]))
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Result<char, SyntaxError> {
    let unknown = || SyntaxError("after \\ comes \", \\, n, 0 or u{...}".to_owned());
    match chars.next() {
        Some(c @ ('"' | '\\')) => Ok(c),
        Some('n') => Ok('\n'),
        Some('0') => Ok('\0'),
        Some('u') if chars.next() == Some('{') => {
            let hex: String = chars.by_ref().take_while(|c| *c != '}').collect();
            u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

fn bytes_token(rest: &str) -> Result<(Token, &str), SyntaxError> {
    let inside = &rest[2..];
    let end = inside
        .find('"')
        .ok_or_else(|| SyntaxError(format!("{} has no closing quote", head(rest))))?;
    Ok((Token::Bytes(hex(&inside[..end])?), &inside[end + 1..]))
}

/// Bytes from pairs of hexadecimal digits; blanks do not count.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, SyntaxError> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(SyntaxError(format!("“{text}” is not pairs of hexadecimal digits"))),
    }
}

fn head(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_token_is_read() {
        let read = tokens(r#"send $mc 12 0x2F 1.5 1..64 "a\"b\u{1F680}" h"00 ff" {...$x} -> _"#);
        let expected = [
            Token::Name("send".into()),
            Token::Variable("mc".into()),
            Token::Integer(12),
            Token::Integer(0x2F),
            Token::Float(1.5),
            Token::Integer(1),
            Token::Mark(".."),
            Token::Integer(64),
            Token::Text("a\"b\u{1F680}".into()),
            Token::Bytes(vec![0, 0xFF]),
            Token::Mark("{"),
            Token::Mark("..."),
            Token::Variable("x".into()),
            Token::Mark("}"),
            Token::Mark("->"),
            Token::Name("_".into()),
        ];
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_is_no_token_is_named() {
        for (text, words) in [
            ("\"open", "no closing quote"),
            ("h\"0\"", "pairs of hexadecimal"),
            ("12x", "not a number"),
            ("$ x", "has a name"),
            ("a ~ b", "nothing begins with “~ b”"),
        ] {
            assert!(tokens(text).unwrap_err().0.contains(words), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,80}") {
            let _ = tokens(&text);
        }
    }
}
