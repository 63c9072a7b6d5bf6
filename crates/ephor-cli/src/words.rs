//! Closed vocabularies: enums whose variants have one spelling each in files and on the command line.

/// A word of a closed vocabulary.
pub(crate) trait Word: Copy + 'static {
    /// Every word, in the order of declaration.
    const ALL: &'static [Self];

    /// How the word is spelled.
    fn name(self) -> &'static str;

    /// The word spelled `text`.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name() == text)
    }

    /// Every spelling, for an error: `customer, desk, tools`.
    fn choices() -> String {
        let names: Vec<_> = Self::ALL.iter().map(|word| word.name()).collect();
        names.join(", ")
    }
}

/// Declares an enum that is a [`Word`]: each variant with its spelling.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $crate::words::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str($crate::words::Word::name(*self))
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        /// Two words.
        Light {
            /// Stop.
            Red = "red",
            /// Go.
            Green = "green",
        }
    }

    #[test]
    fn only_the_exact_spelling_is_a_word() {
        assert_eq!(Light::parse("green"), Some(Light::Green));
        assert_eq!(Light::parse("Green"), None);
        assert_eq!(Light::parse(""), None);
        assert_eq!(Light::choices(), "red, green");
        assert_eq!(Light::Red.to_string(), "red");
    }
}
