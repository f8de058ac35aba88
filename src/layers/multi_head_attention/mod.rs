//! Attention of many heads, with its projections.
//!
//! With x, u, w the query, key and value and h the head (Vaswani et al., "Attention Is All You Need", 2017):
//!
//! ```text
//! q = x Wq + bq      k = u Wk + bk      v = w Wv + bv
//! context[h] = dropout(softmax(masked(q[h] k[h]^T / sqrt(key_dim)))) v[h]
//! y = context Wo + bo
//! ```
//!
//! `use_gate` multiplies the context by `sigmoid(x Wg + bg)` before the last projection (Qiu et al., "Gated Attention for
//! Large Language Models", 2025). Each projection is one matrix product over all positions and heads.

mod geometry;
mod projections;

use serde::Deserialize;

use self::geometry::Geometry;
use self::projections::Part;
use super::Configured;
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::attention::{
    Dropout, Gradients, Mask, PairMask, Projected, Results, Rules, attend, attend_backward,
};
use crate::kernels::broadcast::{Aligned, fold, zip};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::rng::Stream;
use crate::shape::{Shape, checked_elements};

/// Each position of the query takes a mean of values, weighted by how well their keys match.
///
/// Inputs are query, value, then the key if `has_key`, then the mask of pairs if `has_attention_mask`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiHeadAttention {
    num_heads: usize,
    key_dim: usize,
    #[serde(default)]
    value_dim: Option<usize>,
    #[serde(default)]
    dropout: f64,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default)]
    output_shape: Option<Integers>,
    #[serde(default)]
    attention_axes: Option<Integers>,
    #[serde(default)]
    sliding_window: Option<usize>,
    /// Keras's choice of a kernel; there is one here.
    #[serde(default, rename = "flash_attention")]
    _flash_attention: Option<bool>,
    #[serde(default = "Initializer::glorot_uniform")]
    kernel_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    kernel_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    kernel_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
    #[serde(default)]
    use_gate: bool,
    #[serde(default)]
    seed: Option<u64>,
    /// Of the call: no query attends to later positions.
    #[serde(default)]
    use_causal_mask: bool,
    /// Of the call: the second output is the probabilities.
    #[serde(default)]
    return_attention_scores: bool,
    /// Of the call: the third input is the key; otherwise the value is.
    #[serde(default)]
    has_key: bool,
    /// Of the call: the last input tells which query may attend to which key.
    #[serde(default)]
    has_attention_mask: bool,
}

fn yes() -> bool {
    true
}

impl Configured for MultiHeadAttention {
    fn validate(&self) -> Result<()> {
        let window = self.sliding_window.unwrap_or(1);
        let sizes = [
            ("num_heads", self.num_heads),
            ("key_dim", self.key_dim),
            ("value_dim", self.value_dim()),
            ("sliding_window", window),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::config(format!("`{name}` of at least 1"), "0"));
            }
        }
        if !(0.0..=1.0).contains(&self.dropout) {
            return Err(Error::config(
                "`dropout` from 0 to 1",
                self.dropout.to_string(),
            ));
        }
        if let Some(sizes) = &self.output_shape
            && sizes.0.iter().any(|&size| size < 1)
        {
            return Err(Error::config(
                "`output_shape` of sizes of at least 1",
                sizes.to_string(),
            ));
        }
        checked_elements(&[self.num_heads, self.key_dim])?;
        checked_elements(&[self.num_heads, self.value_dim()]).map(|_| ())
    }
}

impl MultiHeadAttention {
    fn value_dim(&self) -> usize {
        self.value_dim.unwrap_or(self.key_dim)
    }

    fn attention_mask(&self) -> Option<usize> {
        let input = if self.has_key { 3 } else { 2 };
        self.has_attention_mask.then_some(input)
    }

    /// Keras leaves its fused kernel, and treats queries that may attend to nothing otherwise, for these.
    fn empty_is_uniform(&self, rank: usize) -> bool {
        self.dropout == 0.0 && !self.return_attention_scores && rank == 3
    }

    /// Who may attend to whom, how, and what is dropped.
    fn rules<'a, F: Real>(
        &self,
        geometry: &Geometry,
        query: &'a [usize],
        masks: [Option<&'a [F]>; 3],
        pairs: Option<(&'a [F], &'a [usize])>,
        stream: Option<Stream>,
    ) -> Rules<'a, F> {
        let attention = geometry.attention;
        let [queries, value, key] = masks;
        let mask = Mask {
            is_causal: self.use_causal_mask,
            window: self.sliding_window,
            queries,
            keys: [value, key],
            pairs: pairs.map(|(values, shape)| PairMask {
                values,
                shape,
                query,
                attention,
            }),
        };
        let dropout = stream.map(|stream| Dropout {
            rate: self.dropout,
            stream,
        });
        Rules {
            scale: F::of(1.0 / (self.key_dim as f64).sqrt()),
            mask,
            empty_is_uniform: self.empty_is_uniform(query.len()),
            dropout,
        }
    }
}

