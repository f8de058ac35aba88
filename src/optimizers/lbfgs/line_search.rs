//! How far to go along a direction: a step that meets the strong Wolfe conditions (Nocedal & Wright, "Numerical Optimization",
//! 2006, algorithms 3.5 and 3.6), by cubic interpolation as in Schmidt's minFunc.
//!
//! ```text
//! f(t) <= f(0) + c1 t f'(0)        |f'(t)| <= c2 |f'(0)|
//! ```

use crate::error::Result;

const C1: f64 = 1e-4;
const C2: f64 = 0.9;

/// A step length, the function there, and its derivative along the direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The length.
    pub t: f64,
    /// The function.
    pub f: f64,
    /// The derivative by `t`.
    pub slope: f64,
}

/// What a search works with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Where the bracket, times the largest part of the direction, is too small.
    pub tolerance: f64,
    /// The largest part of the direction.
    pub largest: f64,
    /// Evaluations at most, the first not counted.
    pub evaluations: usize,
}

/// The minimum between two points of the cubic through both, within bounds.
fn cubic_minimum(a: Point, b: Point, (low, high): (f64, f64)) -> f64 {
    let d1 = a.slope + b.slope - 3.0 * (a.f - b.f) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    if square.is_nan() || square < 0.0 {
        return (low + high) / 2.0;
    }
    let d2 = square.sqrt();
    let (left, right) = if a.t <= b.t { (a, b) } else { (b, a) };
    let share = (right.slope + d2 - d1) / (right.slope - left.slope + 2.0 * d2);
    (right.t - (right.t - left.t) * share).max(low).min(high)
}

/// The best step found from `start`, where `t` is 0, beginning with `t`. `evaluate(t, place)` works out the function and
/// remembers what belongs to it (the gradient) at place 0 or 1; the second number returned is the place of the step.
///
/// # Errors
/// Those of `evaluate`.
pub fn strong_wolfe(
    start: Point,
    t: f64,
    limits: Limits,
    evaluate: &mut dyn FnMut(f64, usize) -> Result<Point>,
) -> Result<(Point, usize)> {
    let falls = |new: Point| new.f <= start.f + C1 * new.t * start.slope;
    let flat = |new: Point| new.slope.abs() <= -C2 * start.slope;
    let mut count = 0;
    // The start's gradient lies at place 1, so the first point goes to place 0.
    let mut ends = [start, start];
    let mut newest = 0;
    ends[newest] = evaluate(t, newest)?;
    while count < limits.evaluations {
        let (before, new) = (ends[1 - newest], ends[newest]);
        if !falls(new) || (count > 1 && new.f >= before.f) {
            break;
        }
        if flat(new) {
            return Ok((new, newest));
        }
        if new.slope >= 0.0 {
            break;
        }
        let bounds = (new.t + 0.01 * (new.t - before.t), new.t * 10.0);
        let next = cubic_minimum(before, new, bounds);
        newest = 1 - newest;
        ends[newest] = evaluate(next, newest)?;
        count += 1;
    }
    zoom(start, ends, (limits, count), evaluate)
}

/// Makes the bracket smaller until a point in it will do.
fn zoom(
    start: Point,
    mut ends: [Point; 2],
    (limits, mut count): (Limits, usize),
    evaluate: &mut dyn FnMut(f64, usize) -> Result<Point>,
) -> Result<(Point, usize)> {
    let lower = |ends: &[Point; 2]| usize::from(ends[0].f > ends[1].f || ends[0].f.is_nan());
    let mut low = lower(&ends);
    let mut stuck = false;
    while count < limits.evaluations {
        let (left, right) = (ends[0].t.min(ends[1].t), ends[0].t.max(ends[1].t));
        if (right - left) * limits.largest < limits.tolerance {
            break;
        }
        let mut t = cubic_minimum(ends[0], ends[1], (left, right));
        // Near an end twice, or at it: a tenth of the bracket away from it.
        let margin = 0.1 * (right - left);
        if (right - t).min(t - left) < margin {
            if stuck || t >= right || t <= left {
                t = if (t - right).abs() < (t - left).abs() {
                    right - margin
                } else {
                    left + margin
                };
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        let high = 1 - low;
        // The new point takes the place of the high end, whatever becomes of it.
        let (low_end, high_end) = (ends[low], ends[high]);
        let new = evaluate(t, high)?;
        count += 1;
        ends[high] = new;
        if new.f > start.f + C1 * t * start.slope || new.f >= low_end.f || new.f.is_nan() {
            low = lower(&ends);
            continue;
        }
        if new.slope.abs() <= -C2 * start.slope {
            return Ok((new, high));
        }
        if new.slope * (high_end.t - low_end.t) < 0.0 {
            // The old low end falls away and the high end stays.
            ends[low] = high_end;
        }
        low = high;
    }
    Ok((ends[low], low))
}
