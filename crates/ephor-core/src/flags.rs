//! The header's sixteen flag bits: priority, impact class, loan, receipt and tenant.
//!
//! ```text
//! bit  15 14 13 12 11 10  9  8 | 7       | 6    | 5 4 3 2 | 1 0
//!      tenant class (0..=255)  | receipt | loan | impact  | priority
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Priority;

const PRIORITY_MASK: u16 = 0b11;
const IMPACT_SHIFT: u16 = 2;
const IMPACT_MASK: u16 = 0b1111 << IMPACT_SHIFT;
const LOAN_BIT: u16 = 1 << 6;
const RECEIPT_BIT: u16 = 1 << 7;
const TENANT_SHIFT: u16 = 8;

/// How much an action may change, in tenths: class 8 is an impact score of at least 0.8.
///
/// Sixteen values fit the header; 11 to 15 are beyond any score and so above every threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Impact(u8);

impl Impact {
    /// The largest class that a header can carry.
    pub const MAX: Impact = Impact(15);

    /// Makes a class from its number, 0 to 15; larger numbers become 15 (fail closed: more impact).
    pub const fn from_class(class: u8) -> Self {
        Self(if class > 15 { 15 } else { class })
    }

    /// Makes the class of a score from 0 to 1, rounded down to a tenth. What is not a number is class 15.
    ///
    /// A score within a billionth below a tenth counts as that tenth, so 0.8 is class 8 whatever sum made it.
    pub fn from_score(score: f64) -> Self {
        if !score.is_finite() {
            return Self::MAX;
        }
        Self((score * 10.0 + 1e-8).floor().clamp(0.0, 10.0) as u8)
    }

    /// The class as a number, 0 to 15.
    pub const fn class(self) -> u8 {
        self.0
    }
}

/// The tenant class that a message belongs to; 0 is "no tenant".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub u8);

/// The packed flags of a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(transparent)]
pub struct Flags(u16);

impl Flags {
    /// Medium priority, no impact, no tenant, neither loan nor receipt.
    pub const fn new() -> Self {
        Self(Priority::Medium as u16)
    }

    /// Takes the sixteen bits as they are; every value is valid.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Replaces the priority.
    pub const fn with_priority(self, priority: Priority) -> Self {
        Self((self.0 & !PRIORITY_MASK) | priority as u16)
    }

    /// Replaces the impact class.
    pub const fn with_impact(self, impact: Impact) -> Self {
        Self((self.0 & !IMPACT_MASK) | ((impact.0 as u16) << IMPACT_SHIFT))
    }

    /// Replaces the tenant class.
    pub const fn with_tenant(self, tenant: Tenant) -> Self {
        Self((self.0 & 0xff) | ((tenant.0 as u16) << TENANT_SHIFT))
    }

    /// Marks that the payload begins with the handle of a pool block.
    pub const fn with_loan(self) -> Self {
        Self(self.0 | LOAN_BIT)
    }

    /// Asks for a receipt: the sender is told, once, what became of the message.
    pub const fn with_receipt(self) -> Self {
        Self(self.0 | RECEIPT_BIT)
    }

    /// The sixteen bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The priority.
    pub const fn priority(self) -> Priority {
        Priority::from_bits(self.0 & PRIORITY_MASK)
    }

    /// The impact class.
    pub const fn impact(self) -> Impact {
        Impact(((self.0 & IMPACT_MASK) >> IMPACT_SHIFT) as u8)
    }

    /// The tenant class.
    pub const fn tenant(self) -> Tenant {
        Tenant((self.0 >> TENANT_SHIFT) as u8)
    }

    /// Whether the message's end owes something to others.
    #[inline(always)]
    pub const fn has_loan_or_receipt(self) -> bool {
        self.0 & (LOAN_BIT | RECEIPT_BIT) != 0
    }

    /// Whether the payload begins with the handle of a pool block.
    pub const fn has_loan(self) -> bool {
        self.0 & LOAN_BIT != 0
    }

    /// Whether the sender is to be told what became of the message.
    pub const fn has_receipt(self) -> bool {
        self.0 & RECEIPT_BIT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_to_its_own_bits() {
        for bits in 0..=u16::MAX {
            let flags = Flags::from_bits(bits);
            let rebuilt = Flags::default()
                .with_priority(flags.priority())
                .with_impact(flags.impact())
                .with_tenant(flags.tenant());
            let rebuilt = if flags.has_loan() { rebuilt.with_loan() } else { rebuilt };
            let rebuilt = if flags.has_receipt() { rebuilt.with_receipt() } else { rebuilt };
            assert_eq!(rebuilt, flags);
        }
    }

    #[test]
    fn a_score_at_a_tenth_is_that_tenth() {
        for class in 0..=10_u8 {
            assert_eq!(Impact::from_score(f64::from(class) / 10.0).class(), class);
        }
        assert_eq!(Impact::from_score(0.79).class(), 7);
        assert_eq!(Impact::from_score(0.1 + 0.7).class(), 8, "0.1 + 0.7 is a little under 0.8");
        assert_eq!(Impact::from_score(f64::NAN), Impact::MAX);
        assert_eq!(Impact::from_score(-1.0).class(), 0);
        assert_eq!(Impact::from_class(200), Impact::MAX);
    }
}
