//! Reading configurations: Keras-style JSON into typed hyper-parameters, with errors that name the field.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

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
    serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let (got, expected) = message.split_once(", expected ").unwrap_or((&message, ""));
        let got = got
            .trim_start_matches("invalid type: ")
            .trim_start_matches("invalid value: ");
        match (path.as_str(), expected) {
            (_, "") => Error::config(
                if path == "." {
                    "a valid configuration".into()
                } else {
                    format!("a valid `{path}`")
                },
                got,
            ),
            (".", expected) => Error::config(expected, got),
            (path, expected) => {
                Error::config(format!("`{path}` to be {}", in_words(expected)), got)
            }
        }
    })
}

/// Rust's names of types in words a Python user knows.
fn in_words(expected: &str) -> &str {
    match expected {
        "usize" | "u64" | "u32" => "a non-negative integer",
        "isize" | "i64" | "i32" => "an integer",
        "f64" | "f32" => "a number",
        other => other,
    }
}
