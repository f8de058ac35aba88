//! Loops that apply a function of one number to every element.

use crate::kernels::arithmetic::{Arithmetic, Double, Lanes};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::real::Real;

/// A function of one number and its derivative.
pub trait Pointwise: Copy + Send + Sync {
    /// Whether [`Pointwise::slope`] takes the input; otherwise it takes the output, and the input may be overwritten.
    fn slope_takes_input(self) -> bool {
        false
    }

    /// `f(x)`
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V;

    /// `f'(x)`, from `x` or from `f(x)` as [`Pointwise::slope_takes_input`] says.
    fn slope<A: Arithmetic>(self, a: A, v: A::V) -> A::V;

    /// `f(x)` and `f'(x)`, for less than the price of both.
    #[inline(always)]
    fn value_and_slope<A: Arithmetic>(self, a: A, x: A::V) -> (A::V, A::V) {
        let y = self.value(a, x);
        let slope = self.slope(a, if self.slope_takes_input() { x } else { y });
        (y, slope)
    }
}

/// `x = f(x)`
pub fn values<F: Real>(function: impl Pointwise, x: &mut [F]) {
    if let Some(x) = F::as_f32_mut(x) {
        dispatch(Values(function, x));
    } else if let Some(x) = F::as_f64_mut(x) {
        x.iter_mut().for_each(|x| *x = function.value(Double, *x));
    }
}

/// `y = f(x)`
pub fn values_of<F: Real>(function: impl Pointwise, x: &[F], y: &mut [F]) {
    if let (Some(x), Some(y)) = (F::as_f32(x), F::as_f32_mut(y)) {
        dispatch(ValuesOf(function, x, y));
    } else if let (Some(x), Some(y)) = (F::as_f64(x), F::as_f64_mut(y)) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = function.value(Double, x);
        }
    }
}

/// `grad *= f'`, with `of` what the slope takes.
pub fn slopes<F: Real>(function: impl Pointwise, of: &[F], grad: &mut [F]) {
    if let (Some(of), Some(grad)) = (F::as_f32(of), F::as_f32_mut(grad)) {
        dispatch(Slopes(function, of, grad));
    } else if let (Some(of), Some(grad)) = (F::as_f64(of), F::as_f64_mut(grad)) {
        for (grad, &of) in grad.iter_mut().zip(of) {
            *grad *= function.slope(Double, of);
        }
    }
}

/// `dx = dy * f'`, with `of` what the slope takes.
pub fn gradients<F: Real>(function: impl Pointwise, of: &[F], dy: &[F], dx: &mut [F]) {
    if let (Some(of), Some(dy), Some(dx)) = (F::as_f32(of), F::as_f32(dy), F::as_f32_mut(dx)) {
        dispatch(Gradients(function, of, dy, dx));
    } else if let (Some(of), Some(dy), Some(dx)) = (F::as_f64(of), F::as_f64(dy), F::as_f64_mut(dx))
    {
        for ((dx, &dy), &of) in dx.iter_mut().zip(dy).zip(of) {
            *dx = dy * function.slope(Double, of);
        }
    }
}

/// `y = f(x)` and `x = f'(x)`
pub fn values_and_slopes<F: Real>(function: impl Pointwise, x: &mut [F], y: &mut [F]) {
    if let (Some(x), Some(y)) = (F::as_f32_mut(x), F::as_f32_mut(y)) {
        dispatch(ValuesAndSlopes(function, x, y));
    } else if let (Some(x), Some(y)) = (F::as_f64_mut(x), F::as_f64_mut(y)) {
        for (x, y) in x.iter_mut().zip(y) {
            (*y, *x) = function.value_and_slope(Double, *x);
        }
    }
}

struct ValuesAndSlopes<'a, P>(P, &'a mut [f32], &'a mut [f32]);

impl<P: Pointwise> Kernel for ValuesAndSlopes<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (x, x_tail) = self.1.as_chunks_mut::<LANES>();
        let (y, y_tail) = self.2.as_chunks_mut::<LANES>();
        let y = &mut y[..x.len()];
        for i in 0..x.len() {
            let (value, slope) = self.0.value_and_slope(Lanes(s), s.load(&x[i]));
            s.store(&mut y[i], value);
            s.store(&mut x[i], slope);
        }
        if !x_tail.is_empty() {
            let (value, slope) = self.0.value_and_slope(Lanes(s), s.load_partial(x_tail));
            s.store_partial(y_tail, value);
            s.store_partial(x_tail, slope);
        }
    }
}

struct Values<'a, P>(P, &'a mut [f32]);

impl<P: Pointwise> Kernel for Values<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (body, tail) = self.1.as_chunks_mut::<LANES>();
        for x in body {
            s.store(x, self.0.value(Lanes(s), s.load(x)));
        }
        if !tail.is_empty() {
            s.store_partial(tail, self.0.value(Lanes(s), s.load_partial(tail)));
        }
    }
}

struct ValuesOf<'a, P>(P, &'a [f32], &'a mut [f32]);

impl<P: Pointwise> Kernel for ValuesOf<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (x, x_tail) = self.1.as_chunks::<LANES>();
        let (y, y_tail) = self.2.as_chunks_mut::<LANES>();
        let x = &x[..y.len()];
        for i in 0..y.len() {
            s.store(&mut y[i], self.0.value(Lanes(s), s.load(&x[i])));
        }
        if !x_tail.is_empty() {
            s.store_partial(y_tail, self.0.value(Lanes(s), s.load_partial(x_tail)));
        }
    }
}

struct Gradients<'a, P>(P, &'a [f32], &'a [f32], &'a mut [f32]);

impl<P: Pointwise> Kernel for Gradients<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (of, of_tail) = self.1.as_chunks::<LANES>();
        let (dy, dy_tail) = self.2.as_chunks::<LANES>();
        let (dx, dx_tail) = self.3.as_chunks_mut::<LANES>();
        let (of, dy) = (&of[..dx.len()], &dy[..dx.len()]);
        for i in 0..dx.len() {
            let slope = self.0.slope(Lanes(s), s.load(&of[i]));
            s.store(&mut dx[i], s.mul(s.load(&dy[i]), slope));
        }
        if !dx_tail.is_empty() {
            let slope = self.0.slope(Lanes(s), s.load_partial(of_tail));
            s.store_partial(dx_tail, s.mul(s.load_partial(dy_tail), slope));
        }
    }
}

struct Slopes<'a, P>(P, &'a [f32], &'a mut [f32]);

impl<P: Pointwise> Kernel for Slopes<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (of, of_tail) = self.1.as_chunks::<LANES>();
        let (grad, grad_tail) = self.2.as_chunks_mut::<LANES>();
        let of = &of[..grad.len()];
        for i in 0..grad.len() {
            let slope = self.0.slope(Lanes(s), s.load(&of[i]));
            let product = s.mul(s.load(&grad[i]), slope);
            s.store(&mut grad[i], product);
        }
        if !grad_tail.is_empty() {
            let slope = self.0.slope(Lanes(s), s.load_partial(of_tail));
            s.store_partial(grad_tail, s.mul(s.load_partial(grad_tail), slope));
        }
    }
}
