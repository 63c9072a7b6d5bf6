//! A look at a text's tokens before it is parsed: nesting and chains that would hurt the parser.
//!
//! The parser goes down one stack frame a bracket and has no bound of its own for most of them; a stack
//! overflow cannot be caught. It also tries two readings of each `[` and `{`, so its time doubles with each
//! one inside another. And a chain such as `1 + 1 + …` is parsed in a loop but becomes a tree as deep as the
//! chain is long, which every later pass, up to dropping it, walks by recursion. Three numbers bound all of
//! that; no policy written by hand comes near them.

use regorus::Source;
use regorus::unstable::{Lexer, Token, TokenKind};

use crate::error::LoadError;
use crate::rego::{compile_error, refused};

/// The most brackets of any kind inside one another.
pub(crate) const BRACKET_DEPTH_LIMIT: usize = 32;
/// The most `[` and `{` inside one another: parsing time doubles with each.
pub(crate) const COLLECTION_DEPTH_LIMIT: usize = 12;
/// The most operators and brackets in a row within one expression.
pub(crate) const CHAIN_LIMIT: u32 = 128;

/// Refuses a text whose nesting or chains exceed the limits.
pub(crate) fn check(source: &Source) -> Result<(), LoadError> {
    let mut lexer = Lexer::new(source);
    let mut shape = Shape { levels: vec![Level::default()], collection_depth: 0, after_operand: false };
    loop {
        let token =
            lexer.next_token().map_err(|error| compile_error(source.get_path(), &error.to_string()))?;
        if token.0 == TokenKind::Eof {
            return Ok(());
        }
        shape.take(&token)?;
    }
}

/// What is open: the brackets, and in each how long the present expression's chain is.
struct Shape {
    levels: Vec<Level>,
    collection_depth: usize,
    /// Whether the last token ended an operand, so that another operand starts a new statement.
    after_operand: bool,
}

#[derive(Default)]
struct Level {
    chain: u32,
    is_collection: bool,
}

impl Shape {
    fn take(&mut self, token: &Token) -> Result<(), LoadError> {
        match (&token.0, token.1.text()) {
            (TokenKind::Symbol, "(" | "set(") => self.open(token, false),
            (TokenKind::Symbol, "[" | "{") => self.open(token, true),
            (TokenKind::Symbol, ")" | "]" | "}") => {
                self.close();
                Ok(())
            }
            (TokenKind::Symbol, "," | ";" | ":" | ":=" | "=") => {
                self.start_expression();
                Ok(())
            }
            (TokenKind::Symbol, _) | (TokenKind::Ident, "in") => self.extend(token),
            _ => {
                self.operand();
                Ok(())
            }
        }
    }

    fn open(&mut self, token: &Token, is_collection: bool) -> Result<(), LoadError> {
        self.extend(token)?;
        self.collection_depth += usize::from(is_collection);
        if self.collection_depth > COLLECTION_DEPTH_LIMIT {
            let what = format!("more than {COLLECTION_DEPTH_LIMIT} `[` or `{{` inside one another");
            return Err(refused(&token.1, &what, "name the inner part as a rule of its own"));
        }
        if self.levels.len() > BRACKET_DEPTH_LIMIT {
            let what = format!("more than {BRACKET_DEPTH_LIMIT} brackets inside one another");
            return Err(refused(&token.1, &what, "name the inner part as a rule of its own"));
        }
        self.levels.push(Level { chain: 0, is_collection });
        Ok(())
    }

    /// Closes the innermost bracket; whether it is of the right kind is for the parser to say.
    fn close(&mut self) {
        if self.levels.len() > 1 {
            let level = self.levels.pop().expect("more than one level is open");
            self.collection_depth -= usize::from(level.is_collection);
        }
        self.after_operand = true;
    }

    fn start_expression(&mut self) {
        self.innermost().chain = 0;
        self.after_operand = false;
    }

    fn extend(&mut self, token: &Token) -> Result<(), LoadError> {
        self.after_operand = false;
        self.innermost().chain += 1;
        if self.innermost().chain > CHAIN_LIMIT {
            let what = format!("more than {CHAIN_LIMIT} operators in a row");
            return Err(refused(&token.1, &what, "name a part of the expression as a rule of its own"));
        }
        Ok(())
    }

    fn operand(&mut self) {
        if self.after_operand {
            self.start_expression();
        }
        self.after_operand = true;
    }

    fn innermost(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the text itself is always open")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Result<(), LoadError> {
        check(&Source::from_contents("shape.rego".to_owned(), text.to_owned()).unwrap())
    }

    #[track_caller]
    fn passes(text: &str) {
        check_text(text).unwrap();
    }

    #[track_caller]
    fn refuses(text: &str, what: &str) {
        let error = check_text(text).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }

    fn nested(open: &str, close: &str, depth: usize) -> String {
        format!("p := {}1{}", open.repeat(depth), close.repeat(depth))
    }

    #[test]
    fn brackets_pass_up_to_the_limit_and_not_beyond() {
        passes(&nested("f(", ")", BRACKET_DEPTH_LIMIT));
        refuses(&nested("f(", ")", BRACKET_DEPTH_LIMIT + 1), "more than 32 brackets");
        passes(&nested("[", "]", COLLECTION_DEPTH_LIMIT));
        refuses(&nested("{", "}", COLLECTION_DEPTH_LIMIT + 1), "more than 12 `[` or `{`");
    }

    #[test]
    fn brackets_side_by_side_do_not_add_up() {
        passes(&"p := [{1}, f(2)]\n".repeat(1_000));
    }

    #[test]
    fn a_chain_passes_up_to_the_limit_and_not_beyond() {
        let chain = |count| format!("p := 1{}", " +\n1".repeat(count));
        passes(&chain(CHAIN_LIMIT as usize));
        refuses(&chain(CHAIN_LIMIT as usize + 1), "more than 128 operators");
        refuses(&format!("p := {}1", "- ".repeat(10_000)), "operators");
        refuses(&format!("p := 1{}", " + f(a, b)".repeat(10_000)), "operators");
        refuses(&format!("p := x{}", " in y".repeat(10_000)), "operators");
        refuses(&format!("p := x{}", "[y]".repeat(10_000)), "operators");
    }

    #[test]
    fn statements_and_items_start_new_chains() {
        passes(&format!("p if {{\n{}}}", "x + 1 < y.z\n".repeat(1_000)));
        passes(&format!("p := [{}0]", "1 + 2,\n".repeat(1_000)));
        passes(&"p := a + b\n".repeat(1_000));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        passes(&format!("p := \"{0}\"\nq := `{0}` # {0}", "[".repeat(100)));
    }

    #[test]
    fn an_open_string_is_an_error_with_a_place() {
        let error = check_text("p := \"open").unwrap_err();
        assert!(error.to_string().starts_with("shape.rego:1:"), "{error}");
    }
}
