//! Another layer whose kernel is divided by its largest singular value.
//!
//! Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018. With the kernel as a matrix W of all its
//! axes but the last by the last, and a vector u that is kept from step to step, each training step takes some rounds of
//!
//! ```text
//! v = W u / |W u|        u = W' v / |W' v|        then        s = v' W u        W^ = W / s
//! ```
//!
//! and with the gradient G by W^, u and v held fixed: `dW = G / s - (sum of G W) / s^2 * v u'`. Outside of training the same
//! rounds are gone through, but u stays as it is.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Configured, create};
use crate::error::{Error, Result};
use crate::init::{Initializer, Normal};
use crate::kernels::activation::Activation;
use crate::kernels::broadcast::zip;
use crate::kernels::reduce::sum_of_squares;
use crate::kernels::vector::{dot, matrix_times, subtract_outer, transposed_times};
use crate::layer::{Backward, Call, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::{ParamSpec, Role};
use crate::real::Real;
use crate::shape::Shape;

/// The largest factor that a vector is multiplied by to get length 1: Keras's `1 / backend.epsilon()`.
const LIMIT: f64 = 1e7;
/// The most weights a layer inside may have.
const MAX_PARAMS: usize = 4;
/// Recurrent layers have a kernel that they read in their own way, and states.
const REFUSED: [&str; 3] = ["GRU", "LSTM", "SimpleRNN"];

/// A layer with a kernel of norm 1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct SpectralNormalization<F: Real> {
    layer: Inner<F>,
    #[serde(default = "one")]
    power_iterations: usize,
}

fn one() -> usize {
    1
}

/// The layer inside, read from its class name and configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value", bound = "")]
struct Inner<F: Real>(Arc<dyn Layer<F>>);

impl<F: Real> TryFrom<Value> for Inner<F> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let kind = value["class_name"].as_str().unwrap_or_default();
        let mut config = value["config"].clone();
        if let Some(config) = config.as_object_mut() {
            for name in ["name", "trainable", "dtype", "activity_regularizer"] {
                config.remove(name); // those of this layer hold
            }
        } else {
            config = json!({});
        }
        if REFUSED.contains(&kind) {
            return Err(format!(
                "invalid value: {kind:?}, expected a layer with a kernel and without states"
            ));
        }
        let layer = create(kind, &config);
        layer.map(Self).map_err(|error| {
            format!("invalid value: {kind:?}, expected a layer that can be made ({error})")
        })
    }
}

impl<F: Real> Configured for SpectralNormalization<F> {
    fn validate(&self) -> Result<()> {
        if self.power_iterations == 0 {
            let expected = "`power_iterations` to be at least 1";
            return Err(Error::config(expected, "0"));
        }
        Ok(())
    }
}

/// The memory of a direction: the weights of the layer inside one after the other, v, and u.
struct Room<'a, F> {
    weights: &'a mut [F],
    v: &'a mut [F],
    u: &'a mut [F],
}

impl<'a, F: Real> Room<'a, F> {
    fn new(room: &'a mut [F], weights: usize, columns: usize) -> Self {
        let (weights, rest) = room.split_at_mut(weights);
        let (u, v) = rest.split_at_mut(columns);
        Self { weights, v, u }
    }

    /// Writes v, u and the kernel divided by s, and gives s; leaves a kernel of zeros as it is and gives `None`.
    fn normalize(&mut self, kernel: &[F], u: &[F], rounds: usize) -> Option<F> {
        let hat = &mut self.weights[..kernel.len()];
        self.u.copy_from_slice(u);
        if kernel.iter().all(|&w| w == F::ZERO) {
            hat.copy_from_slice(kernel);
            return None;
        }
        let mut s = F::ZERO;
        for _ in 0..rounds {
            matrix_times(kernel, self.u, self.v);
            make_unit(self.v);
            transposed_times(kernel, self.v, self.u);
            // s = v' W u, where u is W' v times a factor: the squares of W' v times that factor.
            let (squares, factor) = make_unit(self.u);
            s = F::of(squares * factor);
        }
        let factor = F::ONE / s;
        zip(hat, false, [kernel, kernel], |w, _| w * factor);
        Some(s)
    }
}

