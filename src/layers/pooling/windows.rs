//! How the windows of a pooling lie: sliding, one over the whole input, or parts of equal size.

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Integers;
use crate::error::Result;
use crate::kernels::pool;
use crate::layers::data_format::DataFormat;
use crate::layers::sliding::{self, Padding, positive};
use crate::shape::Shape;

/// Settings that say how windows lie.
pub trait Windows: DeserializeOwned + Debug + Send + Sync + 'static {
    /// Axes between batch and channels.
    const RANK: usize;
    /// Row of [`super::Summary::KINDS`].
    const FAMILY: usize;
    /// Steps that a mask leaves out are in no window.
    const TAKES_MASK: bool = false;

    /// Refuses settings that no input can make right.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// What [`Layer::channel_axis`](crate::layer::Layer::channel_axis) says.
    fn channel_axis(&self, rank: usize) -> Option<usize>;

    /// The output has axes between batch and channels.
    fn keeps_axes(&self) -> bool {
        true
    }

    /// The sizes of the output between batch and channels.
    fn output(&self, input: &Shape) -> Result<Vec<Option<usize>>>;

    /// The windows along an axis of this size.
    fn along(&self, axis: usize, size: usize) -> Result<pool::Windows>;
}

/// Windows of one size, one stride apart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sliding<const RANK: usize> {
    #[serde(default = "two")]
    pool_size: Integers,
    #[serde(default)]
    strides: Option<Integers>,
    #[serde(default)]
    padding: Padding,
    #[serde(default)]
    data_format: DataFormat,
}

fn two() -> Integers {
    Integers(vec![2])
}

impl<const RANK: usize> Sliding<RANK> {
    fn sliding(&self) -> Result<sliding::Sliding<RANK>> {
        let size = positive("pool_size", &self.pool_size)?;
        let strides = self.strides.as_ref();
        Ok(sliding::Sliding {
            size,
            strides: strides.map_or(Ok(size), |strides| positive("strides", strides))?,
            dilation: [1; RANK],
            padding: self.padding,
        })
    }
}

impl<const RANK: usize> Windows for Sliding<RANK> {
    const RANK: usize = RANK;
    const FAMILY: usize = 0;

    fn validate(&self) -> Result<()> {
        self.sliding().map(drop)
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output(&self, input: &Shape) -> Result<Vec<Option<usize>>> {
        Ok(self.sliding()?.output(input)?.to_vec())
    }

    fn along(&self, axis: usize, size: usize) -> Result<pool::Windows> {
        let sliding = self.sliding()?;
        Ok(pool::Windows::Sliding {
            size: sliding.size[axis],
            stride: sliding.strides[axis],
            padding: sliding.before(axis, size),
        })
    }
}

/// One window as large as the input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole<const RANK: usize> {
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default)]
    keepdims: bool,
}

impl<const RANK: usize> Windows for Whole<RANK> {
    const RANK: usize = RANK;
    const FAMILY: usize = 1;
    const TAKES_MASK: bool = RANK == 1;

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn keeps_axes(&self) -> bool {
        self.keepdims
    }

    fn output(&self, _: &Shape) -> Result<Vec<Option<usize>>> {
        Ok(vec![Some(1); RANK])
    }

    fn along(&self, _: usize, _: usize) -> Result<pool::Windows> {
        Ok(pool::Windows::Parts)
    }
}

/// The input cut into as many parts as the output has places.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts<const RANK: usize> {
    output_size: Integers,
    #[serde(default)]
    data_format: DataFormat,
}

impl<const RANK: usize> Windows for Parts<RANK> {
    const RANK: usize = RANK;
    const FAMILY: usize = 2;

    fn validate(&self) -> Result<()> {
        positive::<RANK>("output_size", &self.output_size).map(drop)
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output(&self, _: &Shape) -> Result<Vec<Option<usize>>> {
        Ok(positive::<RANK>("output_size", &self.output_size)?
            .map(Some)
            .to_vec())
    }

    fn along(&self, _: usize, _: usize) -> Result<pool::Windows> {
        Ok(pool::Windows::Parts)
    }
}
