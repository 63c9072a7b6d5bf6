//! The units that figures are told in, and the way from one to another.

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    /// What it measures: only units of one dimension convert.
    dimension: Dimension,
    /// How many of the dimension's smallest unit it is; a power of ten, so that converting is exact to the last digit.
    scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Dimension {
    Time,
    Rate,
    Share,
    Count,
}

const UNITS: [Unit; 10] = [
    Unit { name: "ns", dimension: Dimension::Time, scale: 1.0 },
    Unit { name: "us", dimension: Dimension::Time, scale: 1e3 },
    Unit { name: "ms", dimension: Dimension::Time, scale: 1e6 },
    Unit { name: "s", dimension: Dimension::Time, scale: 1e9 },
    Unit { name: "msg/s", dimension: Dimension::Rate, scale: 1.0 },
    Unit { name: "kmsg/s", dimension: Dimension::Rate, scale: 1e3 },
    Unit { name: "Mmsg/s", dimension: Dimension::Rate, scale: 1e6 },
    Unit { name: "%", dimension: Dimension::Share, scale: 1.0 },
    Unit { name: "ratio", dimension: Dimension::Share, scale: 1e2 },
    Unit { name: "count", dimension: Dimension::Count, scale: 1.0 },
];

/// The unit of this name.
pub(super) fn unit(name: &str) -> Option<Unit> {
    UNITS.into_iter().find(|unit| unit.name == name)
}

/// The names of the units that a figure in `unit` can be told in.
pub(super) fn alike(unit: Unit) -> Vec<&'static str> {
    UNITS.into_iter().filter(|other| other.dimension == unit.dimension).map(|other| other.name).collect()
}

impl Unit {
    /// `value`, which is in this unit, in `other`; none when they measure different things.
    pub(super) fn tell(self, value: f64, other: Self) -> Option<f64> {
        let is_larger = self.scale >= other.scale;
        let told =
            if is_larger { value * (self.scale / other.scale) } else { value / (other.scale / self.scale) };
        (self.dimension == other.dimension).then_some(told)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    fn tell(value: f64, from: &str, to: &str) -> Option<f64> {
        unit(from).unwrap().tell(value, unit(to).unwrap())
    }

    #[test]
    fn units_of_one_dimension_convert_both_ways() {
        assert_eq!(tell(5_000_000.0, "ns", "ms"), Some(5.0));
        assert_eq!(tell(0.1, "us", "ns"), Some(100.0));
        assert_eq!(tell(195_949.0, "msg/s", "kmsg/s"), Some(195.949));
        assert_eq!(tell(1.0, "ratio", "%"), Some(100.0));
        assert_eq!(tell(85.0, "%", "ratio"), Some(0.85));
        assert_eq!(tell(3.0, "count", "count"), Some(3.0));
    }

    #[test]
    fn units_of_two_dimensions_do_not() {
        assert_eq!(tell(1.0, "ns", "msg/s"), None);
        assert_eq!(tell(1.0, "count", "ratio"), None);
        assert!(unit("parsec").is_none());
    }

    #[test]
    fn a_figure_can_be_told_in_the_units_of_its_dimension() {
        assert_eq!(alike(unit("ns").unwrap()), ["ns", "us", "ms", "s"]);
        assert_eq!(alike(unit("ratio").unwrap()), ["%", "ratio"]);
    }
}
