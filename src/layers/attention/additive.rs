//! Scores that are sums of tanh: `s[q, k] = sum over f of w[f] * tanh(a * (query[q, f] + key[k, f]))`.

use super::Sizes;
use crate::kernels::activation::Activation;
use crate::kernels::scratch::with_scratch;
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut3};
use crate::real::Real;

/// The factor of a feature: one for all, one each, or none.
fn weight<F: Real>(weights: Option<&[F]>, feature: usize) -> F {
    match weights {
        None => F::ONE,
        Some([one]) => *one,
        Some(many) => many[feature],
    }
}

/// The tanh of one query with all keys of its sample: `(keys, features)`.
fn tanhs<F: Real>(query: &[F], keys: &[F], factor: F, tanhs: &mut [F]) {
    let width = query.len();
    for (row, key) in tanhs.chunks_exact_mut(width).zip(keys.chunks_exact(width)) {
        for ((t, &q), &k) in row.iter_mut().zip(query).zip(key) {
            *t = factor * (q + k);
        }
    }
    Activation::Tanh.forward_in_place(tanhs, width);
}

/// Overwrites `scores`, `(batch, queries, keys)`.
pub(super) fn scores<F: Real>(
    sizes: Sizes,
    [query, key]: [&[F]; 2],
    factor: F,
    weights: Option<&[F]>,
    scores: &mut [F],
) {
    let Sizes { keys, features, .. } = sizes;
    if keys * features == 0 {
        return scores.fill(F::ZERO);
    }
    for_each_chunk_mut(scores, keys, |row, scores| {
        let query = &query[row * features..][..features];
        let key = &key[row / sizes.queries * keys * features..][..keys * features];
        with_scratch(keys * features, |room| {
            tanhs(query, key, factor, room);
            for (score, row) in scores.iter_mut().zip(room.chunks_exact(features)) {
                let terms = row.iter().enumerate().map(|(f, &t)| weight(weights, f) * t);
                *score = terms.sum();
            }
        });
    });
}

/// What [`backward`] gives; all is overwritten.
pub(super) struct Gradients<'a, F> {
    pub query: &'a mut [F],
    pub key: &'a mut [F],
    /// For each sample those of the factors of the features, and then that of the factor within tanh.
    pub factors: &'a mut [F],
}

/// Leads the gradients `grads` of the scores back. With t the tanh and dz = ds w (1 - t^2): `dw = sum of ds t`,
/// `dquery = a * sum of dz over the keys`, `dkey` alike, and `da = sum of dz (query + key)`.
pub(super) fn backward<F: Real>(
    sizes: Sizes,
    [query, key]: [&[F]; 2],
    (factor, weights): (F, Option<&[F]>),
    grads: &[F],
    gradients: Gradients<'_, F>,
) {
    let Sizes {
        queries,
        keys,
        features,
        ..
    } = sizes;
    if queries * keys * features == 0 {
        gradients.query.fill(F::ZERO);
        gradients.key.fill(F::ZERO);
        return gradients.factors.fill(F::ZERO);
    }
    let (of_queries, of_keys) = (queries * features, keys * features);
    for_each_chunk_mut3(
        (gradients.query, of_queries),
        (gradients.key, of_keys),
        (gradients.factors, features + 1),
        |sample, by_query, by_key, by_factors| {
            by_query.fill(F::ZERO);
            by_key.fill(F::ZERO);
            by_factors.fill(F::ZERO);
            let (inner, by_factors) = by_factors
                .split_last_mut()
                .expect("one behind the features");
            let query = query[sample * of_queries..].chunks_exact(features);
            let key = &key[sample * of_keys..][..of_keys];
            let grads = grads[sample * queries * keys..].chunks_exact(keys);
            let rows = by_query.chunks_exact_mut(features).zip(query).zip(grads);
            for ((by_query, query), grads) in rows {
                with_scratch(of_keys, |room| {
                    tanhs(query, key, factor, room);
                    let rows = room.chunks_exact(features).zip(key.chunks_exact(features));
                    let rows = rows.zip(by_key.chunks_exact_mut(features)).zip(grads);
                    for (((row, key), by_key), &grad) in rows {
                        for f in 0..features {
                            let t = row[f];
                            let slope = grad * weight(weights, f) * (F::ONE - t * t);
                            by_factors[f] += grad * t;
                            *inner += slope * (query[f] + key[f]);
                            by_query[f] += slope * factor;
                            by_key[f] += slope * factor;
                        }
                    }
                });
            }
        },
    );
}
