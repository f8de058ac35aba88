//! Vectors for ids: a table of learned rows.

mod reverse;

use serde::Deserialize;
use serde_json::Value;

use super::{Configured, only_input};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::{Initializer, Uniform};
use crate::kernels::gather::{first_bad_id, gather, scatter_add};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;

/// `y[...] = embeddings[id[...]]`; a reversible one also leads back from vectors to a number for each id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding<const REVERSIBLE: bool> {
    /// The number of ids, 0 included.
    input_dim: usize,
    /// The length of each vector.
    output_dim: usize,
    #[serde(default = "uniform")]
    embeddings_initializer: Initializer,
    #[serde(default)]
    embeddings_regularizer: Option<Regularizer>,
    #[serde(default)]
    embeddings_constraint: Option<Constraint>,
    /// Id 0 is padding: the output has a mask.
    #[serde(default)]
    mask_zero: bool,
    /// The way back takes the same table.
    #[serde(default = "yes")]
    tie_weights: bool,
    /// The way back gives numbers below this.
    #[serde(default)]
    logit_soft_cap: Option<f64>,
    /// Of the call: the way back.
    #[serde(default)]
    reverse: bool,
    /// Not supported; there to be refused.
    #[serde(default)]
    lora_rank: Value,
    /// Not supported; there to be refused.
    #[serde(default)]
    lora_alpha: Value,
    /// Not supported; there to be refused.
    #[serde(default)]
    quantization_config: Value,
}

fn uniform() -> Initializer {
    Initializer::RandomUniform(Uniform::default())
}

fn yes() -> bool {
    true
}

impl<const REVERSIBLE: bool> Configured for Embedding<REVERSIBLE> {
    fn validate(&self) -> Result<()> {
        for (name, size) in [
            ("input_dim", self.input_dim),
            ("output_dim", self.output_dim),
        ] {
            if size == 0 {
                return Err(Error::config(format!("`{name}` of at least 1"), "0"));
            }
        }
        if self.logit_soft_cap.is_some_and(|cap| cap <= 0.0) {
            let got = format!("{:?}", self.logit_soft_cap);
            return Err(Error::config("`logit_soft_cap` above 0", got));
        }
        let unsupported = [
            ("lora_rank", &self.lora_rank),
            ("lora_alpha", &self.lora_alpha),
            ("quantization_config", &self.quantization_config),
        ];
        match unsupported.into_iter().find(|(_, value)| !value.is_null()) {
            Some((name, value)) => Err(Error::config(
                format!("`{name}` to be None, the only choice yet"),
                value.to_string(),
            )),
            None => Ok(()),
        }
    }
}

impl<F: Real, const REVERSIBLE: bool> Layer<F> for Embedding<REVERSIBLE> {
    fn kind(&self) -> &'static str {
        if REVERSIBLE {
            "ReversibleEmbedding"
        } else {
            "Embedding"
        }
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        if self.input_dim as u64 > F::MAX_INTEGER {
            let most = format!(
                "`input_dim` of at most {}, the ids {} holds exactly",
                F::MAX_INTEGER,
                F::DTYPE
            );
            return Err(Error::config(most, self.input_dim.to_string())
                .remedy("Take dtype=\"float64\" or fewer ids."));
        }
        let mut axes = only_input(inputs)?.axes().to_vec();
        if self.reverse {
            if axes.len() < 2 || axes.pop() != Some(Some(self.output_dim)) {
                let expected = format!("vectors of {} numbers in the last axis", self.output_dim);
                return Err(Error::shape(expected, format!("shape {}", inputs[0])));
            }
            axes.push(Some(self.input_dim));
            return Ok(vec![Shape::new(axes)]);
        }
        axes.push(Some(self.output_dim));
        Ok(vec![Shape::new(axes)])
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<ParamSpec>> {
        let shape = [self.input_dim, self.output_dim];
        let embeddings = ParamSpec::trainable("embeddings", &shape, &self.embeddings_initializer);
        let mut params = vec![
            embeddings
                .regularized(&self.embeddings_regularizer)
                .constrained(&self.embeddings_constraint),
        ];
        if !self.tie_weights {
            let shape = [self.output_dim, self.input_dim];
            let initializer = &self.embeddings_initializer;
            params.push(ParamSpec::trainable(
                "reverse_embeddings",
                &shape,
                initializer,
            ));
        }
        Ok(params)
    }

