//! Attention without projections: `y = dropout(softmax(masked(scores(q, k)))) v`.
//!
//! ```text
//! Attention, "dot"      scores = scale * q k^T
//! Attention, "concat"   scores = weight * sum of tanh(scale * (q + k))
//! AdditiveAttention     scores = sum of scale * tanh(q + k)
//! ```
//!
//! Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015; Bahdanau et al., "Neural
//! Machine Translation by Jointly Learning to Align and Translate", 2015. With P the probabilities, D what dropout leaves
//! of them and S the scores: `dD = dy v^T`, `dv = D^T dy`, `dS = P * (dP - sum(dP * P))` row by row.

mod additive;

use serde::Deserialize;

use super::Configured;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::broadcast::map;
use crate::kernels::contract::{Axes, Contraction};
use crate::kernels::dropout::Dropping;
use crate::kernels::softmax::{softmax, softmax_backward};
use crate::layer::{Backward, Forward, Grad, Layer, MaskRule, Mode, Scratch};
use crate::parallel::for_each_chunk_mut;
use crate::param::ParamSpec;
use crate::real::Real;
use crate::shape::Shape;

/// Every place of the query takes a mean of values, weighted by how well their keys match. Inputs are query, value, then
/// the key if it is another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attention<const ADDITIVE: bool> {
    #[serde(default)]
    use_scale: Option<bool>,
    #[serde(default)]
    score_mode: ScoreMode,
    #[serde(default)]
    dropout: f64,
    #[serde(default)]
    seed: Option<u64>,
    /// Of the call: no query attends to later keys.
    #[serde(default)]
    use_causal_mask: bool,
    /// Of the call: the second output is what the values are weighted by.
    #[serde(default)]
    return_attention_scores: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScoreMode {
    #[default]
    Dot,
    Concat,
}

/// The score of a key that must not be seen: a query that may see nothing sees all alike, as in Keras in float32.
const MASKED: f64 = -1e9;

/// Samples, queries, keys, features, features of the value.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    queries: usize,
    keys: usize,
    features: usize,
    values: usize,
}

impl Sizes {
    fn new(query: &[usize], value: &[usize]) -> Self {
        Self {
            batch: query[0],
            queries: query[1],
            keys: value[1],
            features: query[2],
            values: value[2],
        }
    }

    fn scores(&self) -> usize {
        self.batch * self.queries * self.keys
    }

    /// `to = a b` for each sample, with axes named q, k, f (features) and v.
    fn product(&self, a: [u8; 2], b: [u8; 2], to: [u8; 2]) -> Contraction {
        let size = |name| match name {
            b'q' => self.queries,
            b'k' => self.keys,
            b'f' => self.features,
            _ => self.values,
        };
        let labels = [a, b, to].map(|[x, y]| [b'b', x, y]);
        let sizes = [a, b, to].map(|[x, y]| [self.batch, size(x), size(y)]);
        let axes = |i: usize| Axes {
            labels: &labels[i],
            sizes: &sizes[i],
        };
        Contraction::new(axes(0), axes(1), axes(2))
    }
}

impl<const ADDITIVE: bool> Configured for Attention<ADDITIVE> {
    fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.dropout) {
            let got = self.dropout.to_string();
            return Err(Error::config("`dropout` from 0 to 1", got));
        }
        Ok(())
    }
}

impl<const ADDITIVE: bool> Attention<ADDITIVE> {
    fn use_scale(&self) -> bool {
        self.use_scale.unwrap_or(ADDITIVE)
    }

    /// The scores are sums of tanh.
    fn is_additive(&self) -> bool {
        ADDITIVE || self.score_mode == ScoreMode::Concat
    }

    fn drops(&self, training: bool) -> bool {
        training && self.dropout > 0.0
    }

    /// The factor within tanh or of the dot product, and the factors of the features; each if there is one.
    fn factors<'a, F: Real>(&self, param: impl Fn(usize) -> &'a [F]) -> (F, Option<&'a [F]>) {
        let scale = self.use_scale().then(|| param(0));
        match (ADDITIVE, self.score_mode) {
            (true, _) => (F::ONE, scale),
            (false, ScoreMode::Dot) => (scale.map_or(F::ONE, |scale| scale[0]), None),
            (false, ScoreMode::Concat) => {
                let weight = param(usize::from(self.use_scale()));
                (scale.map_or(F::ONE, |scale| scale[0]), Some(weight))
            }
        }
    }
}

/// Puts `value` in the places of keys that must not be seen.
fn put_masked<F: Real>(
    scores: &mut [F],
    sizes: Sizes,
    keys: Option<&[F]>,
    is_causal: bool,
    value: F,
) {
    if scores.is_empty() || (keys.is_none() && !is_causal) {
        return;
    }
    for_each_chunk_mut(scores, sizes.keys, |row, scores| {
        let (sample, query) = (row / sizes.queries, row % sizes.queries);
        let keys = keys.map(|keys| &keys[sample * sizes.keys..]);
        for (key, score) in scores.iter_mut().enumerate() {
            let is_padding = keys.is_some_and(|keys| keys[key] == F::ZERO);
            if is_padding || (is_causal && key > query) {
                *score = value;
            }
        }
    });
}

