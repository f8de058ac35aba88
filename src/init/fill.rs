//! Drawing the values: one random number per element, by its index alone.

use super::{Distribution, FanMode, Initializer, VarianceScaling};
use crate::error::{Error, Result};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::rng::Stream;
use crate::shape::{Shape, axis_index, checked_elements};

/// The random stream of initial values; apart from those of layers, which count from 0.
const STREAM: u64 = 0x696E_6974;

/// Elements of one piece of parallel work; a multiple of the random numbers made at a time.
const CHUNK: usize = 8192;

/// The standard deviation of a standard normal number that is drawn again beyond two of them.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// A distribution with its parameters settled.
#[derive(Debug, Clone, Copy)]
enum Draw {
    Normal { mean: f64, stddev: f64 },
    Truncated { mean: f64, stddev: f64 },
    Uniform { minval: f64, maxval: f64 },
}

impl Initializer {
    /// Fills `values`, a weight of this `shape`. A seed of the config takes the place of `seed`.
    ///
    /// # Errors
    /// If the shape is none this initializer can start, or has another number of elements than `values`.
    pub fn fill<F: Real>(&self, shape: &[usize], values: &mut [F], seed: u64) -> Result<()> {
        if checked_elements(shape)? != values.len() {
            let expected = format!(
                "{} elements for shape {}",
                values.len(),
                Shape::known(shape)
            );
            return Err(Error::shape(
                expected,
                format!("{} elements", shape.iter().product::<usize>()),
            ));
        }
        let stream = |own: Option<i64>| Stream::new(own.map_or(seed, |own| own as u64), STREAM, 0);
        match self {
            Self::Constant(value) => values.fill(F::of(*value)),
            Self::Identity(gain) => identity(*gain, shape, values)?,
            Self::RandomNormal(normal) => {
                let draw = Draw::Normal {
                    mean: normal.mean,
                    stddev: normal.stddev,
                };
                draw.fill(&stream(normal.seed), values);
            }
            Self::TruncatedNormal(normal) => {
                let draw = Draw::Truncated {
                    mean: normal.mean,
                    stddev: normal.stddev,
                };
                draw.fill(&stream(normal.seed), values);
            }
            Self::RandomUniform(uniform) => {
                let draw = Draw::Uniform {
                    minval: uniform.minval,
                    maxval: uniform.maxval,
                };
                draw.fill(&stream(uniform.seed), values);
            }
            Self::VarianceScaling(scaling) => {
                scaling.draw(shape)?.fill(&stream(scaling.seed), values)
            }
            Self::ForgetBias(others) => {
                let gate = values.len() / 4;
                let (input, rest) = values.split_at_mut(gate);
                let (forget, rest) = rest.split_at_mut(gate);
                others.fill(&[gate], input, seed)?;
                forget.fill(F::ONE);
                others.fill(&[rest.len()], rest, seed.wrapping_add(1))?;
            }
            Self::Orthogonal(matrix) => {
                orthogonal(matrix.gain, &stream(matrix.seed), shape, values)?
            }
        }
        Ok(())
    }
}

impl Draw {
    fn fill<F: Real>(self, stream: &Stream, values: &mut [F]) {
        for_each_chunk_mut(values, CHUNK, |index, values| {
            let first = (index * CHUNK) as u64;
            let (scale, shift) = match self {
                Self::Normal { mean, stddev } => {
                    stream.fill_normal(values, first);
                    (stddev, mean)
                }
                Self::Truncated { mean, stddev } => {
                    for (i, value) in values.iter_mut().enumerate() {
                        *value = stream.truncated_normal(first + i as u64);
                    }
                    (stddev, mean)
                }
                Self::Uniform { minval, maxval } => {
                    stream.fill_uniform(values, first);
                    (maxval - minval, minval)
                }
            };
            let (scale, shift) = (F::of(scale), F::of(shift));
            values
                .iter_mut()
                .for_each(|value| *value = *value * scale + shift);
        });
    }
}

