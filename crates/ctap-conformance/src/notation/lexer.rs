//! Text into tokens.

use std::iter::Peekable;
use std::str::Chars;

use super::SyntaxError;

/// The smallest pieces of the notation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// `makeCredential`, `is`, `_`, `12`, `0x2F`, `6A80`, `ffffffff`: its place says what it means
    Word(String),
    /// `$mc`
    Variable(String),
    /// `1.5`
    Float(f64),
    /// `"text"`, with `\"`, `\\`, `\n`, `\0` and `\u{1F680}`
    Text(String),
    /// `h'00ff'` or `h"00ff"`, blanks allowed inside
    Bytes(Vec<u8>),
    /// One of [`MARKS`]
    Mark(&'static str),
}

/// Longer ones first: the first that fits is taken.
const MARKS: [&str; 23] = [
    "...", "..", "->", "=>", ">>", "<<", "??", "{", "}", "[", "]", "(", ")", ",", ":", "+", "-",
    "|", "!", "=", ">", "<", "*",
];

/// A line of a script: it goes on while a bracket is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogicalLine {
    /// The text as it was written, without comments, and with one blank in place of several.
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
}

/// All tokens of a text, whatever lines it has.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    Ok(lines(text)?.into_iter().flat_map(|line| line.tokens).collect())
}

/// The tokens of each line of a text that has any.
pub(crate) fn lines(text: &str) -> Result<Vec<LogicalLine>, SyntaxError> {
    let mut rest = text;
    let (mut done, mut line, mut depth) = (Vec::new(), LogicalLine::default(), 0_usize);
    loop {
        let (gap, after) = split_gap(rest);
        if depth == 0 && (gap.contains('\n') || after.is_empty()) && !line.tokens.is_empty() {
            done.push(std::mem::take(&mut line));
        }
        if after.is_empty() {
            // The parser reports a bracket that is never closed.
            done.extend(Some(line).filter(|line| !line.tokens.is_empty()));
            return Ok(done);
        }
        let (token, behind) = token(after)?;
        match token {
            Token::Mark("{" | "[" | "(") => depth = depth.saturating_add(1),
            Token::Mark("}" | "]" | ")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !gap.is_empty() && !line.tokens.is_empty() {
            line.text.push(' ');
        }
        line.text.push_str(&after[..after.len().saturating_sub(behind.len())]);
        line.tokens.push(token);
        rest = behind;
    }
}

/// Blanks, ends of lines and comments, and what follows them.
fn split_gap(text: &str) -> (&str, &str) {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        let end = comment.find('\n').unwrap_or(comment.len());
        rest = comment[end..].trim_start();
    }
    text.split_at(text.len().saturating_sub(rest.len()))
}

/// The token that a text begins with, and what follows it.
fn token(rest: &str) -> Result<(Token, &str), SyntaxError> {
    match rest.chars().next() {
        Some('"') => text_token(rest),
        Some('h') if rest[1..].starts_with(['\'', '"']) => bytes_token(rest),
        Some('$') => variable(rest),
        Some(first) if is_word(first) => word(rest),
        _ => mark(rest),
    }
}

fn mark(rest: &str) -> Result<(Token, &str), SyntaxError> {
    MARKS
        .iter()
        .find_map(|mark| Some((Token::Mark(mark), rest.strip_prefix(mark)?)))
        .ok_or_else(|| SyntaxError(format!("nothing begins with “{}”", head(rest))))
}

/// A word, or a number with a fraction.
fn word(rest: &str) -> Result<(Token, &str), SyntaxError> {
    let (word, after) = split_word(rest);
    let is_number = word.bytes().all(|digit| digit.is_ascii_digit());
    let fraction = after.strip_prefix('.').map(split_word).filter(|(digits, _)| !digits.is_empty());
    match fraction.filter(|_| is_number) {
        Some((fraction, after)) => {
            let number = format!("{word}.{fraction}");
            let float = number.parse().map_err(|_| no_number(&number))?;
            Ok((Token::Float(float), after))
        }
        None => Ok((Token::Word(word.to_owned()), after)),
    }
}

/// The number that a word stands for: `12`, `0x2F`.
///
/// # Errors
/// The word is not a number.
pub(crate) fn number(word: &str) -> Result<u64, SyntaxError> {
    let number = match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => word.parse(),
    };
    number.map_err(|_| no_number(word))
}

fn no_number(word: &str) -> SyntaxError {
    SyntaxError(format!("“{word}” is not a number"))
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
    let quote = |c: char| rest[1..].starts_with(c);
    let end = inside
        .find(quote)
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
        let read = tokens(
            r##"send $mc 12 0x2F 1.5 1..64 "a\"b\u{1F680}" h'00 ff' h"01" {...$x} -> 6A80 ??"##,
        );
        let word = |word: &str| Token::Word(word.to_owned());
        let expected = [
            word("send"),
            Token::Variable("mc".into()),
            word("12"),
            word("0x2F"),
            Token::Float(1.5),
            word("1"),
            Token::Mark(".."),
            word("64"),
            Token::Text("a\"b\u{1F680}".into()),
            Token::Bytes(vec![0, 0xFF]),
            Token::Bytes(vec![1]),
            Token::Mark("{"),
            Token::Mark("..."),
            Token::Variable("x".into()),
            Token::Mark("}"),
            Token::Mark("->"),
            word("6A80"),
            Token::Mark("??"),
        ];
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_is_no_token_is_named() {
        for (text, words) in [
            ("\"open", "no closing quote"),
            ("h'0'", "pairs of hexadecimal"),
            ("h'00", "no closing quote"),
            ("$ x", "has a name"),
            ("a ~ b", "nothing begins with “~ b”"),
        ] {
            assert!(tokens(text).unwrap_err().0.contains(words), "{text}");
        }
    }

    #[test]
    fn a_line_goes_on_while_a_bracket_is_open_and_comments_are_left_out() {
        let script = "\n# nothing\nmakeCredential {...$mc,\n   2: \"# [ two  blanks\"} # {without rp\n\nerase\n# (end";
        let texts: Vec<String> = lines(script).unwrap().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["makeCredential {...$mc, 2: \"# [ two  blanks\"}", "erase"]);
    }

    #[test]
    fn a_word_is_a_number_where_one_is_wanted() {
        assert_eq!([number("12"), number("0x2F")], [Ok(12), Ok(0x2F)]);
        for word in ["12x", "0x", "a", "99999999999999999999"] {
            assert!(number(word).unwrap_err().0.contains("is not a number"), "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,80}") {
            let _ = tokens(&text);
        }
    }
}
