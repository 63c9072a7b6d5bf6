//! What does not compile, and what the compiler says: the messages are part of the contract.

#[test]
fn mistakes_are_refused_with_words_that_help() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