/// Sets to 0 the rows that the mask skips.
fn clear_rows<F: Real>(rows: &mut [F], width: usize, mask: Option<&[F]>) {
    if let Some(mask) = mask {
        for (row, &keeps) in rows.chunks_exact_mut(width.max(1)).zip(mask) {
            if keeps == F::ZERO {
                row.fill(F::ZERO);
            }
        }
    }
}

/// Hands over a gradient that was made apart.
fn give<F: Real>(grad: Option<Grad<'_, F>>, values: &[F]) {
    if let Some(mut grad) = grad {
        grad.clear();
        let both = grad.values.iter_mut().zip(values);
        both.for_each(|(grad, &value)| *grad += value);
    }
}

impl<F: Real, const ADDITIVE: bool> Layer<F> for Attention<ADDITIVE> {
    fn kind(&self) -> &'static str {
        if ADDITIVE {
            "AdditiveAttention"
        } else {
            "Attention"
        }
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let [query, value, rest @ ..] = inputs else {
            return Err(Error::shape(
                "two or three inputs: query, value and perhaps key",
                inputs.len().to_string(),
            ));
        };
        let fits = |a: Option<usize>, b: Option<usize>| a == b || a.is_none() || b.is_none();
        let key = rest.first().unwrap_or(value);
        let agree = rest.len() < 2
            && inputs.iter().all(|input| input.rank() == 3)
            && fits(value[0], query[0])
            && fits(key[0], query[0])
            && fits(key[1], value[1])
            && fits(key[2], query[2]);
        if !agree || query[2].is_none() || value[2].is_none() || key[2].is_none() {
            let list: Vec<String> = inputs.iter().map(Shape::to_string).collect();
            return Err(Error::shape(
                "query (batch, queries, features), value (batch, keys, any) and key (batch, keys, features)",
                format!("shapes {}", list.join(", ")),
            )
            .remedy("Without a key the value is the key, with as many features as the query."));
        }
        let mut shapes = vec![Shape::new(vec![query[0], query[1], value[2]])];
        if self.return_attention_scores {
            shapes.push(Shape::new(vec![query[0], query[1], value[1]]));
        }
        Ok(shapes)
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let mut params = Vec::new();
        if self.use_scale() {
            let features = inputs[0].last().unwrap_or(0);
            params.push(match ADDITIVE {
                true => ParamSpec::trainable("scale", &[features], &Initializer::glorot_uniform()),
                false => ParamSpec::trainable("scale", &[], &Initializer::ones()),
            });
        }
        if !ADDITIVE && self.score_mode == ScoreMode::Concat {
            let ones = Initializer::ones();
            params.push(ParamSpec::trainable("concat_score_weight", &[], &ones));
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = Sizes::new(&inputs[0].sizes()?, &inputs[1].sizes()?);
        let scores = sizes.scores();
        let dropped = if self.drops(mode.training) { scores } else { 0 };
        if !mode.backward {
            return Ok(Scratch {
                forward: vec![scores, dropped],
                ..Scratch::default()
            });
        }
        let needed = |needed, len| if needed { sizes.batch * len } else { 0 };
        let additive = self.is_additive();
        let queries = needed(additive || self.use_scale(), sizes.queries * sizes.features);
        let keys = needed(additive, sizes.keys * sizes.features);
        let sums = needed(additive, sizes.features + 1);
        Ok(Scratch {
            saved: vec![scores],
            forward: vec![dropped],
            backward: vec![scores, dropped, queries, keys, sums],
            reads_inputs: true,
            reads_outputs: false,
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let sizes = Sizes::new(cx.input_shape(0), cx.input_shape(1));
        let keeps = cx.num_saved() > 0;
        let scores = if keeps { cx.saved(0) } else { cx.temp(0) };
        let dropped = cx.temp(if keeps { 0 } else { 1 });
        let (query, key) = (cx.input(0), cx.input(cx.num_inputs() - 1));
        let (factor, weights) = self.factors(|i| cx.param(i));
        if self.is_additive() {
            additive::scores(sizes, [query, key], factor, weights, scores);
        } else {
            let product = sizes.product(*b"qf", *b"kf", *b"qk");
            product.run(query, key, scores, false, &mut []);
            if self.use_scale() {
                map(scores, |score| score * factor);
            }
        }
        let masked = F::of(MASKED);
        put_masked(scores, sizes, cx.mask(1), self.use_causal_mask, masked);
        softmax(scores, sizes.keys);
        let weights: &[F] = if dropped.is_empty() {
            scores
        } else {
            let dropping = Dropping::new(cx.random(self.seed, 0), self.dropout);
            dropping.apply(scores, dropped, &mut []);
            dropped
        };
        let output = cx.output(0);
        let product = sizes.product(*b"qk", *b"kv", *b"qv");
        product.run(weights, cx.input(1), output, false, &mut []);
        clear_rows(output, sizes.values, cx.mask(0));
        if self.return_attention_scores {
            cx.output(1).copy_from_slice(weights);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let sizes = Sizes::new(cx.input_shape(0), cx.input_shape(1));
        let (probabilities, grads, dropped) = (cx.saved(0), cx.temp(0), cx.temp(1));
        let drops = self.drops(cx.training());
        let dropping = Dropping::new(cx.random(self.seed, 0), self.dropout);
        let weights: &[F] = if drops {
            dropping.apply(probabilities, dropped, &mut []);
            dropped
        } else {
            probabilities
        };
        let of_scores = match self.return_attention_scores {
            true => cx.grad_output_mut(1),
            false => None,
        };
        let adds = of_scores.is_some();
        match of_scores {
            Some(of_scores) => grads.copy_from_slice(of_scores),
            None => grads.fill(F::ZERO),
        }
        let mut by_value = cx.grad_input(1);
        match cx.grad_output_mut(0) {
            Some(dy) => {
                clear_rows(dy, sizes.values, cx.mask(0));
                let product = sizes.product(*b"qv", *b"kv", *b"qk");
                product.run(dy, cx.input(1), grads, adds, &mut []);
                if let Some(dv) = &mut by_value {
                    let product = sizes.product(*b"qk", *b"qv", *b"kv");
                    product.run(weights, dy, dv.values, dv.accumulate, &mut []);
                    dv.accumulate = true;
                }
            }
            None => {
                if let Some(dv) = &mut by_value {
                    dv.clear();
                    dv.accumulate = true;
                }
            }
        }
        if drops {
            dropped.copy_from_slice(grads);
            dropping.apply(dropped, grads, &mut []);
        }
        softmax_backward(probabilities, grads, sizes.keys);
        put_masked(grads, sizes, cx.mask(1), self.use_causal_mask, F::ZERO);
        let by_query = cx.grad_input(0);
        let by_key = match cx.num_inputs() {
            3 => cx.grad_input(2),
            _ => by_value,
        };
        let (query, key) = (cx.input(0), cx.input(cx.num_inputs() - 1));
        let (factor, weights) = self.factors(|i| cx.param(i));
        if self.is_additive() {
            let (query_grads, key_grads, sums) = (cx.temp(2), cx.temp(3), cx.temp(4));
            let gradients = additive::Gradients {
                query: &mut *query_grads,
                key: &mut *key_grads,
                factors: &mut *sums,
            };
            let factors = (factor, weights);
            additive::backward(sizes, [query, key], factors, grads, gradients);
            give(by_query, query_grads);
            give(by_key, key_grads);
            let (first, rest) = sums.split_at_mut(sizes.features + 1);
            for row in rest.chunks_exact(first.len()) {
                first.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
            }
            self.give_weights(&mut cx, first);
            return Ok(());
        }
        if self.use_scale() {
            let by_scaled = cx.temp(2);
            if let Some(scale) = cx.grad_param(0) {
                let product = sizes.product(*b"qk", *b"kf", *b"qf");
                product.run(grads, key, by_scaled, false, &mut []);
                let sum = by_scaled.iter().zip(query).map(|(&d, &q)| d * q).sum::<F>();
                scale.values[0] = if scale.accumulate {
                    scale.values[0] + sum
                } else {
                    sum
                };
            }
            map(grads, |grad| grad * factor);
        }
        if let Some(dq) = by_query {
            let product = sizes.product(*b"qk", *b"kf", *b"qf");
            product.run(grads, key, dq.values, dq.accumulate, &mut []);
        }
        if let Some(dk) = by_key {
            let product = sizes.product(*b"qk", *b"qf", *b"kf");
            product.run(grads, query, dk.values, dk.accumulate, &mut []);
        }
        Ok(())
    }
}

impl<const ADDITIVE: bool> Attention<ADDITIVE> {
    /// The gradients of the factors: `by_features` those of the features, and the last that of the factor within tanh.
    fn give_weights<F: Real>(&self, cx: &mut Backward<'_, F>, sums: &[F]) {
        let Some((&inner, by_features)) = sums.split_last() else {
            return;
        };
        let weight = usize::from(!ADDITIVE && self.use_scale());
        if !ADDITIVE
            && self.use_scale()
            && let Some(mut grad) = cx.grad_param(0)
        {
            grad.clear();
            grad.values[0] += inner;
        }
        if (!ADDITIVE || self.use_scale())
            && let Some(mut grad) = cx.grad_param(weight)
        {
            grad.clear();
            match ADDITIVE {
                true => {
                    let both = grad.values.iter_mut().zip(by_features);
                    both.for_each(|(grad, &sum)| *grad += sum);
                }
                false => grad.values[0] += by_features.iter().copied().sum(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
