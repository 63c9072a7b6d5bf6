//! From values to pixels, evenly or by orders of magnitude, and the round values that an axis is labelled with.

/// Most ticks that are offered for an axis.
const TICKS_MAX: usize = 12;
/// How far the ends of a range are apart at least, as a factor.
const SPAN_MIN: f64 = 2.0;

/// A range of values laid over a range of pixels, which may run backwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    start: i32,
    end: i32,
    is_log: bool,
}

impl Scale {
    /// An even scale from `low` to `high`.
    pub(super) fn even((low, high): (f64, f64), (start, end): (i32, i32)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, start, end, is_log: false }
    }

    /// A logarithmic scale over `values`, of which those that have no logarithm are passed over; none when all are.
    pub(super) fn log(values: impl Iterator<Item = f64>, (start, end): (i32, i32)) -> Option<Self> {
        let values = values.filter(|value| value.is_normal() && *value > 0.0);
        let (low, high) =
            values.fold((f64::MAX, 0.0), |(low, high), value| (value.min(low), value.max(high)));
        let room = (SPAN_MIN * low / high).max(1.0).sqrt();
        let (low, high) = (low / room, high * room);
        (low < high).then_some(Self { low, high, start, end, is_log: true })
    }

    /// Where `value` lies, in pixels; beyond the ends, at the end.
    pub(super) fn at(&self, value: f64) -> i32 {
        let bend = |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let part = (bend(value) - bend(self.low)) / (bend(self.high) - bend(self.low));
        // A value that is no number lies at the start.
        let part = part.clamp(0.0, 1.0);
        self.start + (part * f64::from(self.end - self.start)).round() as i32
    }

    /// The most round values in the range that `fit`; an axis without any when none do.
    pub(super) fn ticks(&self, fit: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let mut offers = if self.is_log { self.decades() } else { Vec::new() };
        // Within an order of magnitude, even steps say more than the few powers in it.
        if !self.is_log || self.high / self.low < 8.0 {
            offers.splice(0..0, self.steps());
        }
        let is_offer = |ticks: &Vec<f64>| ticks.len() >= 2 && ticks.len() <= TICKS_MAX && fit(ticks);
        offers.into_iter().find(is_offer).unwrap_or_default()
    }

    /// Even steps of 1, 2 or 5 times a power of ten, the finest first.
    fn steps(&self) -> Vec<Vec<f64>> {
        let power = (self.high - self.low).log10().floor() as i32;
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power));
        steps.iter().map(|step| self.multiples(*step)).collect()
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..=TICKS_MAX).map(|index| (first + index as f64) * step);
        // A number as it is written in decimal: sums of steps leave dust.
        let values = values.map(|value| format!("{value:.12e}").parse().unwrap_or(value));
        values.take_while(|value| *value <= self.high * (1.0 + 1e-9)).collect()
    }

    /// 1, 2 and 5 times each power of ten, then each power, then every second, third and so on.
    fn decades(&self) -> Vec<Vec<f64>> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let within = |value: &f64| *value >= self.low * (1.0 - 1e-9) && *value <= self.high * (1.0 + 1e-9);
        let all = |factors: &[f64], stride: usize| {
            let powers = (first..=last)
                .filter(|power| power.rem_euclid(stride as i32) == 0)
                .map(|power| 10f64.powi(power));
            let values = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
            values.filter(within).collect::<Vec<f64>>()
        };
        let mut offers = vec![all(&[1.0, 2.0, 5.0], 1)];
        offers.extend((1..=8).map(|stride| all(&[1.0], stride)));
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(low: f64, high: f64) -> Scale {
        Scale::log([low, high].into_iter(), (0, 100)).unwrap()
    }

    #[test]
    fn ends_lie_at_the_ends_and_what_is_beyond_does_too() {
        let scale = log(1.0, 10_000.0);
        assert_eq!([1.0, 100.0, 10_000.0].map(|value| scale.at(value)), [0, 50, 100]);
        assert_eq!([0.0, -1.0, f64::NAN, 1e300].map(|value| scale.at(value)), [0, 0, 0, 100]);
        let down = Scale::even((0.0, 1.0), (200, 20));
        assert_eq!([0.0, 0.5, 1.0, 2.0].map(|value| down.at(value)), [200, 110, 20, 20]);
    }

    #[test]
    fn what_has_no_logarithm_makes_no_scale() {
        assert!(Scale::log([].into_iter(), (0, 9)).is_none());
        assert!(Scale::log([0.0, -1.0, f64::NAN, f64::INFINITY].into_iter(), (0, 9)).is_none());
        assert_eq!(
            Scale::log([0.0, 7.0].into_iter(), (0, 100)).unwrap().at(7.0),
            50,
            "one value is in the middle"
        );
    }

    #[test]
    fn ticks_are_round_and_as_many_as_fit() {
        assert_eq!(log(1.0, 100.0).ticks(|_| true), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(log(3.0, 4e6).ticks(|ticks| ticks.len() < 4), [1e2, 1e4, 1e6]);
        assert_eq!(log(1_000.0, 2_000.0).ticks(|ticks| ticks.len() < 7).len(), 6);
        assert_eq!(Scale::even((0.0, 1.0), (0, 9)).ticks(|ticks| ticks.len() < 4), [0.0, 0.5, 1.0]);
        assert_eq!(Scale::even((0.0, 0.3), (0, 9)).ticks(|_| true)[3], 0.15);
        assert!(log(1.0, 2.0).ticks(|_| false).is_empty());
    }
}
