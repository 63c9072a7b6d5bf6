//! How wide a text will be, without its font: an estimate from above, so that labels keep apart in any.

/// Shortest text that `shorten` leaves, in letters.
const KEPT_MIN: usize = 3;

/// Width of `text` in pixels, at `size` pixels a letter; what is wider than any usual font makes it.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let ems: f64 = text.chars().map(ems).sum();
    (ems * f64::from(size)).ceil() as i32
}

/// `text` with its middle left out, so that it is at most `room` wide: both ends of a name tell it apart.
pub(super) fn shorten(text: &str, size: i32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |kept: usize| {
        let (head, tail) = (kept - kept / 2, kept / 2);
        let (head, tail) = (&letters[..head], &letters[letters.len() - tail..]);
        head.iter().chain(['…'].iter()).chain(tail).collect::<String>()
    };
    // Every letter is at least a quarter wide, which bounds the search however long the text is.
    let most = letters.len().saturating_sub(1).min(usize::try_from(4 * room / size).unwrap_or(0));
    (KEPT_MIN..=most).rev().map(cut).find(|text| width(text, size) <= room).unwrap_or_else(|| "…".to_owned())
}

/// Width of a letter in units of the font's size.
fn ems(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.05,
        'A'..='Z' => 0.8,
        ' '..='~' => 0.66,
        '\u{80}'..='\u{2fff}' => 0.85,
        _ => 1.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_and_a_long_one_loses_its_middle() {
        assert_eq!(shorten("relay", 12, 100), "relay");
        let short = shorten("latency.overseers.health.p99", 12, 100);
        assert!(short.starts_with("lat") && short.ends_with("p99") && short.contains('…'), "{short}");
        assert!(width(&short, 12) <= 100);
    }

    #[test]
    fn whatever_the_text_is_it_fits_or_is_dots() {
        for text in ["", "W", &"W".repeat(100_000), &"漢".repeat(50), &"i".repeat(500)] {
            for room in [0, 1, 12, 40, 300] {
                let short = shorten(text, 12, room);
                assert!(width(&short, 12) <= room || short == "…", "{room}: {short}");
            }
        }
    }
}
