//! Makes trees of tokens: expressions, which have a value, and patterns, with which a value is compared.

use ctap_client::Value;

use super::SyntaxError;
use super::functions;
use super::lexer::{Token, number, tokens};

/// Something that has a value once its variables have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Literal(Value),
    /// A map member that is to be left out.
    Absent,
    Variable(String),
    Array(Vec<Part>),
    Map(Vec<Part>),
    /// `$x[1]`
    Member(Box<Self>, Box<Self>),
    Call(&'static functions::Function, Vec<Self>),
    Sum(Box<Self>, Box<Self>),
    Difference(Box<Self>, Box<Self>),
}

/// A part of an array or a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// An element of an array.
    Item(Expr),
    /// A member of a map; it replaces an earlier one with that key.
    Pair(Expr, Expr),
    /// `...$x`: everything that is in another array or map.
    Spread(Expr),
}

/// How a value must look.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    Any,
    Kind(Kind, Option<Bounds>),
    Exactly(Expr),
    Map { members: Vec<(Expr, Self)>, open: bool },
    Array { items: Vec<Self>, open: bool },
    Absent,
    OneOf(Vec<Self>),
    Not(Box<Self>),
    Named(Box<Self>, String),
}

/// The kinds of CBOR items that a pattern can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Text,
    Uint,
    Int,
    Bool,
    Array,
    Map,
}

/// `[32]`, `[1..]`, `[..64]`: of a length, or of a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) least: Option<Expr>,
    pub(crate) most: Option<Expr>,
}

