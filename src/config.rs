//! Reading configurations: Keras-style JSON into typed hyper-parameters, with errors that name the field.

mod reader;

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, Result};
use reader::{Misfit, Reader};

/// `config` as a `T`, or an error that names the field, what it should be and what it is.
///
/// ```
/// #[derive(Debug, serde::Deserialize)]
/// struct Dense {
///     units: usize,
/// }
/// let error = lamina::config::parse::<Dense>(&serde_json::json!({"units": -3})).unwrap_err();
/// assert_eq!(error.to_string(), "expected `units` to be a non-negative integer, got integer `-3`");
/// ```
pub fn parse<T: DeserializeOwned>(config: &Value) -> Result<T> {
    T::deserialize(Reader(config)).map_err(in_words)
}

/// What does not fit, as the user is told. Not a part of `parse`, which is compiled for every configuration.
fn in_words(misfit: Misfit) -> Error {
    let (path, message) = (misfit.path, misfit.error.to_string());
    // What reads itself (an initializer, an activation) words its own errors.
    if let Some((expected, got)) = message
        .strip_prefix("expected ")
        .and_then(|rest| rest.split_once(", got "))
    {
        return Error::config(format!("`{path}` to be {expected}"), got);
    }
    let (got, expected) = message.split_once(", expected ").unwrap_or((&message, ""));
    let got = got
        .trim_start_matches("invalid type: ")
        .trim_start_matches("invalid value: ");
    match (path.as_str(), expected) {
        (_, "") => Error::config(
            if path.is_empty() {
                "a valid configuration".into()
            } else {
                format!("a valid `{path}`")
            },
            got,
        ),
        ("", expected) => Error::config(expected, got),
        (path, expected) => {
            Error::config(format!("`{path}` to be {}", type_in_words(expected)), got)
        }
    }
}

/// Rust's names of types in words a Python user knows.
fn type_in_words(expected: &str) -> &str {
    match expected {
        "usize" | "u64" | "u32" => "a non-negative integer",
        "isize" | "i64" | "i32" => "an integer",
        "f64" | "f32" => "a number",
        other => other,
    }
}

/// An integer, or several: `3` and `[3]` say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integers(pub Vec<i64>);

impl fmt::Display for Integers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(i64::to_string).collect();
        let comma = if numbers.len() == 1 { "," } else { "" };
        write!(f, "({}{comma})", numbers.join(", "))
    }
}

impl<'de> Deserialize<'de> for Integers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Integers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a list of integers")
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Integers, E> {
                Ok(Integers(vec![n]))
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Integers, E> {
                let unexpected = serde::de::Unexpected::Unsigned(n);
                let n = i64::try_from(n).map_err(|_| E::invalid_value(unexpected, &self))?;
                Ok(Integers(vec![n]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Integers, A::Error> {
                let mut numbers = Vec::new();
                while let Some(n) = list.next_element()? {
                    numbers.push(n);
                }
                Ok(Integers(numbers))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
