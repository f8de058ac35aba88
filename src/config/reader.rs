//! A JSON value as serde reads it, with the way to what does not fit.
//!
//! It accepts what `serde_json` accepts of a value, but no lists for structures. It is generic over little, as what is
//! generic here is compiled for every configuration.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

/// What does not fit, and where.
#[derive(Debug)]
pub struct Misfit {
    /// Keys and places in lists from the outermost value inwards, such as `layers[2].units`; empty for the value itself.
    pub path: String,
    /// What is wrong there.
    pub error: serde_json::Error,
}

impl Misfit {
    fn under(mut self, step: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

impl From<serde_json::Error> for Misfit {
    fn from(error: serde_json::Error) -> Self {
        let path = String::new();
        Self { path, error }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        serde_json::Error::custom(message).into()
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        serde_json::Error::invalid_type(got, expected).into()
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        serde_json::Error::invalid_value(got, expected).into()
    }
}

/// Reads a value.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a Value);

impl Reader<'_> {
    #[cold]
    fn misfit(self, expected: &dyn Expected) -> Misfit {
        let got = match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(b) => Unexpected::Bool(*b),
            Value::Number(n) => unexpected(n),
            Value::String(s) => Unexpected::Str(s),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Misfit::invalid_type(got, expected)
    }
}

fn unexpected(n: &Number) -> Unexpected<'static> {
    match (n.as_u64(), n.as_i64(), n.as_f64()) {
        (Some(n), _, _) => Unexpected::Unsigned(n),
        (_, Some(n), _) => Unexpected::Signed(n),
        (_, _, n) => Unexpected::Float(n.unwrap_or(f64::NAN)),
    }
}

fn number<'de, V: Visitor<'de>>(n: &Number, visitor: V) -> Result<V::Value, Misfit> {
    match unexpected(n) {
        Unexpected::Unsigned(n) => visitor.visit_u64(n),
        Unexpected::Signed(n) => visitor.visit_i64(n),
        Unexpected::Float(n) => visitor.visit_f64(n),
        other => Err(Misfit::invalid_type(other, &visitor)),
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0 {
                Value::Number(n) => number(n, visitor),
                _ => Err(self.misfit(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(n) => number(n, visitor),
            Value::String(s) => visitor.visit_str(s),
            Value::Array(list) => visitor.visit_seq(List(list.iter().enumerate())),
            Value::Object(map) => visitor.visit_map(Entries::new(map)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Bool(b) => visitor.visit_bool(*b),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(s) => visitor.visit_str(s),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Array(list) => visitor.visit_seq(List(list.iter().enumerate())),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Array(list) if list.len() > len => {
                Err(Misfit::invalid_length(list.len(), &visitor))
            }
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(Entries::new(map)),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(s) => visitor.visit_enum(text(s)),
            Value::Object(map) => visitor.visit_enum(MapAccessDeserializer::new(Entries::new(map))),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple_struct identifier
    }
}

fn text(s: &str) -> StrDeserializer<'_, Misfit> {
    s.into_deserializer()
}

struct List<'a>(std::iter::Enumerate<std::slice::Iter<'a, Value>>);

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        match self.0.next() {
            Some((i, value)) => match seed.deserialize(Reader(value)) {
                Ok(element) => Ok(Some(element)),
                Err(misfit) => Err(misfit.under(&format!("[{i}]"))),
            },
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'a> {
    rest: serde_json::map::Iter<'a>,
    /// The entry whose key has been read.
    open: Option<(&'a String, &'a Value)>,
}

impl<'a> Entries<'a> {
    fn new(map: &'a Map<String, Value>) -> Self {
        let rest = map.iter();
        Self { rest, open: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        self.open = self.rest.next();
        match self.open {
            Some((key, _)) => match seed.deserialize(text(key)) {
                Ok(key) => Ok(Some(key)),
                Err(misfit) => Err(misfit.under(key)),
            },
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let Some((key, value)) = self.open.take() else {
            return Err(Misfit::custom("value is missing"));
        };
        seed.deserialize(Reader(value))
            .map_err(|misfit| misfit.under(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}