impl VarianceScaling {
    /// The distribution for a weight of this shape.
    fn draw(&self, shape: &[usize]) -> Result<Draw> {
        let (fan_in, fan_out) = self.fans(shape)?;
        let fan = match self.mode {
            FanMode::FanIn => fan_in,
            FanMode::FanOut => fan_out,
            FanMode::FanAvg => (fan_in + fan_out) / 2.0,
        };
        let variance = self.scale / fan.max(1.0);
        Ok(match self.distribution {
            Distribution::TruncatedNormal => Draw::Truncated {
                mean: 0.0,
                stddev: variance.sqrt() / TRUNCATED_STDDEV,
            },
            Distribution::UntruncatedNormal => Draw::Normal {
                mean: 0.0,
                stddev: variance.sqrt(),
            },
            Distribution::Uniform => {
                // The variance of a uniform number of [-l, l) is l^2 / 3.
                let limit = (3.0 * variance).sqrt();
                Draw::Uniform {
                    minval: -limit,
                    maxval: limit,
                }
            }
        })
    }

    /// The number of inputs and outputs of one unit (`compute_fans` of Keras's `random_initializers.py`): the last two
    /// axes, times the size of the window before them.
    fn fans(&self, shape: &[usize]) -> Result<(f64, f64)> {
        if let (Some(input), Some(output)) = (&self.input_axes, &self.output_axes) {
            let size = |axes: &[i64]| {
                axes.iter().try_fold(1.0, |size, &axis| {
                    let axis = axis_index(axis, shape.len()).ok_or_else(|| {
                        Error::config(
                            format!(
                                "input_axes and output_axes of a weight of shape {}",
                                Shape::known(shape)
                            ),
                            format!("axis {axis}"),
                        )
                    })?;
                    Ok::<_, Error>(size * shape[axis] as f64)
                })
            };
            return Ok((size(input)?, size(output)?));
        }
        Ok(match shape {
            [] => (1.0, 1.0),
            [units] => (*units as f64, *units as f64),
            [window @ .., inputs, outputs] => {
                let window: f64 = window.iter().map(|&size| size as f64).product();
                (window * *inputs as f64, window * *outputs as f64)
            }
        })
    }
}

fn identity<F: Real>(gain: f64, shape: &[usize], values: &mut [F]) -> Result<()> {
    let &[_, columns] = shape else {
        return Err(Error::config(
            "a 2-D weight for the initializer Identity",
            format!("a weight of shape {}", Shape::known(shape)),
        ));
    };
    values.fill(F::ZERO);
    values
        .iter_mut()
        .step_by(columns + 1)
        .take(columns)
        .for_each(|value| *value = F::of(gain));
    Ok(())
}

/// `gain * Q`, where `Q R` is the QR decomposition of a normal matrix with `R`'s diagonal positive, which makes `Q`
/// uniform over the orthogonal matrices (Mezzadri, "How to Generate Random Matrices from the Classical Compact
/// Groups", 2007).
fn orthogonal<F: Real>(
    gain: f64,
    stream: &Stream,
    shape: &[usize],
    values: &mut [F],
) -> Result<()> {
    let [first @ .., columns] = shape else {
        return Err(not_a_matrix(shape));
    };
    if first.is_empty() {
        return Err(not_a_matrix(shape));
    }
    if values.is_empty() {
        return Ok(());
    }
    let (rows, columns) = (first.iter().product::<usize>(), *columns);
    let (tall, narrow) = (rows.max(columns), rows.min(columns));
    // The tall matrix, column by column.
    let mut a = vec![F::ZERO; tall * narrow];
    Draw::Normal {
        mean: 0.0,
        stddev: 1.0,
    }
    .fill(stream, &mut a);
    let mut q = vec![F::ZERO; tall * narrow];
    orthonormal_columns(&mut a, tall, narrow, &mut q);
    let gain = F::of(gain);
    if rows < columns {
        // The columns of Q are the rows wanted.
        values
            .iter_mut()
            .zip(&q)
            .for_each(|(value, &q)| *value = gain * q);
    } else {
        for (i, row) in values.chunks_mut(columns).enumerate() {
            row.iter_mut()
                .enumerate()
                .for_each(|(j, value)| *value = gain * q[j * tall + i]);
        }
    }
    Ok(())
}

