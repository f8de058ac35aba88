//! Each channel brought to mean 0 and variance 1 over the batch, then scaled and shifted: see [`crate::kernels::batch_norm`].
//!
//! In training with the batch's own statistics, which the moving ones follow:
//! `moving = momentum * moving + (1 - momentum) * batch`, the variance biased (divided by n), as in Keras. In inference,
//! and while the layer is not trainable, with the moving ones.
//!
//! A tensor is a matrix of `outer` rows and `channels * inner` columns, where inner is the product of the axes after
//! that of the channels. What belongs to a channel is repeated for its inner columns, and sums over the rows are shared
//! among them; with the channels last, inner is 1 and nothing is repeated.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Configured, only_input};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::batch_norm::{
    ColumnGradient, ColumnStatistics, Weighted, gradient_sums, moments, scale_columns,
    squared_deviations, weighted_sums,
};
use crate::kernels::reduce::sum;
use crate::layer::{Backward, Forward, Grad, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, axis_after_move};

/// Keras's guard against a batch whose every step is masked.
const MASK_EPSILON: f64 = 1e-7;

/// `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, channel by channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormalization {
    #[serde(default = "last_axis")]
    axis: i64,
    #[serde(default = "default_momentum")]
    momentum: f64,
    #[serde(default = "default_epsilon")]
    epsilon: f64,
    #[serde(default = "yes")]
    center: bool,
    #[serde(default = "yes")]
    scale: bool,
    #[serde(default = "Initializer::zeros")]
    beta_initializer: Initializer,
    #[serde(default = "Initializer::ones")]
    gamma_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    moving_mean_initializer: Initializer,
    #[serde(default = "Initializer::ones")]
    moving_variance_initializer: Initializer,
    #[serde(default)]
    beta_regularizer: Option<Regularizer>,
    #[serde(default)]
    gamma_regularizer: Option<Regularizer>,
    #[serde(default)]
    beta_constraint: Option<Constraint>,
    #[serde(default)]
    gamma_constraint: Option<Constraint>,
    #[serde(default)]
    renorm: bool,
    #[serde(default, rename = "renorm_clipping")]
    _renorm_clipping: Value,
    #[serde(default, rename = "renorm_momentum")]
    _renorm_momentum: Value,
    #[serde(default)]
    synchronized: bool,
}

fn last_axis() -> i64 {
    -1
}

fn default_momentum() -> f64 {
    0.99
}

fn default_epsilon() -> f64 {
    1e-3
}

fn yes() -> bool {
    true
}

/// Where the channels lie.
#[derive(Debug, Clone, Copy)]
struct Channels {
    count: usize,
    /// Elements of one channel that lie side by side.
    inner: usize,
}

impl Channels {
    fn width(self) -> usize {
        self.count * self.inner
    }

    /// Gives the inner columns of each channel their sum.
    fn share<F: Real>(self, sums: &mut [F]) {
        if self.inner > 1 {
            for columns in sums.chunks_exact_mut(self.inner) {
                let sum = columns.iter().copied().sum();
                columns.fill(sum);
            }
        }
    }

    /// Calls `write` with each column, and the channel it belongs to.
    fn each_column<F>(self, columns: &mut [F], write: impl Fn(usize, usize, &mut F)) {
        for (column, value) in columns.iter_mut().enumerate() {
            write(column, column / self.inner, value);
        }
    }
}

impl BatchNormalization {
    /// The channel axis of an input of this rank.
    fn axis(&self, rank: usize) -> Option<usize> {
        let axis = if self.axis < 0 {
            self.axis + rank as i64
        } else {
            self.axis
        };
        (1..rank as i64).contains(&axis).then_some(axis as usize)
    }

    fn num_channels(&self, input: &Shape) -> Result<usize> {
        let axis = self.axis(input.rank()).ok_or_else(|| {
            Error::shape(
                format!("an input that has axis {} behind the batch", self.axis),
                format!("input shape {input}"),
            )
        })?;
        input[axis].ok_or_else(|| {
            Error::shape(
                format!("a known size of axis {}, the channels", self.axis),
                format!("input shape {input}"),
            )
        })
    }

