//! Where a step of a sequence stands, as angles `p / max_wavelength^(2 i / features)` of its position p.
//!
//! SinePositionEncoding gives their sines and cosines in turn (Vaswani et al., "Attention Is All You Need", 2017).
//! RotaryEmbedding turns pairs of features by them (Su et al., "RoFormer", 2021): with h half the features,
//!
//! ```text
//! y[i] = x[i] cos - x[i + h] sin        y[i + h] = x[i + h] cos + x[i] sin
//! ```
//!
//! and gradients are turned back.

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::{Shape, axis_index};

fn wavelength() -> f64 {
    10000.0
}

fn one() -> f64 {
    1.0
}

fn first() -> i64 {
    1
}

fn last() -> i64 {
    -1
}

/// The sines and cosines of the positions, as large as the input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinePositionEncoding {
    #[serde(default = "wavelength")]
    max_wavelength: f64,
    /// Of the call: the position of the first step.
    #[serde(default)]
    start_index: i64,
}

/// The input with pairs of features turned by the positions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotaryEmbedding {
    #[serde(default = "wavelength")]
    max_wavelength: f64,
    #[serde(default = "one")]
    scaling_factor: f64,
    #[serde(default = "first")]
    sequence_axis: i64,
    #[serde(default = "last")]
    feature_axis: i64,
    /// Of the call: the position of the first step.
    #[serde(default)]
    start_index: i64,
}

fn positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 {
        return Ok(());
    }
    Err(Error::config(
        format!("`{name}` above 0"),
        value.to_string(),
    ))
}

impl Configured for SinePositionEncoding {
    fn validate(&self) -> Result<()> {
        positive("max_wavelength", self.max_wavelength)
    }
}

impl Configured for RotaryEmbedding {
    fn validate(&self) -> Result<()> {
        positive("max_wavelength", self.max_wavelength)?;
        positive("scaling_factor", self.scaling_factor)
    }
}

impl<F: Real> Layer<F> for SinePositionEncoding {
    fn kind(&self) -> &'static str {
        "SinePositionEncoding"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() < 3 || input.last().is_none() {
            return Err(Error::shape(
                "sequences (batch, ..., time, features) with a known number of features",
                format!("shape {input}"),
            ));
        }
        Ok(vec![input.clone()])
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let shape = cx.input_shape(0);
        let [.., time, features] = *shape else {
            return Ok(());
        };
        let len = time * features;
        if len == 0 {
            return Ok(());
        }
        for_each_chunk_mut(cx.output(0), features, |row, y| {
            let position = (row % time) as f64 + self.start_index as f64;
            for (i, y) in y.iter_mut().enumerate() {
                let exponent = (2 * (i / 2)) as f64 / features as f64;
                let angle = position * self.max_wavelength.powf(-exponent);
                *y = F::of(if i % 2 == 0 { angle.sin() } else { angle.cos() });
            }
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        // Only the sizes were read.
        if let Some(mut grad) = cx.grad_input(0) {
            grad.clear();
        }
        Ok(())
    }
}

impl RotaryEmbedding {
    /// The sequence axis, half the features, and the numbers of all axes between.
    fn axis(&self, rank: usize) -> Option<usize> {
        let axis = axis_index(self.sequence_axis, rank)?;
        let is_last = axis_index(self.feature_axis, rank)? + 1 == rank;
        (is_last && axis > 0 && axis + 1 < rank).then_some(axis)
    }

    /// The cosines and, behind them, the sines of each position: `(time, half)` each.
    fn fill<F: Real>(&self, table: &mut [F], half: usize) {
        let (cosines, sines) = table.split_at_mut(table.len() / 2);
        for (place, (cosine, sine)) in cosines.iter_mut().zip(sines).enumerate() {
            let (step, i) = (place / half, place % half);
            let position = (step as f64 + self.start_index as f64) / self.scaling_factor;
            let angle = position * self.max_wavelength.powf(-(i as f64) / half as f64);
            (*cosine, *sine) = (F::of(angle.cos()), F::of(angle.sin()));
        }
    }

