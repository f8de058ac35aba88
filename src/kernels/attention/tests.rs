use super::*;
use crate::parallel::{install, set_num_threads};

const SIZES: Sizes = Sizes {
    outer: 2,
    inner: 3,
    heads: 2,
    queries: 5,
    keys: 4,
    key_dim: 3,
    value_dim: 2,
};
/// More queries than a block.
const LONG: Sizes = Sizes {
    outer: 1,
    inner: 1,
    heads: 2,
    queries: 150,
    keys: 150,
    key_dim: 8,
    value_dim: 8,
};

fn wave(len: usize, pace: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * pace).sin()).collect()
}

struct Arrays {
    queries: Vec<f64>,
    keys: Vec<f64>,
    values: Vec<f64>,
}

impl Arrays {
    fn new(sizes: &Sizes) -> Self {
        let pairs = sizes.outer * sizes.inner * sizes.heads;
        Self {
            queries: wave(pairs * sizes.queries * sizes.key_dim, 0.7),
            keys: wave(pairs * sizes.keys * sizes.key_dim, 1.3),
            values: wave(pairs * sizes.keys * sizes.value_dim, 0.9),
        }
    }

    fn projected(&self) -> Projected<'_, f64> {
        Projected {
            queries: &self.queries,
            keys: &self.keys,
            values: &self.values,
        }
    }
}

