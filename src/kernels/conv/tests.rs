//! Convolutions against the sums of the definition.

mod cases;

use super::*;
use crate::kernels::gemm::Epilogue;
use crate::kernels::simd::{available, with_isa};
use crate::parallel;
use crate::real::Real;
use crate::testing::Array;
use cases::{PLAIN, cases, sized};

fn numbers<F: Real>(len: usize, seed: u64) -> Vec<F> {
    let array = Array::random(&[len], seed);
    array.values.iter().map(|&x| F::of(x)).collect()
}

/// Calls `term` with the places in x, the kernel and y that every product of the definition joins.
fn for_each_term(conv: &Conv2d, mut term: impl FnMut(usize, usize, usize)) {
    let Conv2d {
        input: [height, width],
        kernel: [kh, kw],
        output: [oh, ow],
        channels,
        filters,
        ..
    } = *conv;
    let (per_group, filters_per_group) = (channels / conv.groups, filters / conv.groups);
    let inside = |i: usize, k: usize, axis: usize, size: usize| {
        (i * conv.strides[axis] + k * conv.dilation[axis])
            .checked_sub(conv.padding[axis])
            .filter(|&at| at < size)
    };
    for n in 0..conv.batch {
        for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
            for (a, b) in (0..kh).flat_map(|a| (0..kw).map(move |b| (a, b))) {
                let (Some(u), Some(v)) = (inside(i, a, 0, height), inside(j, b, 1, width)) else {
                    continue;
                };
                for f in 0..filters {
                    for c in 0..per_group {
                        let group = f / filters_per_group;
                        let x = ((n * height + u) * width + v) * channels + group * per_group + c;
                        let w = ((a * kw + b) * per_group + c) * filters + f;
                        term(x, w, ((n * oh + i) * ow + j) * filters + f);
                    }
                }
            }
        }
    }
}

fn assert_near<F: Real>(got: &[F], expected: &[f64], what: &str, conv: &Conv2d) {
    let scale = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    for (i, (got, want)) in got.iter().zip(expected).enumerate() {
        let error = (got.f64() - want).abs();
        let bound = 200.0 * F::EPSILON.f64() * scale;
        assert!(error <= bound, "{what}[{i}] is {got}, not {want}: {conv:?}");
    }
}

struct Results<F> {
    y: Vec<F>,
    dx: Vec<F>,
    dw: Vec<F>,
}

fn run<F: Real>(conv: &Conv2d, beta: f64) -> Results<F> {
    let x: Vec<F> = numbers(conv.input_len(), 1);
    let w: Vec<F> = numbers(conv.kernel_len(), 2);
    let dy: Vec<F> = numbers(conv.output_len(), 3);
    let bias: Vec<F> = numbers(conv.filters, 4);
    let old = |len, seed| match beta {
        // Must not be read then.
        0.0 => vec![F::of(f64::NAN); len],
        _ => numbers(len, seed),
    };
    let mut y = vec![F::of(f64::NAN); conv.output_len()];
    let epilogue = Epilogue {
        bias: Some(&bias),
        relu: true,
    };
    forward(conv, &x, &w, epilogue, F::ZERO, &mut y);
    let mut dx = old(conv.input_len(), 5);
    backward_data(conv, &dy, &w, F::of(beta), &mut dx);
    let mut dw = old(conv.kernel_len(), 6);
    backward_weights(conv, &x, &dy, F::of(beta), &mut dw);
    Results { y, dx, dw }
}