/// Multiplies `x`, so that it gets length 1: gives the sum of its squares before, and the factor.
fn make_unit<F: Real>(x: &mut [F]) -> (f64, f64) {
    let squares = sum_of_squares(x);
    let factor = (1.0 / squares.sqrt()).min(LIMIT);
    let rounded = F::of(factor);
    x.iter_mut().for_each(|x| *x *= rounded);
    (squares, factor)
}

impl<F: Real> SpectralNormalization<F> {
    /// The weights of the layer inside for these inputs; the kernel is the first.
    fn inner_params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let params = self.layer.0.params(inputs)?;
        let first = params.first().map(|param| param.name.as_str());
        let fits = matches!(first, Some("kernel" | "embeddings"))
            && params.len() <= MAX_PARAMS
            && params.iter().all(|param| param.role == Role::Trainable);
        if fits {
            return Ok(params);
        }
        Err(Error::config(
            "a layer with `kernel` or `embeddings`, which are divided",
            self.layer.0.kind(),
        ))
    }

    /// Elements of a [`Room`].
    fn room(&self, inputs: &[Shape]) -> Result<(usize, usize)> {
        let params = self.inner_params(inputs)?;
        let all = params.iter().map(ParamSpec::len).sum::<usize>();
        let (kernel, columns) = (
            params[0].len(),
            params[0].shape.last().copied().unwrap_or(1),
        );
        Ok((
            all + columns + kernel.checked_div(columns).unwrap_or(0),
            kernel,
        ))
    }
}

/// Where the weights of the layer inside lie in a [`Room`]; `params` are those of this layer, u the last.
fn places(params: &[(usize, usize)]) -> ([(usize, usize); MAX_PARAMS], usize) {
    let (mut places, mut offset) = ([(0, 0); MAX_PARAMS], 0);
    for (place, &(_, len)) in places.iter_mut().zip(&params[..params.len() - 1]) {
        *place = (offset, len);
        offset += len;
    }
    (places, offset)
}

/// Copies the weights behind the kernel.
fn copy_rest<F: Real>(call: &Call<'_, F>, places: &[(usize, usize)], to: &mut [F]) {
    for (&(to_offset, len), &(offset, _)) in places.iter().zip(call.params).skip(1) {
        to[to_offset..to_offset + len].copy_from_slice(&call.weights[offset..offset + len]);
    }
}