fn not_a_matrix(shape: &[usize]) -> Error {
    Error::config(
        "a weight of at least 2 dimensions for the initializer Orthogonal",
        format!("a weight of shape {}", Shape::known(shape)),
    )
}

/// Householder's QR (1958) of `a`, whose columns of length `tall` follow each other: `q` becomes the columns of Q, `a` is
/// left with the reflectors `I - v v^T`, `|v|^2 = 2`.
fn orthonormal_columns<F: Real>(a: &mut [F], tall: usize, narrow: usize, q: &mut [F]) {
    let columns_at_a_time = (CHUNK / tall).max(1);
    // The signs that make the diagonal of R positive.
    let mut signs = vec![F::ONE; narrow];
    for (k, sign) in signs.iter_mut().enumerate() {
        let (done, rest) = a.split_at_mut((k + 1) * tall);
        let v = &mut done[k * tall + k..];
        let norm = dot(v, v).sqrt();
        if norm > F::ZERO {
            // R[k][k] = -sign(v[0]) * norm: the sign that does not cancel.
            let diagonal = if v[0] > F::ZERO { -norm } else { norm };
            *sign = if diagonal > F::ZERO { F::ONE } else { -F::ONE };
            v[0] -= diagonal;
            let scale = (F::of(2.0) / dot(v, v)).sqrt();
            v.iter_mut().for_each(|v| *v *= scale);
        }
        let v = &*v;
        for_each_chunk_mut(rest, columns_at_a_time * tall, |_, columns| {
            columns
                .chunks_mut(tall)
                .for_each(|column| reflect(v, &mut column[k..]));
        });
    }
    let a = &*a;
    for_each_chunk_mut(q, columns_at_a_time * tall, |index, columns| {
        for (i, column) in columns.chunks_mut(tall).enumerate() {
            let j = index * columns_at_a_time + i;
            column[j] = signs[j];
            // Reflectors after the j-th leave the j-th unit vector as it is.
            for k in (0..=j).rev() {
                reflect(&a[k * tall + k..(k + 1) * tall], &mut column[k..]);
            }
        }
    });
}

/// `x -= v (v . x)`.
fn reflect<F: Real>(v: &[F], x: &mut [F]) {
    let along = dot(v, x);
    x.iter_mut().zip(v).for_each(|(x, &v)| *x -= along * v);
}