fn check<F: Real>(conv: &Conv2d, beta: f64) {
    let got = run::<F>(conv, beta);
    let numbers = |len, seed| numbers::<f64>(len, seed);
    let (x, w) = (numbers(conv.input_len(), 1), numbers(conv.kernel_len(), 2));
    let (dy, bias) = (numbers(conv.output_len(), 3), numbers(conv.filters, 4));
    let old = |len, seed| {
        numbers(len, seed)
            .iter()
            .map(|x| x * beta)
            .collect::<Vec<_>>()
    };
    let mut y: Vec<f64> = (0..conv.output_len())
        .map(|i| bias[i % conv.filters])
        .collect();
    let (mut dx, mut dw) = (old(conv.input_len(), 5), old(conv.kernel_len(), 6));
    for_each_term(conv, |at_x, at_w, at_y| {
        y[at_y] += x[at_x] * w[at_w];
        dx[at_x] += dy[at_y] * w[at_w];
        dw[at_w] += dy[at_y] * x[at_x];
    });
    y.iter_mut().for_each(|y| *y = y.max(0.0));
    assert_near(&got.y, &y, "y", conv);
    assert_near(&got.dx, &dx, "dx", conv);
    assert_near(&got.dw, &dw, "dw", conv);
}

#[test]
fn convolutions_and_gradients_match_the_definition() {
    for (i, conv) in cases().iter().enumerate() {
        check::<f64>(conv, [0.0, 1.0][i % 2]);
        check::<f32>(conv, [1.0, 0.0][i % 2]);
    }
}

#[test]
fn tiles_of_minimal_filtering_match_the_definition() {
    let plain = Conv2d {
        batch: 7,
        input: [13, 11],
        channels: 33,
        filters: 49,
        ..PLAIN
    };
    // Odd sizes and even ones, cut tiles, borders on one side, whole vectors and cut ones.
    for (channels, filters) in [(33, 49), (32, 64), (80, 32)] {
        for (batch, input) in [(7, [13, 11]), (3, [12, 20]), (40, [7, 5])] {
            for (padding, after) in [([1, 1], 1), ([0, 0], 0), ([2, 0], 2)] {
                let conv = Conv2d {
                    batch,
                    input,
                    channels,
                    filters,
                    padding,
                    ..plain
                };
                check::<f32>(&sized(conv, [after; 2]), 1.0);
            }
        }
    }
    // Pixels that are neighbours at a distance: as many in each image of them and not, fewer than a tile has.
    for (dilation, padding, after) in [
        ([2, 2], [0, 0], 0),
        ([2, 3], [2, 3], 3),
        ([1, 4], [2, 5], 4),
        ([5, 2], [7, 4], 9),
    ] {
        let conv = Conv2d {
            input: [19, 18],
            dilation,
            padding,
            ..plain
        };
        let conv = sized(conv, [after; 2]);
        check::<f32>(&conv, 1.0);
        let even = Conv2d {
            batch: 12,
            input: [24, 24],
            ..conv
        };
        assert!(sized(even, [after; 2]).winograd_forward());
    }
    let conv = sized(
        Conv2d {
            padding: [1, 1],
            ..plain
        },
        [1, 1],
    );
    assert!(conv.winograd_forward() && conv.winograd_data());
    check::<f32>(&conv, 0.0);
    let many = Conv2d { batch: 21, ..conv };
    assert!(many.winograd_weights());
    check::<f32>(&many, 0.0);
    check::<f32>(&many, 1.0);
    check::<f64>(&conv, 1.0);
}

#[test]
fn levels_and_threads_give_the_same_bits() {
    let conv = sized(
        Conv2d {
            batch: 12,
            input: [14, 13],
            channels: 24,
            filters: 40,
            padding: [1, 1],
            ..PLAIN
        },
        [1, 1],
    );
    for (strides, dilation, channels, groups, filters) in [
        ([1, 1], 1, 24, 1, 40),
        ([1, 1], 1, 40, 1, 40),
        ([1, 1], 2, 40, 1, 40),
        ([2, 2], 1, 24, 1, 40),
        ([2, 1], 1, 3, 1, 40),
        ([1, 1], 1, 40, 5, 40),
        ([1, 1], 3, 3, 1, 40),
        ([1, 1], 1, 40, 40, 40),
        ([2, 1], 1, 20, 20, 40),
        ([1, 1], 1, 24, 1, 1),
        ([2, 1], 2, 40, 1, 3),
    ] {
        let conv = sized(
            Conv2d {
                strides,
                dilation: [dilation; 2],
                channels,
                groups,
                filters,
                ..conv
            },
            [1, 1],
        );
        let expected = run::<f32>(&conv, 1.0);
        for level in available() {
            for threads in [1, 2, 3, 8] {
                let got = with_isa(level, || {
                    parallel::set_num_threads(Some(threads)).unwrap();
                    let got = parallel::install(|| run::<f32>(&conv, 1.0));
                    parallel::set_num_threads(None).unwrap();
                    got
                });
                assert!(got.y == expected.y, "y, {level:?}, {threads} threads");
                assert!(got.dx == expected.dx, "dx, {level:?}, {threads} threads");
                assert!(got.dw == expected.dw, "dw, {level:?}, {threads} threads");
            }
        }
    }
}

