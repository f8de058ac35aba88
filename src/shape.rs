//! Shapes with unknown axes: the batch, and time where it may vary.

use std::fmt;
use std::ops::Index;

use crate::error::{Error, Result};

/// The most elements one tensor may have: larger ones are refused before memory is asked for.
pub const MAX_ELEMENTS: usize = 1 << 36;

/// The sizes of a tensor's axes, `None` where unknown before data come. The first axis is the batch.
///
/// ```
/// use lamina::Shape;
/// let shape = Shape::from([None, Some(28), Some(28)]);
/// assert_eq!(shape.to_string(), "(None, 28, 28)");
/// assert_eq!(shape.elements(), None);
/// assert_eq!(Shape::known(&[2, 3]).elements(), Some(6));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<Option<usize>>);

impl Shape {
    /// A shape with these axes.
    pub fn new(axes: Vec<Option<usize>>) -> Self {
        Self(axes)
    }

    /// A shape all of whose axes are known.
    pub fn known(axes: &[usize]) -> Self {
        Self(axes.iter().copied().map(Some).collect())
    }

    /// The axes.
    pub fn axes(&self) -> &[Option<usize>] {
        &self.0
    }

    /// The axes, to change.
    pub fn axes_mut(&mut self) -> &mut Vec<Option<usize>> {
        &mut self.0
    }

    /// The number of axes, the batch included.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The size of the last axis; `None` if unknown or if there is no axis.
    pub fn last(&self) -> Option<usize> {
        self.0.last().copied().flatten()
    }

    /// The number of elements; `None` if an axis is unknown or the product overflows.
    pub fn elements(&self) -> Option<usize> {
        self.0
            .iter()
            .try_fold(1usize, |n, axis| axis.and_then(|a| n.checked_mul(a)))
    }

    /// The sizes, or an error if one is unknown or the tensor would be too large.
    pub fn sizes(&self) -> Result<Vec<usize>> {
        let sizes = self
            .0
            .iter()
            .map(|axis| {
                axis.ok_or_else(|| Error::shape("a shape with every axis known", self.to_string()))
            })
            .collect::<Result<Vec<_>>>()?;
        checked_elements(&sizes)?;
        Ok(sizes)
    }

    /// Whether a tensor of these sizes fits: same rank, and the same size wherever this shape knows it.
    pub fn accepts(&self, sizes: &[usize]) -> bool {
        self.rank() == sizes.len()
            && self
                .0
                .iter()
                .zip(sizes)
                .all(|(axis, &size)| axis.is_none_or(|a| a == size))
    }

    /// The shape with `axis` moved to the end.
    #[must_use]
    pub fn moved_to_end(mut self, axis: usize) -> Self {
        let size = self.0.remove(axis);
        self.0.push(size);
        self
    }

    /// The shape with the last axis moved to `axis`.
    #[must_use]
    pub fn moved_from_end(mut self, axis: usize) -> Self {
        if let Some(size) = self.0.pop() {
            self.0.insert(axis, size);
        }
        self
    }

    /// The same shape with another last axis.
    pub fn with_last(&self, last: Option<usize>) -> Self {
        let mut axes = self.0.clone();
        if let Some(axis) = axes.last_mut() {
            *axis = last;
        }
        Self(axes)
    }
}

/// The product of `sizes`, or an error if it overflows or is beyond [`MAX_ELEMENTS`].
pub fn checked_elements(sizes: &[usize]) -> Result<usize> {
    sizes
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| {
            Error::shape(
                format!("at most {MAX_ELEMENTS} elements"),
                format!("a tensor of shape {}", Shape::known(sizes)),
            )
        })
}

/// `axis` counted from the front, negative ones from the end; `None` if it is none of `rank` axes.
pub fn axis_index(axis: i64, rank: usize) -> Option<usize> {
    let index = if axis < 0 {
        axis.checked_add(rank as i64)?
    } else {
        axis
    };
    usize::try_from(index).ok().filter(|&index| index < rank)
}

/// Where `axis`, counted from the front or the end, lies once axis `moved` of `rank` axes has gone to the end; counted
/// from the end if it is the moved one.
pub fn axis_after_move(axis: i64, moved: usize, rank: usize) -> Option<i64> {
    let index = axis_index(axis, rank)?;
    Some(match index.cmp(&moved) {
        std::cmp::Ordering::Less => index as i64,
        std::cmp::Ordering::Equal => -1,
        std::cmp::Ordering::Greater => index as i64 - 1,
    })
}

impl Index<usize> for Shape {
    type Output = Option<usize>;
    fn index(&self, axis: usize) -> &Option<usize> {
        &self.0[axis]
    }
}

impl<const N: usize> From<[Option<usize>; N]> for Shape {
    fn from(axes: [Option<usize>; N]) -> Self {
        Self(axes.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, axis) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match axis {
                Some(size) => write!(f, "{size}")?,
                None => f.write_str("None")?,
            }
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}