    fn scratch(&self, _: &[Shape], mode: Mode) -> Result<Scratch> {
        Ok(Scratch {
            reads_inputs: mode.backward,
            reads_outputs: self.reverse && self.logit_soft_cap.is_some(),
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, inputs: &[Shape], _: &[bool]) -> MaskRule {
        match self.mask_zero && !self.reverse {
            true => MaskRule::Compute(inputs[0].clone()),
            false => MaskRule::None,
        }
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        if self.reverse {
            self.reverse_forward(&mut cx);
            return Ok(());
        }
        let ids = cx.input(0);
        if let Some((position, id)) = first_bad_id(ids, self.input_dim) {
            let place = place(position, cx.input_shape(0));
            let range = format!("ids from 0 to {}", self.input_dim - 1);
            return Err(Error::data(range, format!("{id} at {place} of the batch"))
                .remedy("`input_dim` is the largest id plus 1."));
        }
        gather(cx.param(0), self.output_dim, ids, cx.output(0));
        if self.mask_zero {
            let mask = cx.output_mask().iter_mut().zip(ids);
            mask.for_each(|(m, &id)| *m = if id == F::ZERO { F::ZERO } else { F::ONE });
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if self.reverse {
            self.reverse_backward(&mut cx);
            return Ok(());
        }
        if !self.tie_weights
            && let Some(mut grad) = cx.grad_param(1)
        {
            grad.clear();
        }
        // Ids are discrete: nothing flows to them.
        if let Some(mut grad) = cx.grad_input(0) {
            grad.clear();
        }
        if let (Some(grad_output), Some(mut grad)) = (cx.grad_output_mut(0), cx.grad_param(0)) {
            grad.clear();
            scatter_add(cx.input(0), grad_output, self.output_dim, grad.values);
        }
        Ok(())
    }
}

/// Where element `position` of a tensor of these sizes stands: `(2, 5)`.
fn place(mut position: usize, sizes: &[usize]) -> Shape {
    let mut place = vec![0; sizes.len()];
    for (index, &size) in place.iter_mut().zip(sizes).rev() {
        *index = position % size.max(1);
        position /= size.max(1);
    }
    Shape::known(&place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layers::create;
    use crate::testing::{Array, Case, check_gradients};

    fn case(ids: &[f64]) -> Case {
        Case {
            kind: "Embedding",
            config: json!({"input_dim": 3, "output_dim": 2, "mask_zero": true}),
            inputs: vec![Array::new(&[2, ids.len() / 2], ids)],
            weights: vec![vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0]],
            discrete: true,
            ..Case::default()
        }
    }

    #[test]
    fn each_id_becomes_its_row() {
        let output = &case(&[2.0, 0.0, 1.0, 1.0]).outputs::<f32>().unwrap()[0];
        assert_eq!(output.shape, [2, 2, 2]);
        assert_eq!(
            output.values,
            [20.0, 21.0, 0.0, 1.0, 10.0, 11.0, 10.0, 11.0]
        );
    }

    #[test]
    fn the_way_back_is_a_product_with_the_table() {
        for (config, weights) in [
            (
                json!({"input_dim": 3, "output_dim": 2}),
                vec![vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0]],
            ),
            (
                json!({"input_dim": 3, "output_dim": 2, "tie_weights": false, "logit_soft_cap": 30.0}),
                vec![vec![0.0; 6], vec![0.0, 10.0, 20.0, 1.0, 11.0, 21.0]],
            ),
        ] {
            let case = Case {
                kind: "ReversibleEmbedding",
                config,
                call: Some(json!({"reverse": true})),
                inputs: vec![Array::new(&[1, 2], &[1.0, 2.0])],
                weights,
                ..Case::default()
            };
            let y = &case.outputs::<f64>().unwrap()[0].values;
            let capped = |logit: f64| 30.0 * (logit / 30.0).tanh();
            let plain = case.weights.len() == 1;
            let expected = [2.0, 32.0, 62.0].map(|logit| if plain { logit } else { capped(logit) });
            crate::testing::assert_close::<f64>(y, &expected, 1e-12);
            check_gradients(&case);
        }
    }

    #[test]
    fn gradients_of_repeated_ids_add_up() {
        check_gradients(&case(&[2.0, 0.0, 2.0, 2.0, 1.0, 0.0]));
    }

    #[test]
    fn an_id_out_of_range_is_named_with_its_place() {
        assert_eq!(
            case(&[2.0, 0.0, 1.0, 3.0]).error(),
            "Embedding \"embedding\": expected ids from 0 to 2, got 3 at (1, 1) of the batch. \
             `input_dim` is the largest id plus 1."
        );
        assert!(case(&[-1.0, 0.0]).error().contains("got -1 at (0, 0)"));
        assert!(case(&[0.0, f64::NAN]).error().contains("got NaN at (1, 0)"));
    }

    #[test]
    fn mask_zero_marks_the_padding() {
        let layer = create::<f32>("Embedding", &case(&[]).config).unwrap();
        let ids = Shape::from([None, Some(4)]);
        let rule = layer.mask_rule(std::slice::from_ref(&ids), &[false]);
        assert_eq!(rule, MaskRule::Compute(ids));
    }

    #[test]
    fn tables_beyond_exact_ids_are_refused() {
        let config = json!({"input_dim": (1_u64 << 24) + 1, "output_dim": 2});
        let ids = [Shape::from([None])];
        let error = create::<f32>("Embedding", &config)
            .unwrap()
            .output_shapes(&ids)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected `input_dim` of at most 16777216, the ids float32 holds exactly, got 16777217. \
             Take dtype=\"float64\" or fewer ids."
        );
        assert!(
            create::<f64>("Embedding", &config)
                .unwrap()
                .output_shapes(&ids)
                .is_ok()
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let error = |config| create::<f32>("Embedding", &config).unwrap_err().to_string();
        assert_eq!(
            error(json!({"input_dim": 0, "output_dim": 2})),
            "expected `input_dim` of at least 1, got 0"
        );
        assert_eq!(
            error(json!({"input_dim": 3, "output_dim": 2, "lora_rank": 4})),
            "expected `lora_rank` to be None, the only choice yet, got 4"
        );
    }
}