impl<F: Real> Layer<F> for SpectralNormalization<F> {
    fn kind(&self) -> &'static str {
        "SpectralNormalization"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.layer.0.output_shapes(inputs)
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let mut params = self.inner_params(inputs)?;
        let columns = params[0].shape.last().copied().unwrap_or(1);
        let normal = Initializer::TruncatedNormal(Normal {
            mean: 0.0,
            stddev: 0.02,
            seed: None,
        });
        // Behind the others, so that those keep their places for the layer inside.
        params.push(ParamSpec::state("vector_u", &[1, columns], &normal));
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let mut scratch = self.layer.0.scratch(inputs, mode)?;
        let (room, kernel) = self.room(inputs)?;
        // Behind those of the layer inside.
        scratch.forward.push(room);
        scratch.backward.extend([room, kernel]);
        Ok(scratch)
    }

    fn mask_rule(&self, inputs: &[Shape], masked: &[bool]) -> MaskRule {
        self.layer.0.mask_rule(inputs, masked)
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.layer.0.channel_axis(rank)
    }

    fn output_activation(&self) -> Option<&Activation> {
        self.layer.0.output_activation()
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let params = cx.call.params;
        let (places, len) = places(params);
        let (kernel, u) = (cx.param(0), cx.param(params.len() - 1));
        let mut room = Room::new(cx.temp(cx.pieces.temp.len() - 1), len, u.len());
        let s = room.normalize(kernel, u, self.power_iterations);
        copy_rest(&cx.call, &places[..params.len() - 1], room.weights);
        if s.is_some()
            && cx.training()
            && let Some(state) = cx.state(params.len() - 1)
        {
            state.copy_from_slice(room.u);
        }
        self.layer.0.forward(Forward {
            call: Call {
                weights: room.weights,
                params: &places[..params.len() - 1],
                ..cx.call
            },
            pieces: cx.pieces,
            work: cx.work,
            states: cx.states,
        })
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let params = cx.call.params;
        let (places, len) = places(params);
        let (kernel, u) = (cx.param(0), cx.param(params.len() - 1));
        let last = cx.pieces.temp.len() - 1;
        let (room, old) = (cx.temp(last - 1), cx.temp(last));
        let mut room = Room::new(room, len, u.len());
        let s = room.normalize(kernel, u, self.power_iterations);
        copy_rest(&cx.call, &places[..params.len() - 1], room.weights);
        let Room { weights, v, u } = room;
        let call = Call {
            weights: &*weights,
            params: &places[..params.len() - 1],
            ..cx.call
        };
        let (pieces, work, mut grads) = (cx.pieces, cx.work, cx.grads);
        let Some((piece, accumulate)) = pieces.grad_params[0] else {
            return self.layer.0.backward(Backward {
                call,
                pieces,
                work,
                grads,
            });
        };
        if accumulate {
            // The layer inside adds to nothing, so that what it gives stands alone.
            grads.lend(piece, |grads| {
                let grad = grads.write(piece);
                old.copy_from_slice(grad);
                grad.fill(F::ZERO);
            });
        }
        grads.lend(piece, |grads| {
            self.layer.0.backward(Backward {
                call,
                pieces,
                work,
                grads,
            })
        })?;
        let grad = grads.write(piece);
        if let Some(s) = s {
            let along = F::of(dot(grad, &weights[..grad.len()]));
            v.iter_mut().for_each(|v| *v *= along);
            subtract_outer(grad, v, u, s);
        }
        if accumulate {
            grad.iter_mut()
                .zip(&*old)
                .for_each(|(grad, &old)| *grad += old);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(layer: Value, shape: &[usize]) -> Case {
        Case {
            kind: "SpectralNormalization",
            config: json!({"layer": layer, "power_iterations": 300}),
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn the_kernel_is_divided_by_its_largest_singular_value() {
        for training in [false, true] {
            let layer = json!({"class_name": "Dense", "config": {"units": 2, "name": "inside"}});
            let case = Case {
                inputs: vec![Array::new(&[1, 2], &[1.0, 1.0])],
                weights: vec![vec![3.0, 0.0, 0.0, -4.0], vec![0.5, 0.5], vec![0.6, 0.8]],
                training,
                ..case(layer, &[1])
            };
            let output = &case.outputs::<f64>().unwrap()[0];
            assert_close(&output.values, &[1.25, -0.5], 1e-12);
        }
    }

    #[test]
    fn gradients_go_through_the_singular_value() {
        for (class, config, shape) in [
            (
                "Dense",
                json!({"units": 3, "activation": "gelu"}),
                &[2, 4][..],
            ),
            (
                "Conv2D",
                json!({"filters": 2, "kernel_size": 2}),
                &[2, 3, 3, 2],
            ),
        ] {
            let layer = json!({"class_name": class, "config": config});
            check_gradients(&case(layer, shape));
        }
    }

    #[test]
    fn a_kernel_of_zeros_stays() {
        let layer = json!({"class_name": "Dense", "config": {"units": 2, "use_bias": false}});
        let case = Case {
            weights: vec![vec![0.0; 8], vec![0.6, 0.8]],
            training: true,
            ..case(layer, &[2, 4])
        };
        assert_eq!(case.outputs::<f32>().unwrap()[0].values, [0.0; 4]);
    }

    #[test]
    fn layers_without_a_kernel_are_refused() {
        let title = "SpectralNormalization \"spectralnormalization\": expected";
        for (class, expected) in [
            (
                "Flatten",
                "a layer with `kernel` or `embeddings`, which are divided, got Flatten",
            ),
            (
                "LSTM",
                "`layer` to be a layer with a kernel and without states, got \"LSTM\"",
            ),
        ] {
            let error = case(json!({"class_name": class, "config": {}}), &[2, 4]).error();
            assert_eq!(error, format!("{title} {expected}"));
        }
        let layer = json!({"class_name": "Dense", "config": {"units": 2}});
        let none = Case {
            config: json!({"layer": layer, "power_iterations": 0}),
            ..case(json!(null), &[2, 4])
        };
        assert_eq!(
            none.error(),
            format!("{title} `power_iterations` to be at least 1, got 0")
        );
    }
}
