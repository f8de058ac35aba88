//! Inputs brought to mean 0 and variance 1 with numbers that are known beforehand, or back.
//!
//! ```text
//! y = (x - mean) / max(sqrt(variance), 1e-7)        inverted: y = mean + x max(sqrt(variance), 1e-7)
//! ```
//!
//! Mean and variance stand in a table with a number for each place along the kept axes; they are given, or weights that
//! `adapt` sets.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::turn::{MAX_RANK, check_rank, is_among};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::parallel::for_each_chunk_mut;
use crate::param::ParamSpec;
use crate::real::Real;
use crate::shape::{Shape, checked_elements};

/// The smallest deviation that is divided by: Keras's `backend.epsilon()`.
const EPSILON: f64 = 1e-7;
/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 14;

/// `(x - mean) / deviation`, or back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    #[serde(default = "last_axis", deserialize_with = "axes")]
    axis: Integers,
    #[serde(default)]
    mean: Option<Table>,
    #[serde(default)]
    variance: Option<Table>,
    #[serde(default)]
    invert: bool,
}

fn last_axis() -> Integers {
    Integers(vec![-1])
}

/// `None` keeps no axis: one mean and one variance for all numbers.
fn axes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Integers, D::Error> {
    let axes = Option::<Integers>::deserialize(deserializer)?;
    Ok(axes.unwrap_or(Integers(Vec::new())))
}

/// Numbers in nested lists of equal lengths.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Value")]
struct Table {
    sizes: Vec<usize>,
    values: Vec<f64>,
}

impl TryFrom<Value> for Table {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut table = Self::default();
        let mut inner = &value;
        while let Value::Array(items) = inner {
            table.sizes.push(items.len());
            let Some(first) = items.first() else {
                return Err("invalid value: an empty list, expected numbers".into());
            };
            inner = first;
        }
        table.read(&value, 0)?;
        Ok(table)
    }
}

impl Table {
    fn read(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        match (value, value.as_f64(), self.sizes.get(depth)) {
            (_, Some(number), None) => {
                self.values.push(number);
                Ok(())
            }
            (Value::Array(items), _, Some(&size)) if items.len() == size => {
                items.iter().try_for_each(|item| self.read(item, depth + 1))
            }
            _ => Err(
                "invalid value: something else, expected numbers in lists of equal lengths".into(),
            ),
        }
    }
}

impl Normalization {
    /// Whether this axis of an input of this rank is kept.
    fn keeps(&self, axis: usize, rank: usize) -> bool {
        is_among(&self.axis, axis, rank)
    }

    /// The sizes of the kept axes.
    fn table_sizes(&self, input: &Shape) -> Result<Vec<usize>> {
        let rank = input.rank();
        let refused = |what: String| Error::shape(what, format!("input shape {input}"));
        check_rank(input)?;
        let kept = (0..rank).filter(|&axis| self.keeps(axis, rank));
        if kept.clone().count() != self.axis.0.len() {
            return Err(refused(format!(
                "an input that has each axis of {} once",
                self.axis
            )));
        }
        let size = |axis: usize| {
            input[axis].ok_or_else(|| refused(format!("a known size of axis {axis}")))
        };
        kept.map(size).collect()
    }

    /// Refuses given numbers that do not stretch over the kept axes.
    fn check_given(&self, given: &Table, sizes: &[usize], input: &Shape) -> Result<()> {
        let fits = given.sizes.len() <= sizes.len()
            && given
                .sizes
                .iter()
                .rev()
                .zip(sizes.iter().rev())
                .all(|(&given, &size)| given == size || given == 1);
        if fits {
            return Ok(());
        }
        Err(Error::shape(
            format!(
                "`mean` and `variance` that fit axes of sizes {}",
                Shape::known(sizes)
            ),
            format!(
                "shape {} for input shape {input}",
                Shape::known(&given.sizes)
            ),
        ))
    }

    /// Mean and variance of place `index` of the table, if they are given.
    fn given(&self, sizes: &[usize], index: usize) -> Option<(f64, f64)> {
        let (mean, variance) = (self.mean.as_ref()?, self.variance.as_ref()?);
        let (mut rest, mut place, mut step) = (index, 0, 1);
        let kept = (0..sizes.len())
            .rev()
            .filter(|&axis| self.keeps(axis, sizes.len()));
        // From the last kept axis on; what is given has no more axes than those, and 1 stretches.
        for (axis, &given) in kept.zip(mean.sizes.iter().rev()) {
            if given > 1 {
                place += rest % sizes[axis] * step;
            }
            step *= given;
            rest /= sizes[axis];
        }
        Some((mean.values[place], variance.values[place]))
    }

