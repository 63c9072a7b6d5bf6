//! What a check answers: the set of all reasons why a message may not pass.
//!
//! A [`Verdict`] is sixteen bits, one for each [`Reason`]; the empty set is a permit. The numbers of the
//! reasons are part of the audit record's format: once given, a number is never reused.

use std::fmt;

/// Why a message may not pass a boundary.
///
/// The number of a reason is its bit in a [`Verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Reason {
    /// The header's stamp is that of another constitution.
    Stamp = 0,
    /// No agent of the topology has the source's number.
    UnknownSource = 1,
    /// No agent of the topology has the target's number.
    UnknownTarget = 2,
    /// The charter says nothing about messages of this kind.
    UnknownKind = 3,
    /// The source's role may not take the kind's action towards the target's role.
    ///
    /// Stands beside each of the three `Unknown` reasons: nothing is granted to or for the unknown.
    Capability = 4,
    /// Source, target and message do not all belong to one tenant.
    Tenant = 5,
    /// Source or target is in quarantine.
    Quarantined = 6,
    /// The message is older than its kind lives.
    Expired = 7,
    /// The message claims to have been sent further in the future than readings of the clock may differ.
    Future = 8,
    /// The impact class is at or above the charter's threshold: hold for deliberation.
    Impact = 9,
}

impl Reason {
    /// All reasons, by number.
    pub const ALL: [Reason; 10] = [
        Reason::Stamp,
        Reason::UnknownSource,
        Reason::UnknownTarget,
        Reason::UnknownKind,
        Reason::Capability,
        Reason::Tenant,
        Reason::Quarantined,
        Reason::Expired,
        Reason::Future,
        Reason::Impact,
    ];

    /// The reason's name in reports and records.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Stamp => "stamp",
            Reason::UnknownSource => "unknown-source",
            Reason::UnknownTarget => "unknown-target",
            Reason::UnknownKind => "unknown-kind",
            Reason::Capability => "capability",
            Reason::Tenant => "tenant",
            Reason::Quarantined => "quarantined",
            Reason::Expired => "expired",
            Reason::Future => "future",
            Reason::Impact => "impact",
        }
    }

    /// The reason's bit in a verdict.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The reason's bit if `fact` holds, else no bit.
    #[inline(always)]
    pub(crate) const fn when(self, fact: bool) -> u16 {
        (fact as u16) << self as u16
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The set of reasons why a message may not pass; empty means that it may.
///
/// ```
/// use ephor_constitution::{Reason, Ruling, Verdict};
///
/// let verdict = Verdict::PERMIT.with(Reason::Stamp).with(Reason::Capability);
/// assert_eq!(verdict.to_string(), "stamp+capability");
/// assert_eq!(verdict.ruling(), Ruling::Denied);
/// ```
#[must_use = "a message may pass only if its verdict says so"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Verdict(u16);

impl Verdict {
    /// No reason against the message.
    pub const PERMIT: Verdict = Verdict(0);

    const HOLD: Verdict = Verdict::PERMIT.with(Reason::Impact);
    const EXPIRED: Verdict = Verdict::PERMIT.with(Reason::Expired);

    /// Takes the sixteen bits as they are. A bit that names no reason denies (fail closed).
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Adds one reason.
    pub const fn with(self, reason: Reason) -> Self {
        Self(self.0 | reason.bit())
    }

    /// The sixteen bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether `reason` is in the set.
    pub const fn contains(self, reason: Reason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// Whether the message may pass.
    pub const fn is_permit(self) -> bool {
        self.0 == Self::PERMIT.0
    }

    /// Whether the message waits for deliberation: its impact is the only reason against it.
    pub const fn is_hold(self) -> bool {
        self.0 == Self::HOLD.0
    }

    /// Whether the message is refused: there is a reason other than its impact.
    pub const fn is_denied(self) -> bool {
        self.0 & !Self::HOLD.0 != 0
    }

    /// What is to be done with the message.
    pub const fn ruling(self) -> Ruling {
        if self.is_permit() {
            Ruling::Permit
        } else if self.is_hold() {
            Ruling::Hold
        } else if self.0 & !Self::HOLD.0 == Self::EXPIRED.0 {
            Ruling::Expired
        } else {
            Ruling::Denied
        }
    }

    /// The reasons by number. Bits that name no reason are left out.
    pub fn reasons(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl fmt::Display for Verdict {
    /// Writes `permit`, or the names of the reasons joined by `+`; `unnamed` stands for bits without one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_permit() {
            return f.write_str("permit");
        }
        let named: u16 = self.reasons().fold(0, |bits, reason| bits | reason.bit());
        let unnamed = (self.0 != named).then_some("unnamed");
        for (index, name) in self.reasons().map(Reason::name).chain(unnamed).enumerate() {
            if index > 0 {
                f.write_str("+")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// What is to be done with a message; the ledger counts these four apart.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// Deliver it.
    Permit,
    /// Hold it for deliberation.
    Hold,
    /// Drop it and count it as expired: its age is the only thing that denies it.
    Expired,
    /// Drop it and count it as denied.
    Denied,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_reasons_has_the_ruling_that_its_definition_says() {
        for bits in 0..=u16::MAX {
            let verdict = Verdict::from_bits(bits);
            let without_impact: Vec<u16> = (0..16).filter(|b| *b != 9 && bits & (1 << b) != 0).collect();
            let expected = match (without_impact.as_slice(), bits & (1 << 9) != 0) {
                ([], false) => Ruling::Permit,
                ([], true) => Ruling::Hold,
                ([7], _) => Ruling::Expired,
                _ => Ruling::Denied,
            };
            assert_eq!(verdict.ruling(), expected, "{bits:#018b}");
            assert_eq!(verdict.is_permit(), expected == Ruling::Permit);
            assert_eq!(verdict.is_hold(), expected == Ruling::Hold);
            assert_eq!(verdict.is_denied(), matches!(expected, Ruling::Expired | Ruling::Denied));
            assert_eq!(verdict.bits(), bits);
        }
    }

    #[test]
    fn all_reasons_stand_at_their_own_number() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            let verdict = Verdict::PERMIT.with(reason);
            assert_eq!(verdict.bits(), 1 << number);
            assert_eq!(verdict.reasons().collect::<Vec<_>>(), [reason]);
            assert_eq!(verdict.to_string(), reason.name());
        }
    }

    #[test]
    fn display_joins_the_names_and_admits_bits_without_one() {
        assert_eq!(Verdict::PERMIT.to_string(), "permit");
        assert_eq!(Verdict::from_bits(0b1_0001).to_string(), "stamp+capability");
        assert_eq!(Verdict::from_bits(1 << 15).to_string(), "unnamed");
        assert_eq!(Verdict::from_bits(1 << 15 | 1).to_string(), "stamp+unnamed");
        assert!(Verdict::from_bits(1 << 15).is_denied());
    }
}