/// Reads tokens from the front.
pub(crate) struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Parser {
    pub(crate) fn new(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self::over(tokens(text)?))
    }

    pub(crate) fn over(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_iter().peekable() }
    }

    // ---- Expressions ----------------------------------------------------------------------------------------------

    pub(crate) fn expr(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.operand()?;
        loop {
            if self.takes("+") {
                left = Expr::Sum(Box::new(left), Box::new(self.operand()?));
            } else if self.takes("-") {
                left = Expr::Difference(Box::new(left), Box::new(self.operand()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let mut value = self.primary()?;
        while self.takes("[") {
            let key = self.expr()?;
            self.expect("]")?;
            value = Expr::Member(Box::new(value), Box::new(key));
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        match self.next()? {
            Token::Float(number) => Ok(Expr::Literal(number.into())),
            Token::Text(text) => Ok(Expr::Literal(text.into())),
            Token::Bytes(bytes) => Ok(Expr::Literal(bytes.into())),
            Token::Variable(name) => Ok(Expr::Variable(name)),
            Token::Word(word) if is_number(&word) => Ok(Expr::Literal(number(&word)?.into())),
            Token::Word(name) => self.name(&name),
            Token::Mark("-") => self.negative(),
            Token::Mark("(") => self.inside(")", Self::expr),
            Token::Mark("{") => Ok(Expr::Map(self.list("}", Self::map_part)?)),
            Token::Mark("[") => Ok(Expr::Array(self.list("]", Self::array_part)?)),
            other => Err(unexpected(&other)),
        }
    }

    fn name(&mut self, name: &str) -> Result<Expr, SyntaxError> {
        match name {
            "true" => Ok(Expr::Literal(true.into())),
            "false" => Ok(Expr::Literal(false.into())),
            "null" => Ok(Expr::Literal(Value::Null)),
            "absent" => Ok(Expr::Absent),
            _ => self.call(name),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expr, SyntaxError> {
        let function = functions::by_name(name)
            .ok_or_else(|| SyntaxError(format!("there is no function “{name}”")))?;
        self.expect("(")?;
        let arguments = self.list(")", Self::expr)?;
        if arguments.len() != function.arguments {
            let (wanted, given) = (function.arguments, arguments.len());
            return Err(SyntaxError(format!("{name} takes {wanted} argument(s), not {given}")));
        }
        Ok(Expr::Call(function, arguments))
    }

    fn negative(&mut self) -> Result<Expr, SyntaxError> {
        match self.next()? {
            Token::Word(word) => i64::try_from(-i128::from(number(&word)?))
                .map(|number| Expr::Literal(number.into()))
                .map_err(|_| SyntaxError(format!("-{word} is too small"))),
            Token::Float(number) => Ok(Expr::Literal((-number).into())),
            other => Err(unexpected(&other)),
        }
    }

    fn map_part(&mut self) -> Result<Part, SyntaxError> {
        if self.takes("...") {
            return Ok(Part::Spread(self.operand()?));
        }
        let key = self.expr()?;
        self.expect(":")?;
        Ok(Part::Pair(key, self.expr()?))
    }

    fn array_part(&mut self) -> Result<Part, SyntaxError> {
        match self.takes("...") {
            true => Ok(Part::Spread(self.operand()?)),
            false => Ok(Part::Item(self.expr()?)),
        }
    }

    // ---- Patterns -------------------------------------------------------------------------------------------------

    pub(crate) fn pattern(&mut self) -> Result<Pattern, SyntaxError> {
        let mut choices = vec![self.simple_pattern()?];
        while self.takes("|") {
            choices.push(self.simple_pattern()?);
        }
        let pattern = match choices.len() {
            1 => choices.remove(0),
            _ => Pattern::OneOf(choices),
        };
        match self.takes("->") {
            true => Ok(Pattern::Named(Box::new(pattern), self.variable()?)),
            false => Ok(pattern),
        }
    }

    fn simple_pattern(&mut self) -> Result<Pattern, SyntaxError> {
        if self.takes("!") {
            return Ok(Pattern::Not(Box::new(self.simple_pattern()?)));
        }
        if self.takes("(") {
            return self.inside(")", Self::pattern);
        }
        if self.takes("{") {
            let (members, open) = self.open_list("}", Self::member_pattern)?;
            return Ok(Pattern::Map { members, open });
        }
        if self.takes("[") {
            let (items, open) = self.open_list("]", Self::pattern)?;
            return Ok(Pattern::Array { items, open });
        }
        self.word_pattern()
    }

    fn word_pattern(&mut self) -> Result<Pattern, SyntaxError> {
        let kind = match self.tokens.peek() {
            Some(Token::Word(name)) => match name.as_str() {
                "_" => return self.skip(Pattern::Any),
                "absent" => return self.skip(Pattern::Absent),
                "bytes" => Kind::Bytes,
                "text" => Kind::Text,
                "uint" => Kind::Uint,
                "int" => Kind::Int,
                "bool" => Kind::Bool,
                "array" => Kind::Array,
                "map" => Kind::Map,
                _ => return Ok(Pattern::Exactly(self.expr()?)),
            },
            _ => return Ok(Pattern::Exactly(self.expr()?)),
        };
        // `text(3)` is the function of that name.
        let mut ahead = self.tokens.clone();
        ahead.next();
        if ahead.peek() == Some(&Token::Mark("(")) {
            return Ok(Pattern::Exactly(self.expr()?));
        }
        self.tokens.next();
        let bounds = if self.takes("[") { Some(self.bounds()?) } else { None };
        Ok(Pattern::Kind(kind, bounds))
    }

    fn bounds(&mut self) -> Result<Bounds, SyntaxError> {
        if self.takes("..") {
            let most = Some(self.inside("]", Self::expr)?);
            return Ok(Bounds { least: None, most });
        }
        let least = self.expr()?;
        let most = match self.takes("..") {
            false => Some(least.clone()),
            true if self.at("]") => None,
            true => Some(self.expr()?),
        };
        self.expect("]")?;
        Ok(Bounds { least: Some(least), most })
    }

    fn member_pattern(&mut self) -> Result<(Expr, Pattern), SyntaxError> {
        let key = self.expr()?;
        self.expect(":")?;
        Ok((key, self.pattern()?))
    }

    // ---- Pieces of both, and of steps -------------------------------------------------------------------------------

    /// `a, b, c` up to the closing mark; a comma may be last.
    fn list<T>(
        &mut self,
        end: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(item(self)?);
            if !self.at(end) {
                self.expect(",")?;
            }
        }
        Ok(items)
    }

    /// The same, with `...` as its last item if more is allowed.
    fn open_list<T>(
        &mut self,
        end: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<(Vec<T>, bool), SyntaxError> {
        let mut items = Vec::new();
        while !self.takes(end) {
            if self.takes("...") {
                self.takes(",");
                self.expect(end)?;
                return Ok((items, true));
            }
            items.push(item(self)?);
            if !self.at(end) {
                self.expect(",")?;
            }
        }
        Ok((items, false))
    }

    fn inside<T>(
        &mut self,
        end: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        let found = item(self)?;
        self.expect(end)?;
        Ok(found)
    }

    fn skip(&mut self, pattern: Pattern) -> Result<Pattern, SyntaxError> {
        self.tokens.next();
        Ok(pattern)
    }

    pub(crate) fn next(&mut self) -> Result<Token, SyntaxError> {
        self.tokens.next().ok_or_else(|| SyntaxError("it ends too early".to_owned()))
    }

    pub(crate) fn variable(&mut self) -> Result<String, SyntaxError> {
        match self.next()? {
            Token::Variable(name) => Ok(name),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn at(&mut self, mark: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Mark(next)) if *next == mark)
    }

    pub(crate) fn takes(&mut self, mark: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Mark(next) if *next == mark)).is_some()
    }

    pub(crate) fn takes_word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(next) if next == word)).is_some()
    }

    /// The next token, if it is a word.
    pub(crate) fn word(&mut self) -> Option<String> {
        match self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn peek_word(&mut self) -> Option<&str> {
        match self.tokens.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn expect(&mut self, mark: &str) -> Result<(), SyntaxError> {
        match self.takes(mark) {
            true => Ok(()),
            false => match self.tokens.peek() {
                Some(token) => Err(SyntaxError(format!("“{mark}” must come before {token:?}"))),
                None => Err(SyntaxError(format!("“{mark}” is missing at the end"))),
            },
        }
    }

    pub(crate) fn is_done(&mut self) -> bool {
        self.tokens.peek().is_none()
    }

    pub(crate) fn end(&mut self) -> Result<(), SyntaxError> {
        self.tokens.next().map_or(Ok(()), |token| Err(unexpected(&token)))
    }
}

/// A text that is one expression.
pub(crate) fn expression(text: &str) -> Result<Expr, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expr()?;
    parser.end()?;
    Ok(expr)
}

/// Whether a word that stands where a value belongs is a number, and not a name.
fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

fn unexpected(token: &Token) -> SyntaxError {
    SyntaxError(format!("{token:?} is out of place"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Result<Pattern, SyntaxError> {
        let mut parser = Parser::new(text)?;
        let pattern = parser.pattern()?;
        parser.end()?;
        Ok(pattern)
    }

    #[test]
    fn a_map_is_built_on_another_one() {
        let Expr::Map(parts) = expression(r#"{...$mc, 2: absent, "k": [1, -7]}"#).unwrap() else {
            panic!("a map is a map");
        };
        assert_eq!(parts[0], Part::Spread(Expr::Variable("mc".into())));
        assert_eq!(parts[1], Part::Pair(Expr::Literal(2.into()), Expr::Absent));
    }

    #[test]
    fn a_word_for_a_kind_is_a_function_when_arguments_follow() {
        assert_eq!(pattern("text").unwrap(), Pattern::Kind(Kind::Text, None));
        assert!(matches!(pattern("text(3)").unwrap(), Pattern::Exactly(Expr::Call(..))));
    }

    #[test]
    fn bounds_have_either_end_or_both() {
        for (text, least, most) in [
            ("bytes[32]", Some(32), Some(32)),
            ("bytes[1..]", Some(1), None),
            ("bytes[..64]", None, Some(64)),
            ("bytes[1..64]", Some(1), Some(64)),
        ] {
            let literal = |bound: Option<i32>| bound.map(|number| Expr::Literal(number.into()));
            let bounds = Bounds { least: literal(least), most: literal(most) };
            assert_eq!(pattern(text).unwrap(), Pattern::Kind(Kind::Bytes, Some(bounds)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("sha265($x)", "no function “sha265”"),
            ("sha256($x, 1)", "takes 1 argument"),
            ("{1 2}", "“:” must come before"),
            ("[1", "is missing at the end"),
        ] {
            let error = expression(text).unwrap_err().0;
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in r#"[\[\]{}().,:|!$a-z0-9" \-]{0,40}"#) {
            let _ = expression(&text);
            let _ = pattern(&text);
        }
    }
}
