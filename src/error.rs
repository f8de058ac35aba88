//! Every mistake a user can make, worded once: who, what was expected, what came, and a remedy.

use std::fmt;

/// What went wrong, where, and what helps. Shown as `WHERE: expected EXPECTED, got GOT. REMEDY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Layer kind and name (`Dense "dense_1"`), or the function; empty until somebody knows it.
    pub at: String,
    /// What was expected and why.
    pub expected: String,
    /// What came.
    pub got: String,
    /// A likely way out, as a whole sentence; empty if none is known.
    pub remedy: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        write!(f, "expected {}, got {}", self.expected, self.got)?;
        if !self.remedy.is_empty() {
            write!(f, ". {}", self.remedy)?;
        }
        Ok(())
    }
}

/// An error of this crate. Everything a caller can cause is one of these; nothing panics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shape of an input, target or weight does not fit.
    #[error("{0}")]
    Shape(Box<Report>),
    /// A hyper-parameter or setting is unknown, out of range or in conflict with another.
    #[error("{0}")]
    Config(Box<Report>),
    /// A parameter (weight) is missing, doubled or of the wrong size.
    #[error("{0}")]
    Param(Box<Report>),
    /// A value in the data is not allowed: a label or id out of range, NaN, an empty array.
    #[error("{0}")]
    Data(Box<Report>),
    /// A file could not be read or written, or is not what it should be.
    #[error("{0}")]
    Io(String),
    /// The work was stopped by a signal; weights are as after the last finished step.
    #[error("interrupted")]
    Interrupted,
}

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn report(expected: impl Into<String>, got: impl Into<String>) -> Box<Report> {
    Box::new(Report {
        at: String::new(),
        expected: expected.into(),
        got: got.into(),
        remedy: String::new(),
    })
}

impl Error {
    /// A shape that does not fit.
    pub fn shape(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Shape(report(expected, got))
    }

    /// A setting that is not allowed.
    pub fn config(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Config(report(expected, got))
    }

    /// A parameter that is missing or of the wrong size.
    pub fn param(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Param(report(expected, got))
    }

    /// A value in the data that is not allowed.
    pub fn data(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Data(report(expected, got))
    }

    fn report_mut(&mut self) -> Option<&mut Report> {
        match self {
            Self::Shape(r) | Self::Config(r) | Self::Param(r) | Self::Data(r) => Some(r),
            Self::Io(_) | Self::Interrupted => None,
        }
    }

    /// The same error with a way out: a whole sentence with its full stop.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        if let Some(r) = self.report_mut() {
            r.remedy = remedy.into();
        }
        self
    }

    /// The same error with more about what came.
    #[must_use]
    pub fn got_also(mut self, more: &str) -> Self {
        if let Some(r) = self.report_mut() {
            r.got.push_str(more);
        }
        self
    }

    /// The same error with the place it happened in, unless an inner place is known already.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        if let Some(r) = self.report_mut().filter(|r| r.at.is_empty()) {
            r.at = place.into();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_place_expectation_value_and_remedy() {
        let error = Error::shape("784 values in the last axis", "input shape (32, 28, 28)")
            .remedy("Put Flatten() before it.")
            .at("Dense \"dense_1\"")
            .at("Graph");
        assert_eq!(
            error.to_string(),
            "Dense \"dense_1\": expected 784 values in the last axis, got input shape (32, 28, 28). Put Flatten() before it."
        );
    }
}
