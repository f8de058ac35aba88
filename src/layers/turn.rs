//! Inputs turned so that some of their axes come last.

use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::permute::permute;
use crate::real::Real;
use crate::shape::{Shape, axis_index};

/// The most axes an input may have that has to be turned.
pub(super) const MAX_RANK: usize = 16;

/// How the axes of an input are turned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    rank: usize,
    order: [usize; MAX_RANK],
    inverse: [usize; MAX_RANK],
    sizes: [usize; MAX_RANK],
}

impl Turn {
    /// The turn after which the axes that `goes_last` names stand last, in their order; `None` if they do already.
    pub fn new(sizes: &[usize], goes_last: impl Fn(usize) -> bool) -> Option<Self> {
        let rank = sizes.len();
        if (1..rank).all(|axis| goes_last(axis) || !goes_last(axis - 1)) {
            return None;
        }
        let mut turn = Self {
            rank,
            order: [0; MAX_RANK],
            inverse: [0; MAX_RANK],
            sizes: [0; MAX_RANK],
        };
        let stays = (0..rank).filter(|&axis| !goes_last(axis));
        let goes = (0..rank).filter(|&axis| goes_last(axis));
        for (to, from) in stays.chain(goes).enumerate() {
            turn.order[to] = from;
            turn.inverse[from] = to;
            turn.sizes[to] = sizes[from];
        }
        Some(turn)
    }

    /// Writes `x`, of these sizes, turned.
    pub fn there<F: Real>(&self, x: &[F], sizes: &[usize], to: &mut [F]) {
        permute(x, sizes, &self.order[..self.rank], to, false);
    }

    /// Writes what was turned as it was, or adds it.
    pub fn back<F: Real>(&self, turned: &[F], to: &mut [F], accumulate: bool) {
        let (sizes, inverse) = (&self.sizes[..self.rank], &self.inverse[..self.rank]);
        permute(turned, sizes, inverse, to, accumulate);
    }
}

/// Refuses inputs of too many axes to be turned.
pub(super) fn check_rank(input: &Shape) -> Result<()> {
    if input.rank() > MAX_RANK {
        return Err(Error::shape(
            format!("at most {MAX_RANK} axes"),
            format!("input shape {input}"),
        ));
    }
    Ok(())
}

/// Whether this axis of an input of this rank is among `axes`, counted from the front or the end.
pub(super) fn is_among(axes: &Integers, axis: usize, rank: usize) -> bool {
    axes.0.iter().any(|&a| axis_index(a, rank) == Some(axis))
}

/// The sizes of `axes`, in the order of the input, which must have each of them once, behind the batch, and know it.
pub(super) fn sizes_of(axes: &Integers, input: &Shape) -> Result<Vec<usize>> {
    let rank = input.rank();
    let found: Vec<usize> = (1..rank)
        .filter(|&axis| is_among(axes, axis, rank))
        .collect();
    if found.is_empty() || found.len() != axes.0.len() {
        return Err(Error::shape(
            format!("an input that has each axis of {axes} behind the batch"),
            format!("input shape {input}"),
        ));
    }
    if found[0] + found.len() < rank {
        check_rank(input)?;
    }
    let size = |&axis: &usize| {
        input[axis].ok_or_else(|| {
            Error::shape(
                format!("a known size of axis {axis}"),
                format!("input shape {input}"),
            )
        })
    };
    found.iter().map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_go_last_and_come_back() {
        assert!(Turn::new(&[2, 3, 4], |axis| axis > 0).is_none());
        let turn = Turn::new(&[2, 3, 4], |axis| axis == 1).unwrap();
        let x: Vec<f64> = (0..24).map(f64::from).collect();
        let (mut turned, mut back) = (vec![0.0; 24], vec![1.0; 24]);
        turn.there(&x, &[2, 3, 4], &mut turned);
        assert_eq!(turned[..4], [0.0, 4.0, 8.0, 1.0]);
        turn.back(&turned, &mut back, true);
        assert!(back.iter().zip(&x).all(|(b, x)| *b == 1.0 + x));
    }
}
