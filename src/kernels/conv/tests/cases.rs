//! The convolutions that are tested.

use super::Conv2d;

/// A convolution with the output that its other sizes give.
pub(super) fn sized(mut conv: Conv2d, after: [usize; 2]) -> Conv2d {
    conv.output = [0, 1].map(|axis| {
        let size = conv.input[axis] + conv.padding[axis] + after[axis];
        (size - (conv.kernel[axis] - 1) * conv.dilation[axis] - 1) / conv.strides[axis] + 1
    });
    conv
}

pub(super) const PLAIN: Conv2d = Conv2d {
    batch: 2,
    input: [9, 8],
    channels: 3,
    kernel: [3, 3],
    filters: 5,
    groups: 1,
    strides: [1, 1],
    dilation: [1, 1],
    padding: [0, 0],
    output: [0, 0],
};

/// Sizes that take every way, with full tiles and without.
pub(super) fn cases() -> Vec<Conv2d> {
    let mut cases = vec![
        sized(PLAIN, [0, 0]),
        // Many small images in a band; vectors full and not.
        sized(
            Conv2d {
                batch: 7,
                input: [4, 4],
                channels: 16,
                filters: 33,
                padding: [1, 1],
                ..PLAIN
            },
            [1, 1],
        ),
        // One pixel, one point.
        sized(
            Conv2d {
                kernel: [1, 1],
                ..PLAIN
            },
            [0, 0],
        ),
        sized(
            Conv2d {
                kernel: [1, 1],
                strides: [2, 3],
                ..PLAIN
            },
            [0, 0],
        ),
        sized(
            Conv2d {
                input: [3, 3],
                ..PLAIN
            },
            [0, 0],
        ),
        // A border on one side only, and beyond what "same" asks for.
        sized(
            Conv2d {
                kernel: [2, 4],
                padding: [0, 1],
                ..PLAIN
            },
            [1, 2],
        ),
        sized(
            Conv2d {
                kernel: [2, 2],
                padding: [3, 2],
                ..PLAIN
            },
            [4, 2],
        ),
        // Bands of a large image, segments longer than one pass.
        sized(
            Conv2d {
                batch: 1,
                input: [33, 20],
                channels: 24,
                filters: 17,
                padding: [1, 1],
                ..PLAIN
            },
            [1, 1],
        ),
        sized(
            Conv2d {
                batch: 1,
                input: [5, 6],
                channels: 300,
                filters: 16,
                padding: [1, 1],
                ..PLAIN
            },
            [1, 1],
        ),
        sized(
            Conv2d {
                batch: 1,
                input: [5, 6],
                channels: 3,
                filters: 600,
                padding: [1, 1],
                ..PLAIN
            },
            [1, 1],
        ),
        // Bands of an image of few channels.
        sized(
            Conv2d {
                batch: 1,
                input: [61, 20],
                channels: 2,
                filters: 9,
                kernel: [3, 4],
                strides: [2, 3],
                padding: [1, 1],
                ..PLAIN
            },
            [1, 2],
        ),
        // Some rows of points see nothing at the border; filters longer than a segment.
        sized(
            Conv2d {
                batch: 3,
                input: [17, 15],
                channels: 12,
                filters: 16,
                kernel: [5, 5],
                ..PLAIN
            },
            [0, 0],
        ),
        sized(
            Conv2d {
                input: [7, 9],
                channels: 9,
                filters: 520,
                ..PLAIN
            },
            [0, 0],
        ),
        // A kernel smaller than the stride leaves pixels that nobody sees.
        sized(
            Conv2d {
                kernel: [2, 1],
                strides: [3, 2],
                ..PLAIN
            },
            [0, 0],
        ),
        sized(
            Conv2d {
                kernel: [9, 8],
                ..PLAIN
            },
            [0, 0],
        ),
    ];
    for strides in [[1, 1], [2, 2], [2, 1], [3, 2]] {
        for dilation in [[1, 1], [2, 2], [1, 3]] {
            for groups in [1, 2] {
                for padding in [[0, 0], [1, 2], [2, 1]] {
                    let conv = Conv2d {
                        channels: 4,
                        filters: 6,
                        strides,
                        dilation,
                        groups,
                        padding,
                        ..PLAIN
                    };
                    cases.push(sized(conv, [padding[0], 2]));
                }
            }
        }
    }
    // Blocks of channels, cut and whole, in one part and in several.
    for (strides, dilation, groups) in [
        ([1, 1], [2, 2], 1),
        ([2, 1], [1, 1], 2),
        ([3, 2], [1, 2], 1),
    ] {
        for (input, kernel) in [([9, 8], [3, 3]), ([33, 40], [1, 2])] {
            let conv = Conv2d {
                input,
                kernel,
                channels: 66 * groups,
                filters: 18 * groups,
                groups,
                strides,
                dilation,
                padding: [1, 2],
                ..PLAIN
            };
            cases.push(sized(conv, [1, 0]));
        }
    }
    // Few filters: bands with all columns and without, several images in one, vectors full and not.
    for filters in [1, 2, 3, 5] {
        for (batch, input, channels) in [(5, [7, 6], 33), (1, [40, 9], 20), (2, [1, 300], 16)] {
            for (kernel, strides, dilation, padding) in [
                ([1, 1], [1, 1], [1, 1], [0, 0]),
                ([1, 3], [1, 1], [1, 2], [0, 2]),
                ([1, 5], [1, 2], [1, 1], [0, 3]),
                ([3, 3], [1, 1], [1, 1], [1, 1]),
                ([3, 3], [2, 2], [1, 1], [1, 0]),
                ([3, 2], [1, 2], [2, 3], [3, 1]),
                ([5, 5], [2, 1], [1, 1], [2, 4]),
            ] {
                if kernel[0] > 1 && input[0] == 1 {
                    continue;
                }
                let conv = Conv2d {
                    batch,
                    input,
                    channels,
                    kernel,
                    filters,
                    strides,
                    dilation,
                    padding,
                    ..PLAIN
                };
                cases.push(sized(conv, [padding[0], padding[1] + 1]));
                let in_groups = Conv2d {
                    channels: 2 * channels,
                    filters: 2 * filters,
                    groups: 2,
                    ..conv
                };
                cases.push(sized(in_groups, [padding[0], padding[1] + 1]));
            }
        }
    }
    // Pieces of long rows.
    for (strides, dilation, padding) in [
        ([1, 1], 1, 0),
        ([1, 1], 3, 7),
        ([1, 2], 2, 3),
        ([1, 5], 1, 1),
    ] {
        for (height, kernel) in [(1, 1), (2, 2)] {
            let conv = Conv2d {
                input: [height, 501],
                kernel: [kernel, 4],
                channels: 4,
                filters: 6,
                groups: 2,
                strides,
                dilation: [1, dilation],
                padding: [0, padding],
                ..PLAIN
            };
            cases.push(sized(conv, [0, padding]));
        }
    }
    // Groups that share vectors, cut ones too.
    for (size, groups) in [(2, 3), (4, 8), (8, 2), (8, 5), (4, 6)] {
        for (kernel, padding, after, dilation) in [
            ([3, 3], [1, 1], 1, 1),
            ([2, 1], [0, 0], 0, 3),
            ([3, 5], [2, 1], 4, 2),
            ([1, 3], [0, 2], 0, 1),
        ] {
            let conv = Conv2d {
                batch: 3,
                input: [8, 15],
                kernel,
                channels: size * groups,
                filters: size * groups,
                groups,
                dilation: [dilation, 1],
                padding,
                ..PLAIN
            };
            let conv = sized(conv, [after; 2]);
            assert!(conv.has_small_groups());
            cases.push(conv);
            cases.push(sized(
                Conv2d {
                    batch: 40,
                    input: [5, 4],
                    ..conv
                },
                [after.max(1); 2],
            ));
        }
    }
    // One channel for each group, with one filter and with several; vectors full and not; kernels wider than the image.
    for (channels, count) in [(3, 1), (16, 1), (37, 1), (5, 2), (18, 3), (2, 9)] {
        for (strides, dilation) in [([1, 1], [1, 1]), ([2, 3], [1, 1]), ([3, 1], [2, 2])] {
            for (kernel, padding, after) in [
                ([3, 3], [1, 1], 1),
                ([2, 5], [0, 3], 4),
                ([5, 1], [4, 0], 4),
            ] {
                let conv = Conv2d {
                    input: [9, 14],
                    kernel,
                    channels,
                    filters: channels * count,
                    groups: channels,
                    strides,
                    dilation,
                    padding,
                    ..PLAIN
                };
                cases.push(sized(conv, [after; 2]));
            }
        }
    }
    cases.push(sized(
        Conv2d {
            channels: 5,
            filters: 5,
            groups: 5,
            padding: [1, 1],
            ..PLAIN
        },
        [1, 1],
    ));
    cases
}
