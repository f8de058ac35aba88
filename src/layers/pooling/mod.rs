//! The poolings: the largest number or the mean of windows, over one, two or three axes between batch and channels.
//!
//! The loops are in [`crate::kernels::pool`]; how windows lie, in the `windows` room beside.

mod masked_mean;
mod windows;

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::Deserialize;

use self::windows::Windows;
use super::sliding::wrong_rank;
use super::{Configured, only_input};
use crate::error::Result;
use crate::kernels::pool::{
    self, Pool, average_backward, average_forward, max_backward, max_forward,
};
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// The largest number of each window.
pub type MaxPooling<const RANK: usize> = Pooling<windows::Sliding<RANK>, Largest>;
/// The mean of each window.
pub type AveragePooling<const RANK: usize> = Pooling<windows::Sliding<RANK>, Mean>;
/// The largest number of each channel.
pub type GlobalMaxPooling<const RANK: usize> = Pooling<windows::Whole<RANK>, Largest>;
/// The mean of each channel; of steps with a mask, of those that are kept.
pub type GlobalAveragePooling<const RANK: usize> = Pooling<windows::Whole<RANK>, Mean>;
/// The largest number of each part of an input that is cut evenly.
pub type AdaptiveMaxPooling<const RANK: usize> = Pooling<windows::Parts<RANK>, Largest>;
/// The mean of each part of an input that is cut evenly.
pub type AdaptiveAveragePooling<const RANK: usize> = Pooling<windows::Parts<RANK>, Mean>;

/// A pooling layer: windows, and what is taken of each.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Pooling<W, S> {
    windows: W,
    #[serde(skip)]
    summary: PhantomData<S>,
}

/// What is taken of a window.
pub trait Summary: Debug + Send + Sync + 'static {
    /// The kinds of the layers, by family of windows and number of axes.
    const KINDS: [[&str; 3]; 3];
    /// The backward looks for the number that was taken.
    const SEARCHES: bool;
    /// Steps that a mask leaves out can be left out here.
    const TAKES_MASK: bool;

    /// Writes the summaries `y` of the windows of `x`.
    fn forward<F: Real>(pool: &Pool, x: &[F], y: &mut [F]);

    /// Gives `dx` its part of `dy`; `x` and `y` are there if [`Self::SEARCHES`].
    fn backward<F: Real>(pool: &Pool, xy: (&[F], &[F]), dy: &[F], accumulate: bool, dx: &mut [F]);
}

/// The largest number.
#[derive(Debug)]
pub struct Largest;

/// The mean.
#[derive(Debug)]
pub struct Mean;

impl Summary for Largest {
    const KINDS: [[&str; 3]; 3] = [
        ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"],
        [
            "GlobalMaxPooling1D",
            "GlobalMaxPooling2D",
            "GlobalMaxPooling3D",
        ],
        [
            "AdaptiveMaxPooling1D",
            "AdaptiveMaxPooling2D",
            "AdaptiveMaxPooling3D",
        ],
    ];
    // Looking for the maximum again is cheaper than keeping its place.
    const SEARCHES: bool = true;
    const TAKES_MASK: bool = false; // in Keras the mask has no effect

    fn forward<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
        max_forward(pool, x, y);
    }

    fn backward<F: Real>(pool: &Pool, xy: (&[F], &[F]), dy: &[F], accumulate: bool, dx: &mut [F]) {
        max_backward(pool, xy, dy, accumulate, dx);
    }
}

impl Summary for Mean {
    const KINDS: [[&str; 3]; 3] = [
        ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"],
        [
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
            "GlobalAveragePooling3D",
        ],
        [
            "AdaptiveAveragePooling1D",
            "AdaptiveAveragePooling2D",
            "AdaptiveAveragePooling3D",
        ],
    ];
    const SEARCHES: bool = false;
    const TAKES_MASK: bool = true;

    fn forward<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
        average_forward(pool, x, y);
    }

    fn backward<F: Real>(pool: &Pool, _: (&[F], &[F]), dy: &[F], accumulate: bool, dx: &mut [F]) {
        average_backward(pool, dy, accumulate, dx);
    }
}

impl<W: Windows, S: Summary> Pooling<W, S> {
    /// All sizes, for an input and an output that are known.
    fn geometry(&self, input: &[usize], output: &[usize]) -> Result<Pool> {
        let mut pool = Pool {
            batch: input[0],
            input: [1; 3],
            channels: input[W::RANK + 1],
            windows: [pool::Windows::ONE; 3],
            output: [1; 3],
        };
        for axis in 0..W::RANK {
            // The steps of a sequence are lines, so that threads can share them.
            let place = if W::RANK == 1 { 1 } else { 3 - W::RANK + axis };
            let size = input[1 + axis];
            pool.input[place] = size;
            pool.windows[place] = self.windows.along(axis, size)?;
            if self.windows.keeps_axes() {
                pool.output[place] = output[1 + axis];
            }
        }
        Ok(pool)
    }

    /// The mask of the steps, if it says which of them are summarised.
    fn kept<'a, F>(&self, mask: Option<&'a [F]>) -> Option<&'a [F]> {
        mask.filter(|_| W::TAKES_MASK && S::TAKES_MASK)
    }
}

impl<W: Windows, S: Summary> Configured for Pooling<W, S> {
    fn validate(&self) -> Result<()> {
        self.windows.validate()
    }
}

impl<F: Real, W: Windows, S: Summary> Layer<F> for Pooling<W, S> {
    fn kind(&self) -> &'static str {
        S::KINDS[W::FAMILY][W::RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.windows.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != W::RANK + 2 {
            return Err(wrong_rank(W::RANK, input));
        }
        let mut axes = vec![input[0]];
        if self.windows.keeps_axes() {
            axes.extend(self.windows.output(input)?);
        }
        axes.push(input.last());
        Ok(vec![Shape::new(axes)])
    }

    fn scratch(&self, _: &[Shape], _: Mode) -> Result<Scratch> {
        Ok(Scratch {
            reads_inputs: S::SEARCHES,
            reads_outputs: S::SEARCHES,
            ..Scratch::default()
        })
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, y, sizes) = (cx.input(0), cx.output(0), cx.input_shape(0));
        if let Some(mask) = self.kept(cx.mask(0)) {
            masked_mean::forward(x, mask, sizes, y);
        } else {
            S::forward(&self.geometry(sizes, cx.output_shape(0))?, x, y);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let sizes = cx.input_shape(0);
        if let Some(mask) = self.kept(cx.mask(0)) {
            masked_mean::backward(dy, mask, sizes, dx.accumulate, dx.values);
        } else {
            let pool = self.geometry(sizes, cx.output_shape(0))?;
            let xy = (cx.input(0), cx.output(0));
            S::backward(&pool, xy, dy, dx.accumulate, dx.values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