    /// Where the channels lie in an input that [`Self::num_channels`] took.
    fn channels(&self, sizes: &[usize]) -> Channels {
        let axis = self.axis(sizes.len()).unwrap_or(sizes.len() - 1);
        Channels {
            count: sizes[axis],
            inner: sizes[axis + 1..].iter().product(),
        }
    }

    /// The indices of gamma, beta, the moving mean and the moving variance among the weights.
    fn indices(&self) -> (Option<usize>, Option<usize>, usize, usize) {
        let gamma = self.scale.then_some(0);
        let beta = self.center.then_some(usize::from(self.scale));
        let first = usize::from(self.scale) + usize::from(self.center);
        (gamma, beta, first, first + 1)
    }

    /// The mask as weights of the rows.
    fn checked_mask<'a, F>(
        mask: Option<&'a [F]>,
        sizes: &[usize],
        channels: Channels,
    ) -> Result<Option<&'a [F]>> {
        let Some(mask) = mask else { return Ok(None) };
        let rows: usize = sizes[..sizes.len() - 1].iter().product();
        if channels.inner != 1 || mask.len() != rows {
            return Err(Error::shape(
                "a mask of one axis less than the input, and the channels last",
                format!(
                    "a mask of {} values with input shape {}",
                    mask.len(),
                    Shape::known(sizes)
                ),
            ));
        }
        Ok(Some(mask))
    }

    /// The number each sum is divided by: the elements of a channel, or the steps that are not masked.
    fn divisor<F: Real>(mask: Option<&[F]>, elements: usize, channels: Channels) -> f64 {
        match mask {
            None => (elements / channels.count.max(1)).max(1) as f64,
            Some(mask) => sum(mask) + MASK_EPSILON,
        }
    }

    /// Writes the batch's mean and variance of each column, and lets the moving ones follow.
    fn batch_statistics<F: Real>(
        &self,
        cx: &mut Forward<'_, F>,
        channels: Channels,
        mean: &mut [F],
        variance: &mut [F],
    ) -> Result<()> {
        let (input, sizes) = (cx.input(0), cx.input_shape(0));
        let weights = Self::checked_mask(cx.mask(0), sizes, channels)?;
        let matrix = Weighted {
            x: input,
            width: channels.width(),
            weights,
        };
        let factor = F::of(1.0 / Self::divisor(weights, input.len(), channels));
        if weights.is_none() && channels.inner == 1 {
            moments(input, channels.count, mean, variance);
        } else {
            weighted_sums(matrix, mean);
            channels.share(mean);
            mean.iter_mut().for_each(|mean| *mean *= factor);
            squared_deviations(matrix, mean, variance);
            channels.share(variance);
        }
        variance.iter_mut().for_each(|variance| *variance *= factor);

        let (_, _, moving_mean, moving_variance) = self.indices();
        let momentum = F::of(self.momentum);
        for (state, batch) in [(moving_mean, &*mean), (moving_variance, &*variance)] {
            if let Some(moving) = cx.state(state) {
                let batch = batch.iter().step_by(channels.inner.max(1));
                for (moving, &batch) in moving.iter_mut().zip(batch) {
                    *moving = *moving * momentum + batch * F::of(1.0 - self.momentum);
                }
            }
        }
        Ok(())
    }
}

