//! Canonical JSON: one text per value, so that equal inputs have equal keys.
//!
//! Compact, object keys sorted by their bytes, numbers and strings as `serde_json` writes them. The keys
//! are sorted here and not left to the map, whose order depends on a feature that any crate of a build may
//! turn on. `1` and `1.0` stay two texts: that costs a cache hit, never a wrong answer.

use serde_json::Value;

/// Writes `value` as canonical JSON.
///
/// Linear in its size but for the sorting of keys; allocates. Recursion follows the nesting of `value`,
/// which a parsed text bounds at 128.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    bytes
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => write_list(b'[', items, b']', out, write),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|&(key, _)| key);
            write_list(b'{', &fields, b'}', out, |&(key, value), out| {
                serde_json::to_writer(&mut *out, key).expect("a string has a text and a vector takes it");
                out.push(b':');
                write(value, out);
            });
        }
        scalar => serde_json::to_writer(out, scalar).expect("a scalar has a text and a vector takes it"),
    }
}

fn write_list<T>(open: u8, items: &[T], close: u8, out: &mut Vec<u8>, each: impl Fn(&T, &mut Vec<u8>)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&value)).unwrap(), expected);
    }

    #[test]
    fn keys_are_sorted_at_every_depth_and_space_is_dropped() {
        check(
            r#"{ "b": [ 1, { "d": null, "c": true } ], "a": {} }"#,
            r#"{"a":{},"b":[1,{"c":true,"d":null}]}"#,
        );
    }

    #[test]
    fn strings_are_escaped_one_way() {
        check(r#"{"\u0061\n\u0001\"é":"\/"}"#, r#"{"a\n\u0001\"é":"/"}"#);
    }

    #[test]
    fn numbers_keep_their_kind() {
        check("[1,1.0,-0.5,18446744073709551615,1e2]", "[1,1.0,-0.5,18446744073709551615,100.0]");
    }

    #[test]
    fn the_text_means_the_same_value() {
        let text = r#"{"z":{"y":[[],{},""],"x":-1},"":0}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&to_bytes(&value)).unwrap(), value);
    }
}
