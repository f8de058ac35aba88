//! The inside of GroupQueryAttention: attention of projected queries, keys and values, where groups of query heads share
//! a head of keys and values.
//!
//! Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", 2023. Keys and
//! values are repeated for each head of a group; then it is [`attend`].

use serde::Deserialize;

use super::Configured;
use crate::error::{Error, Result};
use crate::kernels::attention::{
    Dropout, Gradients, Mask, PairMask, Projected, Results, Rules, Sizes, attend, attend_backward,
};
use crate::kernels::broadcast::{Aligned, sum_to};
use crate::kernels::permute::gather;
use crate::layer::{Backward, Forward, Grad, Layer, MaskRule, Mode, Scratch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::rng::Stream;
use crate::shape::Shape;

/// Inputs are queries `(batch, target, heads, dim)`, keys and values `(batch, source, groups, dim)`, then the mask of pairs
/// if `has_attention_mask`. The output is like the queries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupedAttention {
    #[serde(default)]
    dropout: f64,
    #[serde(default)]
    sliding_window: Option<usize>,
    #[serde(default)]
    seed: Option<u64>,
    /// Of the call: no query attends to later positions.
    #[serde(default)]
    use_causal_mask: bool,
    /// Of the call: the second output is the probabilities.
    #[serde(default)]
    return_attention_scores: bool,
    /// Of the call: the last input tells which query may attend to which key.
    #[serde(default)]
    has_attention_mask: bool,
}

impl Configured for GroupedAttention {
    fn validate(&self) -> Result<()> {
        if self.sliding_window == Some(0) {
            return Err(Error::config("`sliding_window` of at least 1", "0"));
        }
        if !(0.0..=1.0).contains(&self.dropout) {
            let got = self.dropout.to_string();
            return Err(Error::config("`dropout` from 0 to 1", got));
        }
        Ok(())
    }
}

fn sizes_of(query: &[usize], value: &[usize]) -> Sizes {
    Sizes {
        outer: query[0],
        inner: 1,
        heads: query[2],
        queries: query[1],
        keys: value[1],
        key_dim: query[3],
        value_dim: value[3],
    }
}

/// Each head of `x`, `(rows, groups, dim)`, once for each head of its group.
fn repeat<F: Real>(x: &[F], [groups, heads, dim]: [usize; 3], y: &mut [F]) {
    if x.is_empty() {
        return;
    }
    let rows = x.len() / (groups * dim);
    let axes = [
        (rows, groups * dim),
        (groups, dim),
        (heads / groups, 0),
        (dim, 1),
    ];
    gather(x, &axes, y, false);
}

/// The sums of the heads of each group.
fn fold<F: Real>(heads: &[F], repeats: usize, dim: usize, grad: Grad<'_, F>) {
    let accumulate = grad.accumulate;
    for_each_chunk_mut(grad.values, dim.max(1), |group, sums| {
        if !accumulate {
            sums.fill(F::ZERO);
        }
        for head in heads[group * repeats * dim..]
            .chunks_exact(dim)
            .take(repeats)
        {
            sums.iter_mut().zip(head).for_each(|(sum, &x)| *sum += x);
        }
    });
}

impl GroupedAttention {
    fn rules<'a, F: Real>(
        &self,
        (query, key_dim): (&'a [usize; 3], usize),
        masks: [Option<&'a [F]>; 3],
        pairs: Option<(&'a [F], &'a [usize])>,
        stream: Option<Stream>,
    ) -> Rules<'a, F> {
        let [queries, value, key] = masks;
        let pairs = pairs.map(|(values, shape)| PairMask {
            values,
            shape,
            query,
            attention: (1, 2),
        });
        Rules {
            scale: F::of(1.0 / (key_dim as f64).sqrt()),
            mask: Mask {
                is_causal: self.use_causal_mask,
                window: self.sliding_window,
                queries,
                keys: [value, key],
                pairs,
            },
            empty_is_uniform: self.dropout == 0.0 && !self.return_attention_scores,
            dropout: stream.map(|stream| Dropout {
                rate: self.dropout,
                stream,
            }),
        }
    }

    fn drops(&self, training: bool) -> bool {
        training && self.dropout > 0.0
    }
}