/// The sum of products in sixteen lanes, which the compiler turns into vectors.
fn dot<F: Real>(a: &[F], b: &[F]) -> F {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [F::ZERO; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.into_iter().sum::<F>() + a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b).sum::<F>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::{Normal, Orthogonal, Uniform};
    use serde_json::json;

    fn filled(init: &Initializer, shape: &[usize], seed: u64) -> Vec<f64> {
        let mut values = vec![f64::NAN; shape.iter().product()];
        init.fill(shape, &mut values, seed).unwrap();
        values
    }

    fn variance(values: &[f64]) -> f64 {
        values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn variance_follows_the_fans() {
        for (name, shape, wanted) in [
            ("glorot_uniform", &[200usize, 300][..], 2.0 / 500.0),
            ("glorot_normal", &[200, 300], 2.0 / 500.0),
            ("he_uniform", &[3, 3, 16, 64], 2.0 / 144.0),
            ("he_normal", &[3, 3, 16, 64], 2.0 / 144.0),
            ("lecun_uniform", &[400, 100], 1.0 / 400.0),
            ("lecun_normal", &[400, 100], 1.0 / 400.0),
        ] {
            let got = variance(&filled(
                &Initializer::try_from(json!(name)).unwrap(),
                shape,
                1,
            ));
            assert!(
                (got / wanted - 1.0).abs() < 0.05,
                "{name}: {got} for {wanted}"
            );
        }
    }

    #[test]
    fn axes_replace_the_rule_of_the_last_two() {
        let config = json!({"class_name": "HeUniform", "config": {"input_axes": [0], "output_axes": [-2, -1]}});
        let Initializer::VarianceScaling(scaling) = Initializer::try_from(config).unwrap() else {
            panic!()
        };
        assert_eq!(scaling.fans(&[5, 2, 3]).unwrap(), (5.0, 6.0));
        assert!(scaling.fans(&[5]).is_err());
    }

    #[test]
    fn draws_keep_their_bounds() {
        let uniform = Initializer::RandomUniform(Uniform {
            minval: 2.0,
            maxval: 3.0,
            seed: None,
        });
        assert!(
            filled(&uniform, &[5000], 0)
                .iter()
                .all(|v| (2.0..3.0).contains(v))
        );
        let truncated = Initializer::TruncatedNormal(Normal {
            mean: 1.0,
            stddev: 0.5,
            seed: None,
        });
        assert!(
            filled(&truncated, &[5000], 0)
                .iter()
                .all(|v| (0.0..=2.0).contains(v))
        );
    }

    #[test]
    fn a_seed_of_its_own_wins() {
        let own = Initializer::RandomNormal(Normal {
            seed: Some(5),
            ..Normal::default()
        });
        assert_eq!(filled(&own, &[9], 1), filled(&own, &[9], 2));
        let shared = Initializer::RandomNormal(Normal::default());
        assert_ne!(filled(&shared, &[9], 1), filled(&shared, &[9], 2));
        assert_eq!(filled(&shared, &[9], 5), filled(&own, &[9], 1));
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal() {
        for shape in [
            &[6usize, 6][..],
            &[20, 7],
            &[7, 20],
            &[2, 3, 4],
            &[1, 5],
            &[5, 1],
        ] {
            let columns = *shape.last().unwrap();
            let rows = shape.iter().product::<usize>() / columns;
            let q = filled(
                &Initializer::Orthogonal(Orthogonal {
                    gain: 2.0,
                    seed: None,
                }),
                shape,
                3,
            );
            let at = |i: usize, j: usize| {
                if rows < columns {
                    q[i * columns + j]
                } else {
                    q[j * columns + i]
                }
            };
            for i in 0..rows.min(columns) {
                for k in 0..rows.min(columns) {
                    let product: f64 = (0..rows.max(columns)).map(|j| at(i, j) * at(k, j)).sum();
                    let wanted = if i == k { 4.0 } else { 0.0 };
                    assert!((product - wanted).abs() < 1e-12, "{shape:?}: {product}");
                }
            }
        }
    }

    #[test]
    fn orthogonal_is_the_q_of_the_normal_matrix_with_positive_r() {
        let (tall, narrow) = (9, 4);
        let stream = Stream::new(1, 2, 3);
        let mut a = vec![0.0f64; tall * narrow];
        stream.fill_normal(&mut a, 0);
        let start = a.clone();
        let mut q = vec![0.0; tall * narrow];
        orthonormal_columns(&mut a, tall, narrow, &mut q);
        for i in 0..narrow {
            for j in 0..narrow {
                let r = dot(
                    &q[i * tall..(i + 1) * tall],
                    &start[j * tall..(j + 1) * tall],
                );
                match i.cmp(&j) {
                    std::cmp::Ordering::Greater => assert!(r.abs() < 1e-12),
                    std::cmp::Ordering::Equal => assert!(r > 0.0),
                    std::cmp::Ordering::Less => {}
                }
            }
        }
    }

    #[test]
    fn identity_and_constants_are_what_they_say() {
        assert_eq!(
            filled(&Initializer::Identity(2.0), &[2, 3], 0),
            [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]
        );
        assert_eq!(
            filled(&Initializer::Identity(2.0), &[3, 2], 0),
            [2.0, 0.0, 0.0, 2.0, 0.0, 0.0]
        );
        assert_eq!(filled(&Initializer::ones(), &[2], 0), [1.0, 1.0]);
    }

    #[test]
    fn shapes_that_cannot_be_started_are_refused() {
        for (init, text) in [
            (
                Initializer::Identity(1.0),
                "expected a 2-D weight for the initializer Identity, got a weight of shape (3,)",
            ),
            (
                Initializer::orthogonal(),
                "expected a weight of at least 2 dimensions for the initializer Orthogonal, got a weight of shape (3,)",
            ),
        ] {
            assert_eq!(
                init.fill(&[3], &mut [0.0f32; 3], 0)
                    .unwrap_err()
                    .to_string(),
                text
            );
        }
    }
}
