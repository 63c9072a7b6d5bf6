//! A charter's identity: the value it declares, or the hash of what it says.
//!
//! The hash is taken over the charter's meaning, not its file: comments, the order of keys, the spelling
//! of numbers and how grants are grouped make no difference; every rule, name and article does.
//!
//! Canonical bytes, in this order. A *number* is 8 bytes, big-endian; a *text* is its length in bytes as a
//! number, then the bytes; a *list* is its count as a number, then the elements; an *option* is the number
//! 0, or the number 1 and the value.
//!
//! ```text
//! text     "ephor charter 1"
//! text     name
//! list     articles, in the file's order     text id, text text
//! list     roles, by name                    text name, number 1 if it serves all tenants, else 0
//! option   default role                      text
//! list     actions, by name                  text
//! list     kinds, by number                  number, text name, terms
//! option   terms of unlisted kinds           terms: number position of the action, option number lifetime ns
//! list     grants, by positions of roles     number from, number to, number bits of the actions
//! number   1 if tenants are isolated, else 0
//! list     tenants, in the file's order      text
//! number   impact class of the threshold
//! number   skew ns
//! number   grace ns
//! ```

use ephor_core::Stamp;
use sha2::{Digest, Sha256};

use super::reader::quoted;
use super::{Charter, Reach, Terms};

const FORMAT: &str = "ephor charter 1";
const HEX_DIGITS: usize = 16;
/// The most characters of a refused stamp that an error repeats.
const SHOWN_CHARS_MAX: usize = 8;

/// Reads a declared stamp: sixteen lower-case hexadecimal digits. The error says what is wrong.
pub(super) fn declared(text: &str) -> Result<Stamp, String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() == HEX_DIGITS && text.bytes().all(is_digit) {
        let number = u64::from_str_radix(text, 16).expect("sixteen hexadecimal digits are 64 bits");
        return Ok(Stamp(number));
    }
    let shown = quoted(text, SHOWN_CHARS_MAX);
    Err(format!("{shown} ({} bytes) is not a stamp: {HEX_DIGITS} digits of 0-9 and a-f", text.len()))
}

/// The first eight bytes of the SHA-256 of the canonical bytes, read as hexadecimal text reads.
pub(super) fn computed(charter: &Charter) -> Stamp {
    let digest = Sha256::digest(canonical(charter));
    let (first, _) = digest.split_first_chunk().expect("a SHA-256 is longer than eight bytes");
    Stamp(u64::from_be_bytes(*first))
}

fn canonical(charter: &Charter) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    bytes.text(FORMAT);
    bytes.text(&charter.name);
    bytes.list(&charter.articles, |bytes, article| {
        bytes.text(&article.id);
        bytes.text(&article.text);
    });
    bytes.list(&charter.roles, |bytes, role| {
        bytes.text(&role.name);
        bytes.number(u64::from(role.reach == Reach::All));
    });
    bytes.list(&charter.default_role, |bytes, role| bytes.text(role));
    bytes.list(&charter.actions, |bytes, action| bytes.text(action));
    bytes.list(&charter.kinds, |bytes, (number, kind)| {
        bytes.number(u64::from(*number));
        bytes.text(&kind.name);
        bytes.terms(&kind.terms);
    });
    bytes.list(&charter.kinds_default, |bytes, terms| bytes.terms(terms));
    bytes.list(&charter.grants, |bytes, ((from, to), actions)| {
        bytes.number(*from as u64);
        bytes.number(*to as u64);
        bytes.number(u64::from(*actions));
    });
    bytes.number(u64::from(charter.is_isolated));
    bytes.list(&charter.tenants, |bytes, tenant| bytes.text(tenant));
    bytes.number(u64::from(charter.threshold.class()));
    bytes.number(charter.skew_ns);
    bytes.number(charter.grace_ns);
    bytes.0
}

/// The canonical bytes as they grow.
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    /// A list, or an option as a list of at most one element.
    fn list<T>(
        &mut self,
        elements: impl IntoIterator<Item = T, IntoIter: Clone>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let elements = elements.into_iter();
        self.number(elements.clone().count() as u64);
        elements.for_each(|element| write(self, element));
    }

    fn terms(&mut self, terms: &Terms) {
        self.number(terms.action as u64);
        self.list(terms.lifetime_ns, Self::number);
    }
}
