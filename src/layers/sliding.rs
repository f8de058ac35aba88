//! Windows that slide over images: what convolutions and poolings share of their settings and their shape rule.

use serde::Deserialize;

use crate::config::Integers;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// The most numbers an image may have with the border that a window needs.
const MAX_PADDED: usize = 1 << 28;

/// What happens at the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Padding {
    /// Whole windows only.
    #[default]
    Valid,
    /// As many windows as the stride fits into the image, zeros around; an odd one at the end.
    Same,
}

impl TryFrom<String> for Padding {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.to_lowercase().as_str() {
            "valid" => Ok(Self::Valid),
            "same" => Ok(Self::Same),
            _ => Err(format!(
                "invalid value: {name:?}, expected \"valid\" or \"same\""
            )),
        }
    }
}

/// The error for inputs that have not `rank` axes between batch and channels.
pub(super) fn wrong_rank(rank: usize, input: &Shape) -> Error {
    let axes = ["steps", "height, width", "depth, height, width"][rank - 1];
    Error::shape(
        format!("inputs of shape (batch, {axes}, channels)"),
        format!("shape {input}"),
    )
    .remedy(if rank > 1 && input.rank() == rank + 1 {
        "Add an axis for the channels: x[..., None]."
    } else {
        ""
    })
}

/// One positive integer for both axes, or one for each.
pub(super) fn pair(name: &str, numbers: &Integers) -> Result<[usize; 2]> {
    let refused = || {
        Error::config(
            format!("`{name}` to be one or two positive integers"),
            numbers.to_string(),
        )
    };
    let positive = |n: i64| {
        usize::try_from(n)
            .ok()
            .filter(|&n| n > 0)
            .ok_or_else(refused)
    };
    match numbers.0[..] {
        [n] => Ok([positive(n)?; 2]),
        [height, width] => Ok([positive(height)?, positive(width)?]),
        _ => Err(refused()),
    }
}

/// A window and how it slides. Pairs are (height, width).
#[derive(Debug, Clone, Copy)]
pub(super) struct Sliding {
    pub size: [usize; 2],
    pub strides: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: Padding,
}

impl Sliding {
    /// Height and width of the output for images of shape `(batch, height, width, channels)`.
    pub fn output(&self, input: &Shape) -> Result<[Option<usize>; 2]> {
        let &[_, height, width, channels] = input.axes() else {
            return Err(Error::shape(
                "inputs of shape (batch, height, width, channels)",
                format!("shape {input}"),
            )
            .remedy(if input.rank() == 3 {
                "Add an axis for the channels: x[..., None]."
            } else {
                ""
            }));
        };
        let sizes = [height, width];
        if self.padding == Padding::Valid
            && (0..2).any(|axis| sizes[axis].is_some_and(|size| size < self.reach(axis)))
        {
            let [height, width] = [self.reach(0), self.reach(1)];
            return Err(Error::shape(
                format!("images of at least {height} x {width}, as the window reaches"),
                format!("shape {input}"),
            )
            .remedy("Use a smaller window or padding=\"same\"."));
        }
        let padded = [0, 1].map(|axis| {
            let border = match self.padding {
                Padding::Valid => 0,
                Padding::Same => self.reach(axis),
            };
            sizes[axis].unwrap_or(1).saturating_add(border)
        });
        let padded = padded[0]
            .saturating_mul(padded[1])
            .saturating_mul(channels.unwrap_or(1));
        if self.dilation != [1, 1] && padded > MAX_PADDED {
            return Err(Error::shape(
                format!("at most {MAX_PADDED} numbers in an image with its padding"),
                padded.to_string(),
            ));
        }
        Ok([0, 1].map(|axis| sizes[axis].map(|size| self.count(axis, size))))
    }

    /// Places that the border before an image of this size has.
    pub fn before(&self, axis: usize, size: usize) -> usize {
        match self.padding {
            Padding::Valid => 0,
            Padding::Same => {
                let last = self.count(axis, size).saturating_sub(1) * self.strides[axis];
                last.saturating_add(self.reach(axis)).saturating_sub(size) / 2
            }
        }
    }

    /// Places from the first point of a window to its last.
    fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1)
            .saturating_mul(self.dilation[axis])
            .saturating_add(1)
    }

    /// Windows in an image of this size.
    fn count(&self, axis: usize, size: usize) -> usize {
        match self.padding {
            Padding::Valid => (size - self.reach(axis)) / self.strides[axis] + 1,
            Padding::Same => size.div_ceil(self.strides[axis]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_puts_an_odd_place_at_the_end() {
        let sliding = Sliding {
            size: [2, 3],
            strides: [1, 2],
            dilation: [1, 1],
            padding: Padding::Same,
        };
        let shape = Shape::from([None, Some(5), Some(6), Some(1)]);
        assert_eq!(sliding.output(&shape).unwrap(), [Some(5), Some(3)]);
        assert_eq!([sliding.before(0, 5), sliding.before(1, 6)], [0, 0]);
        assert_eq!(sliding.before(1, 5), 1);
    }

    #[test]
    fn sizes_that_are_not_positive_pairs_are_refused() {
        for numbers in [vec![], vec![0], vec![1, -1], vec![1, 2, 3]] {
            let error = pair("strides", &Integers(numbers)).unwrap_err().to_string();
            assert!(
                error.starts_with("expected `strides` to be one or two positive integers, got (")
            );
        }
    }
}