impl<F: Real> Layer<F> for GroupedAttention {
    fn kind(&self) -> &'static str {
        "GroupedAttention"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let count = if self.has_attention_mask { 4 } else { 3 };
        let fits = |a: Option<usize>, b: Option<usize>| a == b || a.is_none() || b.is_none();
        let agree = inputs.len() == count
            && inputs[..3]
                .iter()
                .all(|input| input.rank() == 4 && input.axes()[2..].iter().all(Option::is_some))
            && (0..4).all(|axis| fits(inputs[1][axis], inputs[2][axis]) || axis == 3)
            && fits(inputs[0][0], inputs[1][0])
            && inputs[0][3] == inputs[1][3]
            && inputs[0][2]
                .unwrap_or(0)
                .is_multiple_of(inputs[1][2].unwrap_or(1).max(1));
        let list = || {
            let list: Vec<String> = inputs.iter().map(Shape::to_string).collect();
            format!("shapes {}", list.join(", "))
        };
        if !agree {
            return Err(Error::shape(
                "queries (batch, target, heads, dim), keys and values (batch, source, groups, dim) with heads a multiple of groups",
                list(),
            ));
        }
        let (query, key) = (&inputs[0], &inputs[1]);
        if let Some(mask) = inputs.get(3) {
            let whole = match mask.rank() {
                3 => vec![query[0], query[1], key[1]],
                4 => vec![query[0], query[2], query[1], key[1]],
                _ => vec![],
            };
            let repeats = |(&mask, whole): (&Option<usize>, Option<usize>)| {
                mask == Some(1) || fits(mask, whole)
            };
            if whole.is_empty() || !mask.axes().iter().zip(whole).all(repeats) {
                return Err(Error::shape(
                    "an attention mask (batch, target, source) or (batch, heads, target, source)",
                    list(),
                ));
            }
        }
        let mut shapes = vec![Shape::new(vec![query[0], query[1], query[2], inputs[2][3]])];
        if self.return_attention_scores {
            shapes.push(Shape::new(vec![query[0], query[2], query[1], key[1]]));
        }
        Ok(shapes)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = sizes_of(&inputs[0].sizes()?, &inputs[2].sizes()?);
        let rows = sizes.outer * sizes.keys * sizes.heads;
        let queries = inputs[0].sizes()?.iter().product();
        let mut buffers = vec![rows * sizes.key_dim, rows * sizes.value_dim];
        if !mode.backward {
            return Ok(Scratch {
                forward: buffers,
                ..Scratch::default()
            });
        }
        let context = sizes.outer * sizes.queries * sizes.heads * sizes.value_dim;
        let backward = vec![buffers[0], buffers[1], queries, context];
        buffers.push(sizes.saved());
        Ok(Scratch {
            saved: buffers,
            backward,
            reads_inputs: true,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (query, value) = (cx.input_shape(0), cx.input_shape(2));
        let (sizes, groups) = (sizes_of(query, value), value[2]);
        let keeps = cx.num_saved() > 0;
        let mut buffer = |i| if keeps { cx.saved(i) } else { cx.temp(i) };
        let (keys, values) = (buffer(0), buffer(1));
        let probabilities = keeps.then(|| cx.saved(2));
        repeat(cx.input(1), [groups, sizes.heads, sizes.key_dim], keys);
        repeat(cx.input(2), [groups, sizes.heads, sizes.value_dim], values);
        let stream = self.drops(cx.training()).then(|| cx.random(self.seed, 0));
        let pairs = self
            .has_attention_mask
            .then(|| (cx.input(3), cx.input_shape(3)));
        let masks = [cx.mask(0), cx.mask(2), cx.mask(1)];
        let places = [query[0], query[1], 1];
        let rules = self.rules((&places, sizes.key_dim), masks, pairs, stream);
        let results = Results {
            context: cx.output(0),
            saved: probabilities,
            scores: self.return_attention_scores.then(|| cx.output(1)),
        };
        let projected = Projected {
            queries: cx.input(0),
            keys,
            values,
        };
        attend(sizes, projected, &rules, results);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (query, value) = (cx.input_shape(0), cx.input_shape(2));
        let (sizes, groups) = (sizes_of(query, value), value[2]);
        let (keys, values, probabilities) = (cx.saved(0), cx.saved(1), cx.saved(2));
        let (by_keys, by_values, by_queries) = (cx.temp(0), cx.temp(1), cx.temp(2));
        if self.has_attention_mask
            && let Some(mut grad) = cx.grad_input(3)
        {
            grad.clear(); // entries are yes or no: nothing flows to them
        }
        let stream = self.drops(cx.training()).then(|| cx.random(self.seed, 0));
        let pairs = self
            .has_attention_mask
            .then(|| (cx.input(3), cx.input_shape(3)));
        let masks = [cx.mask(0), cx.mask(2), cx.mask(1)];
        let places = [query[0], query[1], 1];
        let rules = self.rules((&places, sizes.key_dim), masks, pairs, stream);
        let grad_scores = match self.return_attention_scores {
            true => cx.grad_output_mut(1),
            false => None,
        };
        let gradients = Gradients {
            queries: &mut *by_queries,
            keys: &mut *by_keys,
            values: &mut *by_values,
        };
        let projected = Projected {
            queries: cx.input(0),
            keys,
            values,
        };
        let grad_context: &[F] = match cx.grad_output_mut(0) {
            Some(grad) => grad,
            None => {
                let none = cx.temp(3);
                none.fill(F::ZERO);
                none
            }
        };
        attend_backward(
            sizes,
            projected,
            &rules,
            probabilities,
            grad_context,
            grad_scores.as_deref(),
            gradients,
        );
        if let Some(grad) = cx.grad_input(0) {
            let same = [by_queries.len()];
            let aligned = Aligned::new(&same, &same);
            sum_to(grad.values, grad.accumulate, by_queries, F::ONE, aligned);
        }
        let repeats = sizes.heads / groups;
        if let Some(grad) = cx.grad_input(1) {
            fold(by_keys, repeats, sizes.key_dim, grad);
        }
        if let Some(grad) = cx.grad_input(2) {
            fold(by_values, repeats, sizes.value_dim, grad);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, check_gradients};

    fn case(groups: usize) -> Case {
        Case {
            kind: "GroupedAttention",
            config: json!({"sliding_window": 3}),
            inputs: vec![
                Array::random(&[2, 3, 4, 2], 1),
                Array::random(&[2, 5, groups, 2], 2),
                Array::random(&[2, 5, groups, 3], 3),
            ],
            ..Case::default()
        }
    }

    #[test]
    fn heads_of_a_group_share_keys_and_values() {
        for groups in [1, 2, 4] {
            check_gradients(&case(groups));
        }
    }

    #[test]
    fn heads_that_do_not_make_whole_groups_are_refused() {
        assert_eq!(
            case(3).error(),
            "GroupedAttention \"groupedattention\": expected queries (batch, target, heads, dim), keys and values (batch, \
             source, groups, dim) with heads a multiple of groups, got shapes (2, 3, 4, 2), (2, 5, 3, 2), (2, 5, 3, 3)"
        );
    }
}
