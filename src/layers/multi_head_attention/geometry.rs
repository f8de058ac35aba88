//! What the shapes of query, value, key and mask must be, and how they are walked through.

use std::ops::Range;

use super::MultiHeadAttention;
use crate::error::{Error, Result};
use crate::kernels::attention::Sizes;
use crate::shape::Shape;

/// The sizes of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// The attention axes, from the first to before the end.
    pub attention: (usize, usize),
    pub sizes: Sizes,
    /// Positions of the query, and of value and key.
    pub query_rows: usize,
    pub key_rows: usize,
    /// Numbers for all heads in a query or key, and in a value.
    pub key_width: usize,
    pub value_width: usize,
}

impl MultiHeadAttention {
    /// The attention axes of inputs of this rank.
    fn attention(&self, rank: usize) -> Result<Range<usize>> {
        let Some(axes) = &self.attention_axes else {
            return Ok(1..rank - 1);
        };
        let refuse = || {
            let expected = format!(
                "`attention_axes` side by side and in order, between batch and features of an input with {rank} axes"
            );
            Error::config(expected, axes.to_string())
        };
        let axis = |&axis: &i64| usize::try_from(if axis < 0 { axis + rank as i64 } else { axis });
        let axes: Vec<usize> = axes
            .0
            .iter()
            .map(axis)
            .collect::<Result<_, _>>()
            .map_err(|_| refuse())?;
        let (Some(&first), Some(&last)) = (axes.first(), axes.last()) else {
            return Err(refuse());
        };
        let in_order = axes.iter().copied().eq(first..=last);
        if !in_order || first == 0 || last + 1 >= rank {
            return Err(refuse());
        }
        Ok(first..last + 1)
    }

    /// The sizes of the output's last axes.
    pub(super) fn output_features(&self, query: &Shape) -> Vec<usize> {
        match &self.output_shape {
            Some(sizes) if !sizes.0.is_empty() => {
                sizes.0.iter().map(|&size| size as usize).collect()
            }
            _ => vec![query.last().unwrap_or(0)],
        }
    }

    /// The shapes of the outputs; refuses inputs that do not fit together.
    pub(super) fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let names = ["query", "value", "key", "attention_mask"];
        let wanted: Vec<&str> = [true, true, self.has_key, self.has_attention_mask]
            .into_iter()
            .zip(names)
            .filter_map(|(given, name)| given.then_some(name))
            .collect();
        if inputs.len() != wanted.len() {
            return Err(Error::shape(
                wanted.join(", "),
                format!("{} inputs", inputs.len()),
            ));
        }
        let (query, value) = (&inputs[0], &inputs[1]);
        let key = if self.has_key { &inputs[2] } else { value };
        let rank = query.rank();
        if rank < 3 {
            return Err(Error::shape(
                "a query of shape (batch, time, features)",
                query.to_string(),
            ));
        }
        for (name, shape) in names.into_iter().zip([query, value, key]) {
            if shape.rank() != rank {
                return Err(Error::shape(
                    format!("a {name} of {rank} axes as the query"),
                    shape.to_string(),
                ));
            }
            if shape.last().is_none_or(|features| features == 0) {
                let expected = format!("a {name} with a known number of features");
                return Err(Error::shape(expected, shape.to_string()));
            }
        }
        let attention = self.attention(rank)?;
        if attention.len() > 1 && (self.use_causal_mask || self.sliding_window.is_some()) {
            let expected = "one attention axis for a causal mask or sliding window";
            return Err(Error::config(expected, format!("{}", attention.len())));
        }
        for axis in 0..rank - 1 {
            let fit =
                |a: &Shape, b: &Shape| a[axis].is_none() || b[axis].is_none() || a[axis] == b[axis];
            if !fit(value, key) {
                let expected =
                    format!("a key that fits the value of shape {value} but for the last axis");
                return Err(Error::shape(expected, key.to_string()));
            }
            if !attention.contains(&axis) && !fit(query, value) {
                let expected = format!("a value with the batch axes of the query of shape {query}");
                return Err(Error::shape(expected, value.to_string()));
            }
        }

        let mut output = query.axes()[..rank - 1].to_vec();
        output.extend(self.output_features(query).into_iter().map(Some));
        let mut scores = query.axes()[..rank - 1].to_vec();
        scores.drain(attention.clone());
        scores.push(Some(self.num_heads));
        scores.extend_from_slice(&query.axes()[attention.clone()]);
        scores.extend_from_slice(&value.axes()[attention.clone()]);
        if let Some(mask) = self.attention_mask().map(|i| &inputs[i]) {
            check_mask(mask, &scores, attention.len())?;
        }
        let mut outputs = vec![Shape::new(output)];
        if self.return_attention_scores {
            outputs.push(Shape::new(scores));
        }
        Ok(outputs)
    }

    /// The sizes of a call whose shapes were checked; query, value and perhaps key.
    pub(super) fn geometry<S: AsRef<[usize]>>(&self, inputs: &[S]) -> Geometry {
        let (query, value) = (inputs[0].as_ref(), inputs[1].as_ref());
        let rank = query.len();
        let attention = self.attention(rank).unwrap_or(1..rank - 1);
        let product = |axes: &[usize]| axes.iter().product::<usize>();
        let sizes = Sizes {
            outer: product(&query[..attention.start]),
            inner: product(&query[attention.end..rank - 1]),
            heads: self.num_heads,
            queries: product(&query[attention.clone()]),
            keys: product(&value[attention.clone()]),
            key_dim: self.key_dim,
            value_dim: self.value_dim(),
        };
        Geometry {
            attention: (attention.start, attention.end),
            sizes,
            query_rows: product(&query[..rank - 1]),
            key_rows: product(&value[..rank - 1]),
            key_width: self.num_heads * self.key_dim,
            value_width: self.num_heads * self.value_dim(),
        }
    }
}

/// A mask is repeated to `scores`: its last axes are those of queries and keys, its first those of the samples; heads
/// come before the queries.
fn check_mask(mask: &Shape, scores: &[Option<usize>], attention_axes: usize) -> Result<()> {
    let table = 2 * attention_axes;
    let fits = |mask: &[Option<usize>], scores: &[Option<usize>]| {
        mask.iter()
            .zip(scores)
            .all(|(m, s)| m.is_none() || s.is_none() || m == s)
    };
    let is_single = |mask: &[Option<usize>]| mask.iter().all(|&size| size == Some(1));
    let ok = mask.rank() >= table && mask.rank() <= scores.len() && {
        let (leading, last) = mask.axes().split_at(mask.rank() - table);
        let (queries, keys) = last.split_at(attention_axes);
        let (samples, score_axes) = scores.split_at(scores.len() - table);
        let (score_queries, score_keys) = score_axes.split_at(attention_axes);
        let mut axes = leading.iter().zip(samples);
        axes.all(|(m, s)| fits(&[*m], &[*s]) || *m == Some(1))
            && (is_single(queries) || fits(queries, score_queries))
            && (is_single(keys) || fits(keys, score_keys))
    };
    match ok {
        true => Ok(()),
        false => {
            let scores = Shape::new(scores.to_vec());
            let expected =
                format!("an attention_mask that can be repeated to the scores of shape {scores}");
            Err(Error::shape(expected, mask.to_string())
                .remedy("Its last axes are queries and keys: (batch, target, source)."))
        }
    }
}
