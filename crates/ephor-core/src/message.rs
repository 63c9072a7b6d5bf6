//! The typed struct that a frame's payload carries.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Kind;

/// A plain struct that travels in a frame's payload.
///
/// Derive it; do not write it by hand. Fields lie in the payload in the order of declaration, without
/// gaps. A field is anything that [`zerocopy`] can turn into bytes and, checked, back: integers, floats,
/// `bool`, `char`, `NonZero`, arrays of them, and types that derive zerocopy's traits.
///
/// ```
/// # use ephor_core::Message;
/// #[derive(Clone, Copy, Message)]
/// #[message(kind = 3, crate = ephor_core)]
/// struct Margin {
///     account: u32,
///     limit: i64,
/// }
/// assert_eq!(Margin::BYTES, 12);
/// ```
///
/// A message that is too large does not compile, and says so:
///
/// ```compile_fail
/// # use ephor_core::Message;
/// #[derive(Clone, Copy, Message)]
/// #[message(kind = 4, crate = ephor_core)]
/// struct Letter {
///     text: [u8; 200],
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "add `#[derive(Clone, Copy, Message)]` and `#[message(kind = N)]` to it"
)]
pub trait Message: Copy + Send + 'static {
    /// The number of this type in the format.
    const KIND: Kind;
    /// The type's name, for reports.
    const NAME: &'static str;
    /// Bytes of the payload that the fields take.
    const BYTES: usize;
    /// Whether the first field is the handle of a pool block that travels with the message.
    const LOAN: bool;

    /// Writes the fields to the front of `payload`.
    ///
    /// # Panics
    /// When `payload` is shorter than [`Message::BYTES`].
    fn write(&self, payload: &mut [u8]);

    /// Reads the fields from the front of `payload`; `None` when the bytes are no valid value, such as a
    /// `bool` of 2, or too few.
    fn read(payload: &[u8]) -> Option<Self>;
}

/// Writes one field at `at`.
#[inline(always)]
pub fn put<T: IntoBytes + Immutable>(field: &T, payload: &mut [u8], at: usize) {
    payload[at..at + size_of::<T>()].copy_from_slice(field.as_bytes());
}

/// Reads one field at `at`.
#[inline(always)]
pub fn take<T: TryFromBytes + KnownLayout + Immutable>(payload: &[u8], at: usize) -> Option<T> {
    T::try_read_from_bytes(payload.get(at..at + size_of::<T>())?).ok()
}