fn rules(mask: Mask<'_, f64>) -> Rules<'_, f64> {
    Rules {
        scale: 0.6,
        mask,
        empty_is_uniform: false,
        dropout: None,
    }
}

/// Context and scores by [`attend`], with and without keeping the probabilities.
fn attended(sizes: Sizes, rules: &Rules<'_, f64>) -> (Vec<f64>, Vec<f64>) {
    let arrays = Arrays::new(&sizes);
    let len = sizes.outer * sizes.inner * sizes.heads * sizes.queries * sizes.value_dim;
    let run = |keep: bool| {
        let (mut context, mut scores) = (vec![f64::NAN; len], vec![f64::NAN; sizes.scores()]);
        let mut saved = vec![f64::NAN; sizes.saved()];
        let saved = keep.then_some(&mut saved[..]);
        let results = Results {
            context: &mut context,
            saved,
            scores: Some(&mut scores),
        };
        attend(sizes, arrays.projected(), rules, results);
        (context, scores)
    };
    let kept = run(true);
    assert_eq!(kept, run(false));
    kept
}

/// The slow twin: probabilities one by one, `allowed` as the mask.
fn slow(
    sizes: Sizes,
    empty_is_uniform: bool,
    allowed: impl Fn(Pair, usize, usize) -> bool,
) -> (Vec<f64>, Vec<f64>) {
    let arrays = Arrays::new(&sizes);
    let len = sizes.outer * sizes.inner * sizes.heads * sizes.queries * sizes.value_dim;
    let (mut context, mut scores) = (vec![0.0; len], vec![0.0; sizes.scores()]);
    let pairs = sizes.outer * sizes.inner * sizes.heads;
    for index in 0..pairs {
        let sample = index / sizes.heads;
        let pair = [
            sample / sizes.inner,
            sample % sizes.inner,
            index % sizes.heads,
        ];
        for t in 0..sizes.queries {
            let q = &arrays.queries[sizes.start(pair, sizes.queries, t, sizes.key_dim)..];
            let score = |s: usize| {
                let k = &arrays.keys[sizes.start(pair, sizes.keys, s, sizes.key_dim)..];
                0.6 * (0..sizes.key_dim).map(|i| q[i] * k[i]).sum::<f64>()
            };
            let weight = |s: usize| {
                if allowed(pair, t, s) {
                    score(s).exp()
                } else {
                    0.0
                }
            };
            let sum: f64 = (0..sizes.keys).map(weight).sum();
            for s in 0..sizes.keys {
                let p = match sum == 0.0 {
                    true if empty_is_uniform => 1.0 / sizes.keys as f64,
                    true => 0.0,
                    false => weight(s) / sum,
                };
                scores[(index * sizes.queries + t) * sizes.keys + s] = p;
                let v = sizes.start(pair, sizes.keys, s, sizes.value_dim);
                let c = sizes.start(pair, sizes.queries, t, sizes.value_dim);
                for i in 0..sizes.value_dim {
                    context[c + i] += p * arrays.values[v + i];
                }
            }
        }
    }
    (context, scores)
}

fn assert_same(fast: (Vec<f64>, Vec<f64>), slow: (Vec<f64>, Vec<f64>)) {
    for (fast, slow) in [(fast.0, slow.0), (fast.1, slow.1)] {
        for (i, (a, b)) in fast.iter().zip(&slow).enumerate() {
            assert!((a - b).abs() < 1e-12, "[{i}]: {a} {b}");
        }
    }
}

#[test]
fn attention_weighs_values_by_the_softmax_of_products() {
    for sizes in [SIZES, LONG] {
        assert_same(
            attended(sizes, &rules(Mask::none())),
            slow(sizes, false, |_, _, _| true),
        );
    }
}

#[test]
fn causal_and_window_masks_go_by_the_place() {
    for sizes in [SIZES, LONG] {
        let causal = Mask {
            is_causal: true,
            ..Mask::none()
        };
        assert_same(
            attended(sizes, &rules(causal)),
            slow(sizes, false, |_, t, s| s <= t),
        );
        let window = Mask {
            window: Some(2),
            ..Mask::none()
        };
        let near = |_: Pair, t: usize, s: usize| t.abs_diff(s) < 2;
        assert_same(attended(sizes, &rules(window)), slow(sizes, false, near));
        let both = Mask {
            is_causal: true,
            ..window
        };
        let before = move |pair, t, s| s <= t && near(pair, t, s);
        assert_same(attended(sizes, &rules(both)), slow(sizes, false, before));
    }
}

#[test]
fn masks_of_positions_take_queries_and_keys_out() {
    let (t_count, s_count) = (SIZES.queries, SIZES.keys);
    let queries: Vec<f64> = (0..2 * t_count * 3)
        .map(|i| f64::from(i % 4 != 0))
        .collect();
    let keys: Vec<f64> = (0..2 * s_count * 3)
        .map(|i| f64::from(i % 5 != 1))
        .collect();
    let per_step: Vec<f64> = (0..2 * s_count).map(|i| f64::from(i != 3)).collect();
    let mask = Mask {
        queries: Some(&queries),
        keys: [Some(&keys), Some(&per_step)],
        ..Mask::none()
    };
    let allowed = |[o, i, _]: Pair, t: usize, s: usize| {
        let key = o * s_count + s;
        let query = (o * t_count + t) * 3 + i;
        queries[query] != 0.0 && keys[key * 3 + i] != 0.0 && per_step[key] != 0.0
    };
    for empty_is_uniform in [false, true] {
        let rules = Rules {
            empty_is_uniform,
            ..rules(mask)
        };
        assert_same(
            attended(SIZES, &rules),
            slow(SIZES, empty_is_uniform, allowed),
        );
    }
}

#[test]
fn masks_of_pairs_are_repeated_to_samples_and_heads() {
    let query = [2, 5, 3, 7]; // attention along axis 1, samples along axes 0 and 2
    let shapes: [&[usize]; 6] = [
        &[5, 4],
        &[1, 4],
        &[5, 1],
        &[2, 5, 4],
        &[2, 3, 2, 5, 4],
        &[1, 3, 1, 5, 4],
    ];
    for shape in shapes {
        let len = shape.iter().product();
        let values: Vec<f64> = (0..len).map(|i| f64::from(i * 7 % 11 < 7)).collect();
        let pairs = PairMask {
            values: &values,
            shape,
            query: &query,
            attention: (1, 2),
        };
        let mask = Mask {
            pairs: Some(pairs),
            ..Mask::none()
        };
        let allowed = |[o, i, h]: Pair, t: usize, s: usize| {
            let (leading, table) = shape.split_at(shape.len() - 2);
            let place = |size: usize, place: usize| if size == 1 { 0 } else { place };
            let mut index = 0;
            for (&size, at) in leading.iter().zip([o, i, h]) {
                index = index * size + place(size, at);
            }
            index = index * table[0] + place(table[0], t);
            values[index * table[1] + place(table[1], s)] != 0.0
        };
        assert_same(attended(SIZES, &rules(mask)), slow(SIZES, false, allowed));
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let arrays = Arrays::new(&LONG);
    let stream = Stream::new(1, 2, 3);
    let mask = Mask {
        is_causal: true,
        ..Mask::none()
    };
    let rules = Rules {
        dropout: Some(Dropout { rate: 0.3, stream }),
        ..rules(mask)
    };
    let run = |threads| {
        let mut saved = vec![0.0; LONG.saved()];
        let mut context = vec![0.0; arrays.values.len()];
        let (mut dq, mut dk, mut dv) = (
            arrays.queries.clone(),
            arrays.keys.clone(),
            arrays.values.clone(),
        );
        set_num_threads(Some(threads)).unwrap();
        install(|| {
            let results = Results {
                context: &mut context,
                saved: Some(&mut saved),
                scores: None,
            };
            attend(LONG, arrays.projected(), &rules, results);
            let gradients = Gradients {
                queries: &mut dq,
                keys: &mut dk,
                values: &mut dv,
            };
            let projected = arrays.projected();
            attend_backward(
                LONG, projected, &rules, &mut saved, &context, None, gradients,
            );
        });
        set_num_threads(None).unwrap();
        (context, dq, dk, dv)
    };
    let one = run(1);
    assert!(
        one.1
            .iter()
            .chain(&one.2)
            .chain(&one.3)
            .all(|x| x.is_finite())
    );
    assert_eq!(one, run(2));
    assert_eq!(one, run(8));
}

#[test]
fn dropped_probabilities_grow_in_turn() {
    let stream = Stream::new(5, 0, 0);
    let rules = Rules {
        dropout: Some(Dropout { rate: 0.5, stream }),
        ..rules(Mask::none())
    };
    let (context, scores) = attended(LONG, &rules);
    let (whole, same_scores) = attended(LONG, &self::rules(Mask::none()));
    assert_eq!(scores, same_scores);
    assert_ne!(context, whole);
    let mean = |x: &[f64]| x.iter().map(|x| x.abs()).sum::<f64>() / x.len() as f64;
    assert!((mean(&context) / mean(&whole)).ln().abs() < 2.0);
    let all = Rules {
        dropout: Some(Dropout { rate: 1.0, stream }),
        ..rules
    };
    assert!(attended(LONG, &all).0.iter().all(|&x| x == 0.0));
}

#[test]
fn nothing_to_attend_to_gives_zeros() {
    let sizes = Sizes { keys: 0, ..SIZES };
    assert!(
        attended(sizes, &rules(Mask::none()))
            .0
            .iter()
            .all(|&x| x == 0.0)
    );
    let sizes = Sizes {
        queries: 0,
        ..SIZES
    };
    assert!(attended(sizes, &rules(Mask::none())).0.is_empty());
}