    /// Writes what is subtracted before, multiplied by and added after, for each place of the table.
    fn fill<F: Real>(&self, sizes: &[usize], weights: Option<(&[F], &[F])>, tables: [&mut [F]; 2]) {
        let [mean, factor] = tables;
        for (index, (mean, factor)) in mean.iter_mut().zip(factor).enumerate() {
            let (m, variance) = match weights {
                Some((means, variances)) => (means[index], variances[index]),
                None => {
                    let (m, variance) = self.given(sizes, index).unwrap_or((0.0, 1.0));
                    (F::of(m), F::of(variance))
                }
            };
            let deviation = variance.sqrt().maximum(F::of(EPSILON));
            *mean = m;
            *factor = if self.invert {
                deviation
            } else {
                F::ONE / deviation
            };
        }
    }

    /// `y = term(y, x, mean, factor)` for each element and the numbers of its place.
    fn apply<F: Real>(
        &self,
        sizes: &[usize],
        (mean, factor): (&[F], &[F]),
        x: &[F],
        y: &mut [F],
        term: impl Fn(F, F, F, F) -> F + Sync + Copy,
    ) {
        let Some((&width, outer)) = sizes.split_last() else {
            return;
        };
        let (mut steps, mut step) = ([0; MAX_RANK], 1);
        for axis in (0..sizes.len()).rev() {
            if self.keeps(axis, sizes.len()) {
                steps[axis] = step;
                step *= sizes[axis];
            }
        }
        let rows = CHUNK.div_ceil(width.max(1));
        for_each_chunk_mut(y, (rows * width).max(1), |index, y| {
            dispatch(Rows {
                first: index * rows,
                outer,
                steps: &steps[..outer.len()],
                is_kept: steps[outer.len()] > 0,
                width,
                mean,
                factor,
                x: &x[index * rows * width..][..y.len()],
                y,
                term,
            });
        });
    }
}

/// Some rows of the last axis.
struct Rows<'a, F, T> {
    first: usize,
    outer: &'a [usize],
    steps: &'a [usize],
    is_kept: bool,
    width: usize,
    mean: &'a [F],
    factor: &'a [F],
    x: &'a [F],
    y: &'a mut [F],
    term: T,
}

impl<F: Real, T: Fn(F, F, F, F) -> F> Kernel for Rows<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let rows = self
            .x
            .chunks_exact(self.width)
            .zip(self.y.chunks_exact_mut(self.width));
        for (i, (x, y)) in rows.enumerate() {
            let (mut row, mut place) = (self.first + i, 0);
            for (&size, &step) in self.outer.iter().zip(self.steps).rev() {
                place += row % size * step;
                row /= size;
            }
            if self.is_kept {
                let (mean, factor) = (&self.mean[place..], &self.factor[place..]);
                let numbers = mean.iter().zip(factor);
                for ((y, &x), (&mean, &factor)) in y.iter_mut().zip(x).zip(numbers) {
                    *y = (self.term)(*y, x, mean, factor);
                }
            } else {
                let (mean, factor) = (self.mean[place], self.factor[place]);
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = (self.term)(*y, x, mean, factor);
                }
            }
        }
    }
}

impl Configured for Normalization {
    fn validate(&self) -> Result<()> {
        match (&self.mean, &self.variance) {
            (None, None) => Ok(()),
            (Some(mean), Some(variance)) if mean.sizes == variance.sizes => Ok(()),
            (Some(mean), Some(variance)) => Err(Error::config(
                "`mean` and `variance` of one shape",
                format!(
                    "shapes {} and {}",
                    Shape::known(&mean.sizes),
                    Shape::known(&variance.sizes)
                ),
            )),
            (mean, _) => {
                let got = if mean.is_some() { "mean" } else { "variance" };
                Err(Error::config(
                    "`mean` and `variance`, or neither",
                    format!("`{got}` alone"),
                )
                .remedy("Give both, or call adapt(data)."))
            }
        }
    }
}

