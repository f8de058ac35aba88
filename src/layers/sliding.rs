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
    /// As many as with `Same`, all zeros before: no window sees what comes after its place. Of convolutions over steps.
    Causal,
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

/// One positive integer for all `N` axes, or one for each.
pub(super) fn positive<const N: usize>(name: &str, numbers: &Integers) -> Result<[usize; N]> {
    at_least(1, name, numbers)
}

/// One integer of at least `least` (0 or 1) for all `N` axes, or one for each.
pub(super) fn at_least<const N: usize>(
    least: usize,
    name: &str,
    numbers: &Integers,
) -> Result<[usize; N]> {
    let refused = || {
        let sign = ["non-negative", "positive"][least];
        let what = match N {
            1 => format!("a {sign} integer"),
            2 => format!("one or two {sign} integers"),
            _ => format!("one or three {sign} integers"),
        };
        Error::config(format!("`{name}` to be {what}"), numbers.to_string())
    };
    if numbers.0.len() != 1 && numbers.0.len() != N {
        return Err(refused());
    }
    let mut sizes = [0; N];
    for (size, &number) in sizes.iter_mut().zip(numbers.0.iter().cycle()) {
        let number = usize::try_from(number).ok().filter(|&n| n >= least);
        *size = number.ok_or_else(refused)?;
    }
    Ok(sizes)
}

/// The sizes of one to three axes, those in front that are not there filled up.
pub(super) fn three(sizes: &[usize], missing: usize) -> [usize; 3] {
    let mut all = [missing; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

/// A window over `N` axes and how it slides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sliding<const N: usize> {
    pub size: [usize; N],
    pub strides: [usize; N],
    pub dilation: [usize; N],
    pub padding: Padding,
}

impl<const N: usize> Sliding<N> {
    /// The sizes of the output for inputs of shape `(batch, N axes, channels)`.
    pub fn output(&self, input: &Shape) -> Result<[Option<usize>; N]> {
        let sizes: [Option<usize>; N] = match input.axes() {
            [_, sizes @ .., _] => sizes.try_into().map_err(|_| wrong_rank(N, input))?,
            _ => return Err(wrong_rank(N, input)),
        };
        let is_short = |axis: usize| sizes[axis].is_some_and(|size| size < self.reach(axis));
        if self.padding == Padding::Valid && (0..N).any(is_short) {
            return Err(self.too_small(input));
        }
        let padded = (0..N).fold(input.last().unwrap_or(1), |product, axis| {
            let border = match self.padding {
                Padding::Valid => 0,
                Padding::Same | Padding::Causal => self.reach(axis),
            };
            product.saturating_mul(sizes[axis].unwrap_or(1).saturating_add(border))
        });
        if self.dilation != [1; N] && padded > MAX_PADDED {
            return Err(Error::shape(
                format!("at most {MAX_PADDED} numbers in an image with its padding"),
                padded.to_string(),
            ));
        }
        let mut output = sizes;
        for (axis, size) in output.iter_mut().enumerate() {
            *size = size.map(|size| self.count(axis, size));
        }
        Ok(output)
    }

    fn too_small(&self, input: &Shape) -> Error {
        let reach: Vec<String> = (0..N).map(|axis| self.reach(axis).to_string()).collect();
        let reach = reach.join(" x ");
        let least = match N {
            1 => format!("sequences of at least {reach} steps"),
            2 => format!("images of at least {reach}"),
            _ => format!("volumes of at least {reach}"),
        };
        Error::shape(
            format!("{least}, as the window reaches"),
            format!("shape {input}"),
        )
        .remedy("Use a smaller window or padding=\"same\".")
    }

    /// Places that the border before an image of this size has.
    pub fn before(&self, axis: usize, size: usize) -> usize {
        match self.padding {
            Padding::Valid => 0,
            Padding::Causal => self.reach(axis) - 1,
            Padding::Same => {
                let last = self.count(axis, size).saturating_sub(1) * self.strides[axis];
                last.saturating_add(self.reach(axis)).saturating_sub(size) / 2
            }
        }
    }

    /// Places from the first point of a window to its last.
    pub fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1)
            .saturating_mul(self.dilation[axis])
            .saturating_add(1)
    }

    /// Windows in an image of this size.
    fn count(&self, axis: usize, size: usize) -> usize {
        match self.padding {
            Padding::Valid => (size - self.reach(axis)) / self.strides[axis] + 1,
            Padding::Same | Padding::Causal => size.div_ceil(self.strides[axis]),
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
            let error = positive::<2>("strides", &Integers(numbers))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("expected `strides` to be one or two positive integers, got (")
            );
        }
    }
}
