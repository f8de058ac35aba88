//! What convolutions share of their settings: reading them, and the sizes of the sums.

use serde::{Deserialize, Deserializer};

use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::conv::Conv3d;
use crate::layers::sliding::{Padding, Sliding, positive, three};
use crate::shape::Shape;

pub(super) fn ones() -> Integers {
    Integers(vec![1])
}

pub(super) fn one() -> usize {
    1
}

pub(super) fn yes() -> bool {
    true
}

/// Reads a padding, which may be causal where there is one axis.
pub(super) fn padding<'de, const RANK: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Padding, D::Error> {
    let name = String::deserialize(deserializer)?;
    match (Padding::try_from(name.clone()), RANK) {
        (_, 1) if name.to_lowercase() == "causal" => Ok(Padding::Causal),
        (Ok(padding), _) => Ok(padding),
        (Err(_), 1) => Err(serde::de::Error::custom(format!(
            "invalid value: {name:?}, expected \"valid\", \"same\" or \"causal\""
        ))),
        (Err(message), _) => Err(serde::de::Error::custom(message)),
    }
}

/// A window that slides as these settings say.
pub(super) fn sliding<const RANK: usize>(
    size: &Integers,
    strides: &Integers,
    dilation: &Integers,
    padding: Padding,
) -> Result<Sliding<RANK>> {
    Ok(Sliding {
        size: positive("kernel_size", size)?,
        strides: positive("strides", strides)?,
        dilation: positive("dilation_rate", dilation)?,
        padding,
    })
}

/// Refuses windows with gaps that also leave some out.
pub(super) fn check_steps<const RANK: usize>(
    sliding: &Sliding<RANK>,
    strides: &Integers,
    dilation: &Integers,
) -> Result<()> {
    if sliding.strides != [1; RANK] && sliding.dilation != [1; RANK] {
        return Err(Error::config(
            "`strides` or `dilation_rate` to be 1",
            format!("strides {strides} and dilation_rate {dilation}"),
        ));
    }
    Ok(())
}

/// Refuses what must be 1 at least.
pub(super) fn check_positive(name: &str, number: usize) -> Result<()> {
    if number == 0 {
        return Err(Error::config(format!("`{name}` to be at least 1"), "0"));
    }
    Ok(())
}

/// The number of channels, which must be known and a multiple of the groups.
pub(super) fn channels(input: &Shape, groups: usize) -> Result<usize> {
    let channels = input
        .last()
        .ok_or_else(|| Error::shape("a known number of channels", format!("shape {input}")))?;
    if channels == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::shape(
            format!("a number of channels that {groups} groups divide"),
            format!("shape {input}"),
        ));
    }
    Ok(channels)
}

/// `(batch, axes, channels)`
pub(super) fn shape<const RANK: usize>(
    batch: Option<usize>,
    axes: [Option<usize>; RANK],
    channels: usize,
) -> Shape {
    let mut all = vec![batch];
    all.extend(axes);
    all.push(Some(channels));
    Shape::new(all)
}

/// All sizes of the sums from an input to an output that are known.
pub(super) fn sums<const RANK: usize>(
    sliding: &Sliding<RANK>,
    input: &[usize],
    output: &[usize],
    groups: usize,
) -> Conv3d {
    let axes = |shape: &[usize]| -> [usize; RANK] { std::array::from_fn(|i| shape[1 + i]) };
    let size = axes(input);
    let before: [usize; RANK] = std::array::from_fn(|axis| sliding.before(axis, size[axis]));
    Conv3d {
        batch: input[0],
        input: three(&size, 1),
        channels: input[RANK + 1],
        kernel: three(&sliding.size, 1),
        filters: output[RANK + 1],
        groups,
        strides: three(&sliding.strides, 1),
        dilation: three(&sliding.dilation, 1),
        padding: three(&before, 0),
        output: three(&axes(output), 1),
    }
}