/// [`Conv3d`] against sums over the planes of 2-D ones.
#[test]
fn volumes_are_sums_over_the_planes_of_the_kernel() {
    for (groups, strides, dilation, padding) in [
        (1, 1, 1, 0),
        (1, 2, 1, 1),
        (2, 1, 2, 2),
        (2, 2, 1, 0),
        (1, 3, 1, 2),
    ] {
        let plane = sized(
            Conv2d {
                batch: 1,
                channels: 4,
                filters: 6,
                groups,
                ..PLAIN
            },
            [0, 0],
        );
        let (batch, planes, depth) = (2, 7, 3);
        let output = (planes + padding - (depth - 1) * dilation - 1) / strides + 1;
        let two = |first, [a, b]: [usize; 2]| [first, a, b];
        let conv = Conv3d {
            batch,
            input: two(planes, plane.input),
            channels: plane.channels,
            kernel: two(depth, plane.kernel),
            filters: plane.filters,
            groups,
            strides: two(strides, plane.strides),
            dilation: two(dilation, plane.dilation),
            padding: two(padding, plane.padding),
            output: two(output, plane.output),
        };
        let x: Vec<f64> = numbers(batch * planes * plane.input_len(), 1);
        let w: Vec<f64> = numbers(depth * plane.kernel_len(), 2);
        let dy: Vec<f64> = numbers(batch * output * plane.output_len(), 3);
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        for (n, i, a) in (0..batch * output * depth)
            .map(|at| (at / depth / output, at / depth % output, at % depth))
        {
            let Some(u) = (i * strides + a * dilation).checked_sub(padding) else {
                continue;
            };
            if u >= planes {
                continue;
            }
            let (from, to) = (n * planes + u, n * output + i);
            let x = &x[from * plane.input_len()..][..plane.input_len()];
            let w = &w[a * plane.kernel_len()..][..plane.kernel_len()];
            let here = to * plane.output_len()..(to + 1) * plane.output_len();
            let y = &mut y[here.clone()];
            forward(&plane, x, w, Epilogue::default(), 1.0, y);
            let dx = &mut dx[from * plane.input_len()..][..plane.input_len()];
            backward_data(&plane, &dy[here.clone()], w, 1.0, dx);
            let dw = &mut dw[a * plane.kernel_len()..][..plane.kernel_len()];
            backward_weights(&plane, x, &dy[here], 1.0, dw);
        }
        let mut room = vec![f64::NAN; conv.room()];
        let mut got = vec![1.0; y.len()];
        conv.forward(&x, &w, Epilogue::default(), 0.0, &mut got, &mut room);
        assert_near(&got, &y, "y", &plane);
        let mut got = vec![1.0; x.len()];
        conv.backward_data(&dy, &w, 1.0, &mut got, &mut room);
        got.iter_mut().for_each(|x| *x -= 1.0);
        assert_near(&got, &dx, "dx", &plane);
        let mut got = vec![1.0; w.len()];
        conv.backward_weights(&x, &dy, true, &mut got, &mut room);
        got.iter_mut().for_each(|x| *x -= 1.0);
        assert_near(&got, &dw, "dw", &plane);
    }
}

#[test]
fn no_images_give_zero_gradients() {
    let conv = sized(Conv2d { batch: 0, ..PLAIN }, [0, 0]);
    let mut dw = vec![f32::NAN; conv.kernel_len()];
    backward_weights(&conv, &[], &[], 0.0, &mut dw);
    assert!(dw.iter().all(|&x| x == 0.0));
}
