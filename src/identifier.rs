//! How configs name things: `"glorot_uniform"`, `"GlorotUniform"` or `{"class_name": …, "config": {…}}`.
//!
//! Initializers, regularizers, constraints, losses, metrics, optimizers and schedules all read their
//! names and fields through this one door, so that every wrong name and field is worded the same way.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config;
use crate::error::{Error, Result};

/// A class a config may name: its Keras name, and what else it answers to.
///
/// Case and underscores do not count, so the snake-case form of the name needs no alias.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The class name, as in Python and in files.
    pub class_name: &'static str,
    /// Further names, such as `mse`.
    pub aliases: &'static [&'static str],
}

impl Known {
    /// A class without aliases.
    pub const fn new(class_name: &'static str) -> Self {
        Self {
            class_name,
            aliases: &[],
        }
    }

    /// A class that answers to `aliases` too.
    pub const fn with(class_name: &'static str, aliases: &'static [&'static str]) -> Self {
        Self {
            class_name,
            aliases,
        }
    }
}

/// A class by its Keras name, and the fields it is made of.
#[derive(Debug, Clone)]
pub struct Identifier {
    /// The Keras name: one of the family's [`Known`] classes.
    pub class_name: &'static str,
    config: Map<String, Value>,
}

impl Identifier {
    /// Reads a name or a `{"class_name", "config"}` object against the `known` classes of a family.
    pub fn parse(family: &'static str, value: &Value, known: &[Known]) -> Result<Self> {
        let (name, config) = match value {
            Value::String(name) => (name.as_str(), Map::new()),
            Value::Object(object) => split(family, object)?,
            other => {
                return Err(Error::config(
                    format!("the name or config of {}", with_article(family)),
                    other.to_string(),
                ));
            }
        };
        Ok(Self {
            class_name: resolve(family, name, known)?,
            config,
        })
    }

    /// The fields as a typed struct; unknown and ill-typed ones are named in the error.
    pub fn fields<T: DeserializeOwned>(&self) -> Result<T> {
        config::parse(&Value::Object(self.config.clone()))
            .map_err(|error| error.at(self.class_name))
    }

    /// Takes a field out of the config, for those that are no field of the class itself.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.config.shift_remove(field)
    }

    /// Takes a string out of the config; `None` if it is absent or null.
    pub fn take_string(&mut self, field: &str) -> Result<Option<String>> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(
                Error::config(format!("a string for {field}"), other.to_string())
                    .at(self.class_name),
            ),
        }
    }

    /// Takes `dtype` out of the config. Refuses one that promises more digits than are computed with.
    pub fn take_dtype(&mut self, dtype: &str) -> Result<()> {
        match self.take_string("dtype")? {
            Some(other) if other != dtype && other != "float32" => Err(Error::config(
                format!("dtype {dtype:?}, that of the predictions"),
                format!("dtype={other:?}"),
            )
            .at(self.class_name)),
            _ => Ok(()),
        }
    }

    /// Refuses any field: for classes that have none.
    pub fn no_fields(&self) -> Result<()> {
        match self.config.keys().next() {
            None => Ok(()),
            Some(field) => {
                Err(Error::config("no arguments", format!("`{field}`")).at(self.class_name))
            }
        }
    }
}

/// The class name and config of an object; Keras's `module` and `registered_name` say nothing new.
fn split<'a>(
    family: &'static str,
    object: &'a Map<String, Value>,
) -> Result<(&'a str, Map<String, Value>)> {
    let refuse = |got: String| {
        Error::config(
            format!(
                "{} as {{\"class_name\": …, \"config\": {{…}}}}",
                with_article(family)
            ),
            got,
        )
    };
    let allowed = ["class_name", "config", "module", "registered_name"];
    if let Some(key) = object.keys().find(|k| !allowed.contains(&k.as_str())) {
        return Err(refuse(format!("the key {key:?}")));
    }
    let name = object
        .get("class_name")
        .and_then(Value::as_str)
        .ok_or_else(|| refuse("no class_name".into()))?;
    let config = match object.get("config") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(config)) => config.clone(),
        Some(other) => return Err(refuse(format!("the config {other}"))),
    };
    Ok((name, config))
}

/// The class that `name` means, or an error that names the nearest one.
pub fn resolve(family: &'static str, name: &str, known: &[Known]) -> Result<&'static str> {
    let wanted = folded(name);
    known
        .iter()
        .find(|k| folded(k.class_name) == wanted || k.aliases.iter().any(|a| folded(a) == wanted))
        .map(|k| k.class_name)
        .ok_or_else(|| {
            let error = Error::config(
                format!("the name of {}", with_article(family)),
                format!("{name:?}"),
            );
            match nearest(name, known.iter().map(|k| k.class_name)) {
                Some(nearest) => error.remedy(format!("Did you mean {nearest:?}?")),
                None => error,
            }
        })
}

/// The candidate with the fewest changed letters; case and underscores do not count.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(name);
    candidates
        .into_iter()
        .min_by_key(|candidate| distance(&wanted, &folded(candidate)))
}

fn folded(name: &str) -> String {
    name.chars()
        .filter(|&c| c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

fn with_article(family: &str) -> String {
    let article = if family.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {family}")
}

/// Number of letters to insert, delete or replace (Levenshtein, 1966), row by row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[Known] = &[
        Known::new("GlorotUniform"),
        Known::with("MeanSquaredError", &["mse"]),
    ];

    #[test]
    fn names_match_in_any_case_and_by_alias() {
        for (name, class) in [
            ("glorot_uniform", "GlorotUniform"),
            ("GlorotUniform", "GlorotUniform"),
            ("MSE", "MeanSquaredError"),
        ] {
            assert_eq!(resolve("thing", name, KNOWN).unwrap(), class);
        }
    }

    #[test]
    fn unknown_name_is_told_the_nearest() {
        let error = Identifier::parse("initializer", &json!("glorot_unifrom"), KNOWN).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected the name of an initializer, got \"glorot_unifrom\". Did you mean \"GlorotUniform\"?"
        );
    }

    #[test]
    fn unknown_field_is_named() {
        let value = json!({"class_name": "GlorotUniform", "config": {"sed": 3}});
        let identifier = Identifier::parse("initializer", &value, KNOWN).unwrap();
        let error = identifier.no_fields().unwrap_err().to_string();
        assert_eq!(error, "GlorotUniform: expected no arguments, got `sed`");
    }

    #[test]
    fn keras_objects_with_module_are_read_and_other_keys_refused() {
        let keras = json!({"module": "keras.losses", "class_name": "mse", "config": {}, "registered_name": null});
        assert_eq!(
            Identifier::parse("loss", &keras, KNOWN).unwrap().class_name,
            "MeanSquaredError"
        );
        let wrong = json!({"class_name": "mse", "conf": {}});
        let error = Identifier::parse("loss", &wrong, KNOWN).unwrap_err();
        assert!(error.to_string().contains("\"conf\""), "{error}");
    }
}