impl<F: Real> Layer<F> for MultiHeadAttention {
    fn kind(&self) -> &'static str {
        "MultiHeadAttention"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.shapes(inputs)
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let features = |part| inputs[self.input_of(part)].last().unwrap_or(0);
        let mut params = Vec::new();
        for part in self.parts() {
            let output = self.output_features(&inputs[0]);
            let (name, inputs, outputs) = match part {
                Part::Query => (
                    "query",
                    vec![features(part)],
                    vec![self.num_heads, self.key_dim],
                ),
                Part::Key => (
                    "key",
                    vec![features(part)],
                    vec![self.num_heads, self.key_dim],
                ),
                Part::Gate => (
                    "gate",
                    vec![features(part)],
                    vec![self.num_heads, self.value_dim()],
                ),
                Part::Value => (
                    "value",
                    vec![features(part)],
                    vec![self.num_heads, self.value_dim()],
                ),
                Part::Output => (
                    "attention_output",
                    vec![self.num_heads, self.value_dim()],
                    output,
                ),
            };
            let kernel = [&inputs[..], &outputs[..]].concat();
            let initializer = {
                let (inputs, outputs) = (inputs.len() as i64, outputs.len() as i64);
                let axes = (0..inputs).collect();
                self.kernel_initializer
                    .with_axes(axes, (inputs..inputs + outputs).collect())
            };
            params.push(
                ParamSpec::trainable(format!("{name}/kernel"), &kernel, &initializer)
                    .regularized(&self.kernel_regularizer)
                    .constrained(&self.kernel_constraint),
            );
            if self.use_bias {
                params.push(
                    ParamSpec::trainable(format!("{name}/bias"), &outputs, &self.bias_initializer)
                        .regularized(&self.bias_regularizer)
                        .constrained(&self.bias_constraint),
                );
            }
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let inputs = inputs
            .iter()
            .map(Shape::sizes)
            .collect::<Result<Vec<_>>>()?;
        let geometry = self.geometry(&inputs);
        let sizes = geometry.sizes;
        checked_elements(&[geometry.query_rows, self.num_heads, sizes.keys])?;
        let (queries, keys) = (
            geometry.query_rows * geometry.key_width,
            geometry.key_rows * geometry.key_width,
        );
        let values = geometry.key_rows * geometry.value_width;
        let context = geometry.query_rows * geometry.value_width;
        let mut buffers = vec![queries, keys, values, context];
        buffers.extend(self.use_gate.then_some(context));
        if !mode.backward {
            return Ok(Scratch {
                forward: buffers,
                ..Scratch::default()
            });
        }
        let mut backward = vec![context, queries, keys, values];
        backward.extend(self.use_gate.then_some(context));
        buffers.push(sizes.saved());
        Ok(Scratch {
            saved: buffers,
            forward: if self.use_gate { vec![context] } else { vec![] },
            backward,
            reads_inputs: true,
            reads_outputs: false,
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let shapes: [&[usize]; 3] = [0, 1, self.input_of(Part::Key)].map(|i| cx.input_shape(i));
        let geometry = self.geometry(&shapes);
        let keeps = cx.num_saved() > 0;
        let mut buffer = |i| if keeps { cx.saved(i) } else { cx.temp(i) };
        let (queries, keys, values, context) = (buffer(0), buffer(1), buffer(2), buffer(3));
        let gate = self.use_gate.then(|| buffer(4));
        let probabilities = keeps.then(|| cx.saved(if self.use_gate { 5 } else { 4 }));

        self.project(&cx, Part::Query, cx.input(0), queries);
        self.project(&cx, Part::Key, cx.input(self.input_of(Part::Key)), keys);
        self.project(&cx, Part::Value, cx.input(1), values);

        let drops = self.dropout > 0.0 && cx.training();
        let masks = [
            cx.mask(0),
            cx.mask(1),
            self.has_key.then(|| cx.mask(2)).flatten(),
        ];
        let pairs = self
            .attention_mask()
            .map(|i| (cx.input(i), cx.input_shape(i)));
        let stream = drops.then(|| cx.random(self.seed, 0));
        let rules = self.rules(&geometry, cx.input_shape(0), masks, pairs, stream);
        let scores = self.return_attention_scores.then(|| cx.output(1));
        let results = Results {
            context: &mut *context,
            saved: probabilities,
            scores,
        };
        attend(
            geometry.sizes,
            Projected {
                queries,
                keys,
                values,
            },
            &rules,
            results,
        );

        let output = cx.output(0);
        match gate {
            Some(gate) => {
                self.project(&cx, Part::Gate, cx.input(0), gate);
                Activation::Sigmoid.forward_in_place(gate, geometry.value_width);
                if keeps {
                    let gated = cx.temp(0);
                    zip(gated, false, [context, gate], |c, g| c * g);
                    self.project(&cx, Part::Output, gated, output);
                } else {
                    let shape = [context.len()];
                    fold(context, gate, Aligned::new(&shape, &shape), |c, g| c * g);
                    self.project(&cx, Part::Output, context, output);
                }
            }
            None => self.project(&cx, Part::Output, context, output),
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let key_input = self.input_of(Part::Key);
        let shapes: [&[usize]; 3] = [0, 1, key_input].map(|i| cx.input_shape(i));
        let geometry = self.geometry(&shapes);
        let (queries, keys, values) = (cx.saved(0), cx.saved(1), cx.saved(2));
        let context = cx.saved(3);
        let gate = self.use_gate.then(|| cx.saved(4));
        let probabilities = cx.saved(if self.use_gate { 5 } else { 4 });
        let grad_context = cx.temp(0);
        let (grad_queries, grad_keys, grad_values) = (cx.temp(1), cx.temp(2), cx.temp(3));
        let mut grads = [cx.grad_input(0), cx.grad_input(1), None];
        if self.has_key {
            grads[2] = cx.grad_input(2);
        }
        if let Some(mut grad) = self.attention_mask().and_then(|i| cx.grad_input(i)) {
            grad.clear(); // entries are yes or no: nothing flows to them
        }

        // The last projection, and the gate before it.
        let grad_output = cx.grad_output_mut(0);
        match (&grad_output, &gate) {
            (Some(dy), None) => {
                self.weights_backward(&mut cx, Part::Output, context, dy);
                self.input_backward(&cx, Part::Output, dy, grad_context, false);
            }
            (Some(dy), Some(gate)) => {
                let gated = cx.temp(4);
                zip(gated, false, [context, gate], |c, g| c * g);
                self.weights_backward(&mut cx, Part::Output, gated, dy);
                self.input_backward(&cx, Part::Output, dy, grad_context, false);
                // d(context * sigmoid(z)) = dcontext * g + context * g * (1 - g) * dz
                let grad_gate = gated;
                zip(grad_gate, false, [context, gate], |c, g| {
                    c * g * (F::ONE - g)
                });
                let shape = [grad_gate.len()];
                let same = Aligned::new(&shape, &shape);
                fold(grad_gate, grad_context, same, |slope, dc| slope * dc);
                fold(grad_context, gate, same, |dc, g| dc * g);
                self.part_backward(&mut cx, Part::Gate, grad_gate, &mut grads[0]);
            }
            (None, _) => {
                grad_context.fill(F::ZERO);
                self.clear_weights(&mut cx, Part::Output);
                if self.use_gate {
                    self.clear_weights(&mut cx, Part::Gate);
                }
            }
        }

        let drops = self.dropout > 0.0 && cx.training();
        let masks = [
            cx.mask(0),
            cx.mask(1),
            self.has_key.then(|| cx.mask(2)).flatten(),
        ];
        let pairs = self
            .attention_mask()
            .map(|i| (cx.input(i), cx.input_shape(i)));
        let stream = drops.then(|| cx.random(self.seed, 0));
        let rules = self.rules(&geometry, cx.input_shape(0), masks, pairs, stream);
        let grad_scores = match self.return_attention_scores {
            true => cx.grad_output_mut(1),
            false => None,
        };
        let gradients = Gradients {
            queries: &mut *grad_queries,
            keys: &mut *grad_keys,
            values: &mut *grad_values,
        };
        attend_backward(
            geometry.sizes,
            Projected {
                queries,
                keys,
                values,
            },
            &rules,
            probabilities,
            grad_context,
            grad_scores.as_deref(),
            gradients,
        );

        self.part_backward(&mut cx, Part::Query, grad_queries, &mut grads[0]);
        self.part_backward(&mut cx, Part::Value, grad_values, &mut grads[1]);
        self.part_backward(&mut cx, Part::Key, grad_keys, &mut grads[key_input]);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
