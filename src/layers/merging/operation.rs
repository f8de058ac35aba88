//! What the merging layers do to two values, and how gradients go back.

use std::fmt::Debug;

use crate::real::Real;

/// How the gradient of a merged value reaches the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Times a constant.
    Linear,
    /// Times the product of the other inputs.
    Product,
    /// To the input that was taken; in equal shares to those that tie.
    Choice,
}

/// What a merging layer does to two values.
pub trait Operation: Debug + Send + Sync + 'static {
    /// The kind of the layer.
    const KIND: &'static str;
    /// How gradients go back.
    const RULE: Rule;
    /// Whether it takes any number of inputs; otherwise two.
    const TAKES_MANY: bool = true;
    /// The merged value so far and one more.
    fn merge<F: Real>(merged: F, x: F) -> F;
    /// What the gradient of input `i` of `n` is multiplied with, if linear.
    fn factor(_i: usize, _n: usize) -> f64 {
        1.0
    }
}

/// `a + b`.
#[derive(Debug)]
pub struct Sum;
impl Operation for Sum {
    const KIND: &'static str = "Add";
    const RULE: Rule = Rule::Linear;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged + x
    }
}

/// `a - b`.
#[derive(Debug)]
pub struct Difference;
impl Operation for Difference {
    const KIND: &'static str = "Subtract";
    const RULE: Rule = Rule::Linear;
    const TAKES_MANY: bool = false;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged - x
    }
    fn factor(i: usize, _: usize) -> f64 {
        if i == 0 { 1.0 } else { -1.0 }
    }
}

/// `a * b`.
#[derive(Debug)]
pub struct Product;
impl Operation for Product {
    const KIND: &'static str = "Multiply";
    const RULE: Rule = Rule::Product;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged * x
    }
}

/// `(a + b + ...) / n`; the division follows the sum.
#[derive(Debug)]
pub struct Mean;
impl Operation for Mean {
    const KIND: &'static str = "Average";
    const RULE: Rule = Rule::Linear;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged + x
    }
    fn factor(_: usize, n: usize) -> f64 {
        1.0 / n as f64
    }
}

/// The larger of both.
#[derive(Debug)]
pub struct Largest;
impl Operation for Largest {
    const KIND: &'static str = "Maximum";
    const RULE: Rule = Rule::Choice;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged.maximum(x)
    }
}

/// The smaller of both.
#[derive(Debug)]
pub struct Smallest;
impl Operation for Smallest {
    const KIND: &'static str = "Minimum";
    const RULE: Rule = Rule::Choice;
    #[inline(always)]
    fn merge<F: Real>(merged: F, x: F) -> F {
        merged.minimum(x)
    }
}
