//! Figures as people read them: three significant digits and a unit.
//!
//! Rounding never flatters: what is less than 100 % is not printed as 100 %. The report's JSON has the exact values.

/// What stands for a value that is not a number.
const NONE: &str = "n/a";
/// Digits of a figure that count.
const DIGITS: i32 = 3;
/// Decimals that are tried before a share is called `< 100 %`.
const DECIMALS_MAX: usize = 6;
/// From here on numbers are written with a power of ten.
const PLAIN_MAX: f64 = 1e15;

const TIMES: [(f64, &str); 4] = [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns")];
const RATES: [(f64, &str); 4] = [(1e9, "G msg/s"), (1e6, "M msg/s"), (1e3, "k msg/s"), (1.0, "msg/s")];

/// A figure of the report in its unit.
///
/// # Examples
/// ```
/// use ephor_profile::figure::value;
/// assert_eq!(value(1_234.5, "ns"), "1.23 us");
/// assert_eq!(value(99.996, "%"), "99.996 %");
/// assert_eq!(value(12_345.0, "count"), "12,345");
/// ```
pub fn value(value: f64, unit: &str) -> String {
    match unit {
        "ns" => time(value),
        "msg/s" => rate(value),
        "%" => percent(value),
        "count" | "" => plain(value),
        "ratio" => significant(value),
        other => format!("{} {other}", plain(value)),
    }
}

/// A time in nanoseconds, as `ns`, `us`, `ms` or `s`.
pub fn time(ns: f64) -> String {
    scaled(ns, &TIMES, significant)
}

/// A time in nanoseconds for the label of an axis: without zeros at the end, and 0 without a unit.
pub fn time_tick(ns: f64) -> String {
    if ns == 0.0 { "0".to_owned() } else { scaled(ns, &TIMES, trimmed) }
}

/// Messages a second.
pub fn rate(per_s: f64) -> String {
    scaled(per_s, &RATES, significant)
}

/// Messages a second for the label of an axis, whose title has the unit.
pub fn rate_tick(per_s: f64) -> String {
    let text = scaled(per_s, &RATES, trimmed);
    text.trim_end_matches("msg/s").trim_end().to_owned()
}

/// A share of 0 to 1, in percent with one decimal, unless that would make nothing or all of it.
pub fn share(part: f64) -> String {
    let text = format!("{:.1} %", 100.0 * part);
    let is_blurred = matches!(text.as_str(), "0.0 %" | "100.0 %");
    if is_blurred || !part.is_finite() || part > 1e3 { percent(100.0 * part) } else { text }
}

/// A number without a unit: whole ones in full, others with three digits.
pub fn plain(value: f64) -> String {
    let is_whole = value.fract() == 0.0 && value.abs() < PLAIN_MAX;
    if is_whole { grouped(&format!("{value:.0}")) } else { significant(value) }
}

/// A count, with a comma between thousands.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// `value` with three digits and no zeros at the end.
pub fn trimmed(value: f64) -> String {
    let text = significant(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share in percent; what is not all of it never reads as all of it.
fn percent(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let short = significant(value);
    if value >= 100.0 || short != "100" {
        return format!("{short} %");
    }
    let longer = (1..=DECIMALS_MAX).map(|decimals| format!("{value:.decimals$}"));
    longer.into_iter().find(|text| !text.starts_with("100")).map_or("< 100 %".to_owned(), |text| text + " %")
}

/// `value` in the largest of `units` that it has one of, once it is rounded.
fn scaled(value: f64, units: &[(f64, &str); 4], digits: fn(f64) -> String) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let size = rounded(value).abs();
    let (scale, unit) = units.iter().find(|(scale, _)| size >= *scale).unwrap_or(&units[3]);
    format!("{} {unit}", digits(value / scale))
}

/// `value` with three significant digits.
fn significant(value: f64) -> String {
    let value = rounded(value);
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = usize::try_from(DIGITS - 1 - magnitude(value)).unwrap_or(0);
    if decimals > 9 || value.abs() >= PLAIN_MAX {
        format!("{value:.2e}")
    } else {
        grouped(&format!("{value:.decimals$}"))
    }
}

/// The nearest number of three significant digits.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let decimals = DIGITS - 1 - magnitude(value);
    // Two factors that are whole numbers: dividing by 0.001 would leave dust.
    let (up, down) = (10f64.powi(decimals.max(0)), 10f64.powi((-decimals).max(0)));
    let whole = (value * up / down).round();
    if whole.is_finite() { whole * down / up } else { value }
}

/// The power of ten of the first digit.
fn magnitude(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// Commas between the thousands of a decimal number.
fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = number.find('.').map_or((number, ""), |dot| number.split_at(dot));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return NONE.to_owned();
    }
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_carry_into_the_next_unit() {
        let cases = [
            (0.0, "0 ns"),
            (0.42, "0.420 ns"),
            (7.0, "7.00 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 us"),
            (1_234.0, "1.23 us"),
            (9_996.0, "10.0 us"),
            (1e6, "1.00 ms"),
            (59_999_000_000.0, "60.0 s"),
            (1e12, "1,000 s"),
            (-1_500.0, "-1.50 us"),
        ];
        for (ns, text) in cases {
            assert_eq!(time(ns), text, "{ns}");
        }
    }

    #[test]
    fn what_is_not_all_does_not_read_as_all() {
        assert_eq!(value(100.0, "%"), "100 %");
        assert_eq!(value(99.97, "%"), "99.97 %");
        assert_eq!(value(99.999_999_99, "%"), "< 100 %");
        assert_eq!(value(0.0, "%"), "0 %");
        assert_eq!(
            [0.1234, 0.006, 0.0, 1.0, 1e-5].map(share),
            ["12.3 %", "0.6 %", "0 %", "100 %", "0.00100 %"]
        );
    }

    #[test]
    fn counts_are_whole_and_rates_are_short() {
        assert_eq!(count(0), "0");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(value(1_234_567.0, "msg/s"), "1.23 M msg/s");
        assert_eq!(value(1_000.0, "count"), "1,000");
        assert_eq!([value(1.0 / 3.0, "ratio"), value(1.0, "ratio")], ["0.333", "1.00"]);
        assert_eq!(value(12.5, "frames"), "12.5 frames");
    }

    #[test]
    fn ticks_are_as_short_as_they_can_be() {
        assert_eq!([time_tick(0.0), time_tick(1e4), time_tick(2.5e6)], ["0", "10 us", "2.5 ms"]);
        assert_eq!([rate_tick(5e5), rate_tick(20.0)], ["500 k", "20"]);
    }

    #[test]
    fn what_is_no_number_says_so() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for unit in ["ns", "msg/s", "%", "count", "ratio", "frames"] {
                assert!(value(bad, unit).starts_with(NONE), "{bad} {unit}");
            }
        }
        assert_eq!(value(1e-12, "ratio"), "1.00e-12");
        assert_eq!([value(1e12, "count"), value(1e300, "count")], ["1,000,000,000,000", "1.00e300"]);
        assert!(!time(f64::MIN_POSITIVE).is_empty() && !time(f64::MAX).is_empty());
    }
}