    /// Calls `put` with each row of `y` and the row of `x` turned by `sign` times its angles.
    fn turn<F: Real>(
        table: &[F],
        (shape, axis): (&[usize], usize),
        x: &[F],
        y: &mut [F],
        sign: F,
        accumulate: bool,
    ) {
        let width = shape[shape.len() - 1];
        let (half, time) = (width / 2, shape[axis]);
        let behind = shape[axis + 1..shape.len() - 1].iter().product::<usize>();
        let (cosines, sines) = table.split_at(table.len() / 2);
        if x.is_empty() {
            return;
        }
        for_each_chunk_mut(y, width, |row, y| {
            let place = row / behind % time * half;
            let (left, right) = x[row * width..][..width].split_at(half);
            let (to_left, to_right) = y.split_at_mut(half);
            for i in 0..half {
                let (cosine, sine) = (cosines[place + i], sign * sines[place + i]);
                let turned = (
                    left[i] * cosine - right[i] * sine,
                    right[i] * cosine + left[i] * sine,
                );
                if accumulate {
                    to_left[i] += turned.0;
                    to_right[i] += turned.1;
                } else {
                    (to_left[i], to_right[i]) = turned;
                }
            }
        });
    }
}

impl<F: Real> Layer<F> for RotaryEmbedding {
    fn kind(&self) -> &'static str {
        "RotaryEmbedding"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if self.axis(input.rank()).is_none() {
            return Err(Error::config(
                "`feature_axis` to be the last and `sequence_axis` another but the batch",
                format!(
                    "{} and {} for shape {input}",
                    self.feature_axis, self.sequence_axis
                ),
            ));
        }
        if !input
            .last()
            .is_some_and(|features| features.is_multiple_of(2))
        {
            return Err(Error::shape(
                "an even number of features in the last axis",
                format!("shape {input}"),
            ));
        }
        Ok(vec![input.clone()])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let shape = only_input(inputs)?.sizes()?;
        let axis = self.axis(shape.len()).unwrap_or(1);
        let table = vec![shape[axis] * shape[shape.len() - 1]];
        Ok(match mode.backward {
            true => Scratch {
                saved: table,
                ..Scratch::default()
            },
            false => Scratch {
                forward: table,
                ..Scratch::default()
            },
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let shape = cx.input_shape(0);
        let axis = self.axis(shape.len()).unwrap_or(1);
        let table = if cx.num_saved() > 0 {
            cx.saved(0)
        } else {
            cx.temp(0)
        };
        self.fill(table, shape[shape.len() - 1] / 2);
        Self::turn(
            table,
            (shape, axis),
            cx.input(0),
            cx.output(0),
            F::ONE,
            false,
        );
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let shape = cx.input_shape(0);
        let axis = self.axis(shape.len()).unwrap_or(1);
        let table = cx.saved(0);
        if let (Some(dy), Some(grad)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            Self::turn(
                table,
                (shape, axis),
                dy,
                grad.values,
                -F::ONE,
                grad.accumulate,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close, check_gradients};

    #[test]
    fn sines_and_cosines_take_turns() {
        let case = Case {
            kind: "SinePositionEncoding",
            config: json!({"max_wavelength": 100.0}),
            inputs: vec![Array::random(&[1, 2, 4], 1)],
            ..Case::default()
        };
        let y = &case.outputs::<f64>().unwrap()[0].values;
        let expected = [
            0.0,
            1.0,
            0.0,
            1.0,
            1.0_f64.sin(),
            1.0_f64.cos(),
            0.1_f64.sin(),
            0.1_f64.cos(),
        ];
        assert_close::<f64>(y, &expected, 1e-15);
    }

    #[test]
    fn pairs_of_features_are_turned() {
        let mut case = Case {
            kind: "RotaryEmbedding",
            config: json!({}),
            inputs: vec![Array::new(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0])],
            ..Case::default()
        };
        let (sine, cosine) = 1.0_f64.sin_cos();
        let y = &case.outputs::<f64>().unwrap()[0].values;
        let turned = [3.0 * cosine - 4.0 * sine, 4.0 * cosine + 3.0 * sine];
        assert_close::<f64>(y, &[1.0, 2.0, turned[0], turned[1]], 1e-15);
        case.inputs = vec![Array::random(&[2, 3, 2, 4], 1)];
        check_gradients(&case);
        case.inputs = vec![Array::random(&[2, 3, 3], 1)];
        assert_eq!(
            case.error(),
            "RotaryEmbedding \"rotaryembedding\": expected an even number of features in the last axis, got shape (2, 3, 3)"
        );
    }
}
