//! Loops over slices side by side, and over rows, by index.
//!
//! `Zip` and calls through references to closures are no inlined code of the standard library: in builds of many codegen
//! units they stay calls, and what is behind a call is neither compiled for the instruction set nor made into vectors.

/// `y = f(y)` for each element.
#[inline(always)]
pub(crate) fn each<A: Copy>(y: &mut [A], f: impl Fn(A) -> A) {
    for y in y {
        *y = f(*y);
    }
}

/// `y = f(y, x)` for each pair.
#[inline(always)]
pub(crate) fn each_with<A: Copy, X: Copy>(y: &mut [A], x: &[X], f: impl Fn(A, X) -> A) {
    let len = y.len().min(x.len());
    let (y, x) = (&mut y[..len], &x[..len]);
    for i in 0..len {
        y[i] = f(y[i], x[i]);
    }
}

/// `y = f(y, a, b)` for each triple.
#[inline(always)]
pub(crate) fn each_with2<A: Copy, X: Copy>(
    y: &mut [A],
    [a, b]: [&[X]; 2],
    f: impl Fn(A, X, X) -> A,
) {
    let len = y.len().min(a.len()).min(b.len());
    let (y, a, b) = (&mut y[..len], &a[..len], &b[..len]);
    for i in 0..len {
        y[i] = f(y[i], a[i], b[i]);
    }
}

/// `y = f(y, a, b, c)` for each four.
#[inline(always)]
pub(crate) fn each_with3<A: Copy, X: Copy>(
    y: &mut [A],
    [a, b, c]: [&[X]; 3],
    f: impl Fn(A, X, X, X) -> A,
) {
    let len = y.len().min(a.len()).min(b.len()).min(c.len());
    let (y, a, b, c) = (&mut y[..len], &a[..len], &b[..len], &c[..len]);
    for i in 0..len {
        y[i] = f(y[i], a[i], b[i], c[i]);
    }
}

/// Calls `work` with each whole row of `width` elements and its number.
#[inline(always)]
pub(crate) fn each_row<A>(y: &mut [A], width: usize, mut work: impl FnMut(usize, &mut [A])) {
    let (mut rest, mut row) = (y, 0);
    while width > 0 && rest.len() >= width {
        let (now, behind) = rest.split_at_mut(width);
        work(row, now);
        (rest, row) = (behind, row + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_end_with_the_shortest_slice_and_rows_are_whole() {
        let mut y = [1, 2, 3, 4, 5];
        each_with(&mut y, &[10, 20], |y, x| y + x);
        each_with2(&mut y, [&[100; 5], &[1000]], |y, a, b| y + a + b);
        each_with3(&mut y, [&[1; 2], &[1; 3], &[1; 9]], |y, a, b, c| {
            y + a + b + c
        });
        each(&mut y, |y| -y);
        assert_eq!(y, [-1114, -25, -3, -4, -5]);
        let mut seen = Vec::new();
        each_row(&mut y, 2, |row, y| seen.push((row, y.to_vec())));
        assert_eq!(seen, [(0, vec![-1114, -25]), (1, vec![-3, -4])]);
        each_row(&mut y, 0, |_, _| unreachable!("no rows"));
    }
}