impl Configured for BatchNormalization {
    fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.momentum) {
            let got = self.momentum.to_string();
            return Err(Error::config("`momentum` from 0 to 1", got));
        }
        if self.epsilon.is_nan() || self.epsilon < 0.0 {
            let got = self.epsilon.to_string();
            return Err(Error::config("`epsilon` of at least 0", got));
        }
        if self.renorm {
            return Err(Error::config("renorm=False", "renorm=True").remedy(
                "Batch renormalization is not supported; LayerNormalization suits small batches.",
            ));
        }
        // One machine has nothing to synchronize, but a model that says so expects replicas that see each other.
        if self.synchronized {
            return Err(Error::config("synchronized=False", "synchronized=True")
                .remedy("There is one replica, whose batch is the whole batch."));
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for BatchNormalization {
    fn kind(&self) -> &'static str {
        "BatchNormalization"
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        let axis = axis_after_move(self.axis, axis, inputs[0].rank())?;
        Some(json!({"axis": axis}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        self.num_channels(input)?;
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let shape = [self.num_channels(only_input(inputs)?)?];
        let mut params = Vec::with_capacity(4);
        if self.scale {
            params.push(
                ParamSpec::trainable("gamma", &shape, &self.gamma_initializer)
                    .regularized(&self.gamma_regularizer)
                    .constrained(&self.gamma_constraint),
            );
        }
        if self.center {
            params.push(
                ParamSpec::trainable("beta", &shape, &self.beta_initializer)
                    .regularized(&self.beta_regularizer)
                    .constrained(&self.beta_constraint),
            );
        }
        params.push(ParamSpec::state(
            "moving_mean",
            &shape,
            &self.moving_mean_initializer,
        ));
        params.push(ParamSpec::state(
            "moving_variance",
            &shape,
            &self.moving_variance_initializer,
        ));
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = only_input(inputs)?.sizes()?;
        let width = self.channels(&sizes).width();
        // Mean and inverse deviation of each column are kept for backward; scale and shift, or the sums, are not.
        let (saved, forward) = if mode.backward { (2, 2) } else { (0, 4) };
        Ok(Scratch {
            saved: vec![width; saved],
            forward: vec![width; forward],
            backward: vec![width; if mode.backward { 3 } else { 0 }],
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let channels = self.channels(cx.input_shape(0));
        let (scale, shift) = (cx.temp(0), cx.temp(1));
        let (mean, inverse_std) = if cx.num_saved() > 0 {
            (cx.saved(0), cx.saved(1))
        } else {
            (cx.temp(2), cx.temp(3))
        };
        let (gamma, beta, moving_mean, moving_variance) = self.indices();
        if cx.training() && cx.trainable() {
            self.batch_statistics(&mut cx, channels, mean, inverse_std)?;
        } else {
            let (moving_mean, moving) = (cx.param(moving_mean), cx.param(moving_variance));
            channels.each_column(mean, |_, channel, mean| *mean = moving_mean[channel]);
            channels.each_column(inverse_std, |_, channel, variance| {
                *variance = moving[channel];
            });
        }
        let epsilon = F::of(self.epsilon);
        for variance in inverse_std.iter_mut() {
            *variance = F::ONE / (*variance + epsilon).sqrt();
        }
        let gamma = gamma.map(|i| cx.param(i));
        let beta = beta.map(|i| cx.param(i));
        channels.each_column(scale, |column, channel, scale| {
            *scale = gamma.map_or(F::ONE, |gamma| gamma[channel]) * inverse_std[column];
        });
        channels.each_column(shift, |_, channel, shift| {
            *shift = beta.map_or(F::ZERO, |beta| beta[channel]);
        });
        scale_columns(cx.input(0), cx.output(0), mean, scale, shift);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(grad_output) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let (input, sizes) = (cx.input(0), cx.input_shape(0));
        let channels = self.channels(sizes);
        let statistics = ColumnStatistics {
            mean: cx.saved(0),
            inverse_std: cx.saved(1),
        };
        let (sums, sums_x, scale) = (cx.temp(0), cx.temp(1), cx.temp(2));
        let of_batch = cx.training() && cx.trainable();
        let (gamma, beta, ..) = self.indices();
        let grad_gamma = gamma.and_then(|i| cx.grad_param(i));
        let grad_beta = beta.and_then(|i| cx.grad_param(i));
        let grad_input = cx.grad_input(0);
        if grad_gamma.is_some() || grad_beta.is_some() || of_batch && grad_input.is_some() {
            gradient_sums(input, grad_output, statistics, sums, sums_x);
            channels.share(sums);
            channels.share(sums_x);
        }
        give(grad_beta, sums, channels);
        give(grad_gamma, sums_x, channels);
        let Some(grad) = grad_input else {
            return Ok(());
        };

        let gamma = gamma.map(|i| cx.param(i));
        channels.each_column(scale, |column, channel, scale| {
            *scale = gamma.map_or(F::ONE, |gamma| gamma[channel]) * statistics.inverse_std[column];
        });
        let weights = Self::checked_mask(cx.mask(0), sizes, channels)?;
        let means = if of_batch {
            let factor = F::of(1.0 / Self::divisor(weights, input.len(), channels));
            for sum in sums.iter_mut().chain(sums_x.iter_mut()) {
                *sum *= factor;
            }
            Some((&*sums, &*sums_x))
        } else {
            None
        };
        let gradient = ColumnGradient {
            statistics,
            scale,
            means,
            weights,
        };
        gradient.apply(input, grad_output, grad.values, grad.accumulate);
        Ok(())
    }
}

/// Gives a weight's gradient the sum of each channel.
fn give<F: Real>(grad: Option<Grad<'_, F>>, sums: &[F], channels: Channels) {
    if let Some(mut grad) = grad {
        grad.clear();
        let sums = sums.iter().step_by(channels.inner.max(1));
        grad.values.iter_mut().zip(sums).for_each(|(g, &s)| *g += s);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: Value, input: Array, training: bool) -> Case {
        Case {
            kind: "BatchNormalization",
            config,
            inputs: vec![input],
            training,
            ..Case::default()
        }
    }

    fn values(case: &Case) -> Vec<f64> {
        case.outputs::<f64>().unwrap().swap_remove(0).values
    }

    fn known() -> Vec<Vec<f64>> {
        // gamma, beta, moving mean, moving variance
        vec![
            vec![2.0, 1.0],
            vec![0.0, 10.0],
            vec![1.0, 0.0],
            vec![4.0, 0.25],
        ]
    }

    #[test]
    fn training_takes_the_statistics_of_the_batch() {
        let input = Array::new(&[2, 2], &[1.0, -5.0, 3.0, 5.0]);
        let case = Case {
            weights: known(),
            ..case(json!({"epsilon": 0.0}), input, true)
        };
        assert_eq!(values(&case), [-2.0, 9.0, 2.0, 11.0]);
    }

    #[test]
    fn inference_takes_the_moving_statistics() {
        let input = Array::new(&[2, 2], &[1.0, -5.0, 3.0, 5.0]);
        let case = Case {
            weights: known(),
            ..case(json!({"epsilon": 0.0}), input, false)
        };
        assert_eq!(values(&case), [0.0, 0.0, 2.0, 20.0]);
    }

    #[test]
    fn masked_steps_do_not_enter_the_statistics() {
        let input = Array::new(&[1, 3, 1], &[1.0, 100.0, 3.0]);
        let config = json!({"epsilon": 0.0, "center": false, "scale": false});
        let case = Case {
            masks: vec![Some(Array::new(&[1, 3], &[1.0, 0.0, 1.0]))],
            ..case(config, input, true)
        };
        assert_close(&values(&case), &[-1.0, 98.0, 1.0], 1e-5);
    }

    #[test]
    fn the_channels_may_lie_on_any_axis() {
        let input = Array::new(&[2, 2, 2], &[1.0, 3.0, 10.0, 30.0, 1.0, 3.0, 30.0, 10.0]);
        let config = json!({"axis": 1, "epsilon": 0.0, "center": false, "scale": false});
        let expected = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0];
        assert_close(&values(&case(config, input, true)), &expected, 1e-15);
    }

    #[test]
    fn gradients_agree_with_differences_for_every_option() {
        for config in [
            json!({}),
            json!({"center": false}),
            json!({"scale": false}),
            json!({"axis": 1, "epsilon": 0.1}),
            json!({"axis": -2}),
        ] {
            for training in [true, false] {
                let input = Array::random(&[2, 3, 2, 2], 1);
                check_gradients(&case(config.clone(), input, training));
            }
        }
    }

    #[test]
    fn gradients_of_masked_batches_agree_with_differences() {
        for training in [true, false] {
            check_gradients(&Case {
                masks: vec![Some(Array::new(&[2, 3], &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0]))],
                ..case(json!({}), Array::random(&[2, 3, 4], 1), training)
            });
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = |config| case(config, Array::random(&[2, 3], 1), true).error();
        assert_eq!(
            error(json!({"renorm": true})),
            "BatchNormalization \"batchnormalization\": expected renorm=False, got renorm=True. \
             Batch renormalization is not supported; LayerNormalization suits small batches."
        );
        assert_eq!(
            error(json!({"momentum": 1.5})),
            "BatchNormalization \"batchnormalization\": expected `momentum` from 0 to 1, got 1.5"
        );
        assert_eq!(
            error(json!({"axis": 2})),
            "BatchNormalization \"batchnormalization\": expected an input that has axis 2 behind the batch, got input shape (2, 3)"
        );
        assert!(error(json!({"synchronized": true})).contains("synchronized=False"));
    }
}