impl<F: Real> Layer<F> for Normalization {
    fn kind(&self) -> &'static str {
        "Normalization"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let sizes = self.table_sizes(input)?;
        if let Some(given) = &self.mean {
            self.check_given(given, &sizes, input)?;
        }
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        if self.mean.is_some() {
            return Ok(Vec::new());
        }
        let sizes = self.table_sizes(only_input(inputs)?)?;
        checked_elements(&sizes)?;
        let (zeros, ones) = (Initializer::zeros(), Initializer::ones());
        Ok(vec![
            ParamSpec::state("mean", &sizes, &zeros),
            ParamSpec::state("variance", &sizes, &ones),
            // Keras keeps it for old files; adapt starts anew each time.
            ParamSpec::state("count", &[], &zeros),
        ])
    }

    fn scratch(&self, inputs: &[Shape], _: Mode) -> Result<Scratch> {
        let table = checked_elements(&self.table_sizes(only_input(inputs)?)?)?;
        Ok(Scratch {
            forward: vec![table; 2],
            backward: vec![table; 2],
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let weights = (cx.num_params() > 0).then(|| (cx.param(0), cx.param(1)));
        let (sizes, mean, factor) = (cx.input_shape(0), cx.temp(0), cx.temp(1));
        self.fill(sizes, weights, [mean, factor]);
        let (x, y) = (cx.input(0), cx.output(0));
        if self.invert {
            self.apply(sizes, (mean, factor), x, y, |_, x, mean, factor| {
                mean + x * factor
            });
        } else {
            self.apply(sizes, (mean, factor), x, y, |_, x, mean, factor| {
                (x - mean) * factor
            });
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let weights = (cx.num_params() > 0).then(|| (cx.param(0), cx.param(1)));
        let (sizes, mean, factor) = (cx.input_shape(0), cx.temp(0), cx.temp(1));
        self.fill(sizes, weights, [mean, factor]);
        let tables = (&*mean, &*factor);
        if dx.accumulate {
            self.apply(sizes, tables, dy, dx.values, |dx, dy, _, factor| {
                dx + dy * factor
            });
        } else {
            self.apply(sizes, tables, dy, dx.values, |_, dy, _, factor| dy * factor);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: Value, input: Array) -> Case {
        Case {
            kind: "Normalization",
            config,
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn means_are_taken_off_and_deviations_divided_by() {
        let input = Array::new(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        for (config, expected) in [
            (json!({"mean": 1, "variance": 4}), [0.0, 0.5, 1.0, 1.5]),
            (
                json!({"mean": [1, 2], "variance": [1, 4], "invert": true}),
                [2.0, 6.0, 4.0, 10.0],
            ),
            (
                json!({"axis": 1, "mean": [1, 3], "variance": [1, 0.25]}),
                [0.0, 1.0, 0.0, 2.0],
            ),
            (
                json!({"axis": [1, 2], "mean": [1, 3], "variance": [1, 0.25]}),
                [0.0, -2.0, 2.0, 2.0],
            ),
            (
                json!({"axis": null, "mean": 0, "variance": 0.0, "invert": true}),
                [1e-7, 2e-7, 3e-7, 4e-7],
            ),
        ] {
            let case = case(config, input.clone());
            let output = &case.outputs::<f64>().unwrap()[0];
            assert_close(&output.values, &expected, 1e-14);
        }
        let adapted = Case {
            weights: vec![vec![1.0, 2.0], vec![1.0, 4.0], vec![0.0]],
            ..case(json!({}), input)
        };
        let output = &adapted.outputs::<f32>().unwrap()[0];
        assert_eq!(output.values, [0.0, 0.0, 2.0, 1.0]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for config in [
            json!({"axis": [1, -1]}),
            json!({"axis": 1, "invert": true}),
            json!({"axis": null, "mean": 1, "variance": 3}),
        ] {
            check_gradients(&case(config, Array::random(&[2, 3, 2, 4], 1)));
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let input = Array::random(&[2, 3, 4], 1);
        for (config, expected) in [
            (
                json!({"mean": 1}),
                "expected `mean` and `variance`, or neither, got `mean` alone. Give both, or call adapt(data).",
            ),
            (
                json!({"mean": [1, 2], "variance": 1}),
                "expected `mean` and `variance` of one shape, got shapes (2,) and ()",
            ),
            (
                json!({"mean": [1, 2], "variance": [1, 2]}),
                "expected `mean` and `variance` that fit axes of sizes (4,), got shape (2,) for input shape (2, 3, 4)",
            ),
            (
                json!({"axis": 3}),
                "expected an input that has each axis of (3,) once, got input shape (2, 3, 4)",
            ),
            (
                json!({"mean": [[1, 2], [3]], "variance": 1}),
                "expected `mean` to be numbers in lists of equal lengths, got something else",
            ),
        ] {
            let error = case(config, input.clone()).error();
            assert_eq!(
                error,
                format!("Normalization \"normalization\": {expected}")
            );
        }
    }
}
