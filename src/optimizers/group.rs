//! The optimizers of a model: mostly one, several under `MultiOptimizer`, each over its share of the weights.
//!
//! All weights and gradients lie in one buffer each; an optimizer goes over the ranges that are its own.

use serde::Deserialize;
use serde_json::Value;

use super::lbfgs::{Evaluate, Search};
use super::state::{OptimizerState, Segment, StateTensor};
use super::{KNOWN, MULTI};
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::real::Real;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    optimizers: Vec<Value>,
    /// For each weight of each layer the number of its optimizer; the first where there is none.
    #[serde(default)]
    choices: Vec<Vec<usize>>,
    #[serde(default)]
    loss_scale_factor: Option<f64>,
}

/// One optimizer and its weights.
#[derive(Debug)]
struct Part<F> {
    state: OptimizerState<F>,
    segments: Vec<Segment>,
}

/// Optimizers at work.
#[derive(Debug)]
pub struct Optimizers<F> {
    parts: Vec<Part<F>>,
    choices: Vec<Vec<usize>>,
    /// What an optimizer remembers whose steps are searches; it is alone.
    search: Option<Search<F>>,
}

impl<F: Real> Optimizers<F> {
    /// Reads a name or a Keras config, for these weights. What is remembered is at its start.
    pub fn from_config(value: &Value, segments: &[Segment]) -> Result<Self> {
        let mut id = Identifier::parse("optimizer", value, KNOWN)?;
        let fields = if id.class_name == MULTI {
            id.take_string("name")?;
            id.fields()?
        } else {
            Fields {
                optimizers: vec![value.clone()],
                ..Fields::default()
            }
        };
        let count = fields.optimizers.len();
        if let Some(&wrong) = fields.choices.iter().flatten().find(|&&part| part >= count) {
            let expected = format!("choices among {count} optimizers");
            return Err(Error::config(expected, format!("the number {wrong}")).at(MULTI));
        }
        let mut parts = Vec::with_capacity(count);
        for (part, config) in fields.optimizers.iter().enumerate() {
            let segments = share(segments, &fields.choices, part);
            let mut state = OptimizerState::from_config(config, &segments)?;
            if id.class_name == MULTI {
                state.set_loss_scale_factor(fields.loss_scale_factor)?;
            }
            parts.push(Part { state, segments });
        }
        let rule = parts.iter().find_map(|part| part.state.search());
        if rule.is_some() && id.class_name == MULTI {
            return Err(Error::config("optimizers of single steps inside", "LBFGS").at(MULTI));
        }
        Ok(Self {
            parts,
            choices: fields.choices,
            search: rule.map(|rule| Search::new(rule, segments)).transpose()?,
        })
    }

    /// Finds the weights it was made for in new places.
    pub fn place(&mut self, segments: &[Segment]) {
        for (i, part) in self.parts.iter_mut().enumerate() {
            part.segments = share(segments, &self.choices, i);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Optimizer `part`.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn part(&self, part: usize) -> Result<&OptimizerState<F>> {
        let count = self.len();
        let found = self.parts.get(part);
        found.map_or_else(|| Err(none(part, count)), |part| Ok(&part.state))
    }

    /// Optimizer `part`, to change.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn part_mut(&mut self, part: usize) -> Result<&mut OptimizerState<F>> {
        let count = self.len();
        let found = self.parts.get_mut(part);
        found.map_or_else(|| Err(none(part, count)), |part| Ok(&mut part.state))
    }

    /// The number of steps made, those included that only accumulated gradients.
    pub fn steps(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.state.steps())
    }

    /// Sets the number of steps made, to go on from a checkpoint.
    pub fn set_steps(&mut self, steps: u64) {
        for part in &mut self.parts {
            part.state.set_steps(steps);
        }
    }

    /// What the loss is to be multiplied by before the gradient is taken.
    pub fn loss_scale(&self) -> f64 {
        self.parts
            .first()
            .map_or(1.0, |part| part.state.loss_scale())
    }

    /// One step, where the loss was `loss`; `grads` is used up.
    ///
    /// # Errors
    /// An optimizer that needs the loss, or evaluates it, and cannot.
    pub fn apply(&mut self, values: &mut [F], grads: &mut [F], loss: Option<f64>) -> Result<()> {
        if self.search.is_some() {
            return Err(Error::config("a loss to evaluate", "gradients alone")
                .remedy("Compile a model with it and call fit.")
                .at("LBFGS"));
        }
        self.parts
            .iter_mut()
            .try_for_each(|part| part.state.apply(values, grads, &part.segments, loss))
    }

    /// Whether a step is a search, which evaluates the loss several times.
    pub fn searches(&self) -> bool {
        self.search.is_some()
    }

    /// One step that is a search, from weights with this loss and these gradients.
    ///
    /// # Errors
    /// Those of `evaluate`; the weights are as before then.
    pub fn search(
        &mut self,
        values: &mut [F],
        grads: &mut [F],
        loss: f64,
        evaluate: &mut Evaluate<'_, F>,
    ) -> Result<()> {
        if let (Some(search), [part]) = (&mut self.search, &mut self.parts[..]) {
            let rate = part.state.learning_rate();
            search.step(values, grads, &part.segments, (loss, rate), evaluate)?;
            part.state.count();
        }
        Ok(())
    }

    /// Exchanges weights and their moving averages, where such are kept; whether the weights are the averages then.
    ///
    /// # Errors
    /// If no optimizer keeps any.
    pub fn swap_averages(&mut self, values: &mut [F]) -> Result<bool> {
        let averaging = self.parts.iter().any(|part| part.state.settings().use_ema);
        let mut swapped = false;
        for part in &mut self.parts {
            if part.state.settings().use_ema || !averaging {
                swapped = part.state.swap_averages(values, &part.segments)?;
            }
        }
        Ok(swapped)
    }

    /// The end of training: weights become their averages, if there are any.
    ///
    /// # Errors
    /// Never, for the weights it was made for.
    pub fn finalize(&mut self, values: &mut [F]) -> Result<()> {
        self.parts
            .iter_mut()
            .try_for_each(|part| part.state.finalize(values, &part.segments))
    }

    /// Everything remembered but the number of steps and the learning rates, optimizer by optimizer in the order of the
    /// weights, and named after them (`"dense/kernel/momentum"`).
    ///
    /// # Errors
    /// Never, for the weights it was made for.
    pub fn export(&self) -> Result<Vec<StateTensor<F>>> {
        let parts = self.parts.iter();
        let tensors = parts.map(|part| part.state.export(&part.segments));
        let mut tensors = tensors.collect::<Result<Vec<_>>>()?.concat();
        tensors.extend(self.search.iter().flat_map(Search::export));
        Ok(tensors)
    }

    /// Takes back what [`export`](Self::export) gave, bit for bit, in any order.
    ///
    /// # Errors
    /// If an array is missing, is of another shape, or there are others.
    pub fn import(&mut self, tensors: &[StateTensor<F>]) -> Result<()> {
        if let Some(search) = &mut self.search {
            return search.import(tensors);
        }
        let mut used = 0;
        let mut found = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let moves = part.state.find(&part.segments, tensors)?;
            used += moves.len();
            found.push(moves);
        }
        if used != tensors.len() {
            let got = tensors.len().to_string();
            return Err(Error::param(
                format!("{used} arrays of optimizer state"),
                got,
            ));
        }
        for (part, moves) in self.parts.iter_mut().zip(found) {
            part.state.take(moves);
        }
        Ok(())
    }
}

/// The weights of optimizer `part`.
fn share(segments: &[Segment], choices: &[Vec<usize>], part: usize) -> Vec<Segment> {
    let chosen = |segment: &&Segment| {
        let (layer, weight) = segment.owner;
        let choice = choices.get(layer).and_then(|layer| layer.get(weight));
        choice.copied().unwrap_or(0) == part
    };
    segments.iter().filter(chosen).cloned().collect()
}

fn none(part: usize, count: usize) -> Error {
    Error::config(
        format!("an optimizer below {count}"),
        format!("number {part}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn segment(layer: usize, name: &str, at: usize) -> Segment {
        Segment {
            name: name.into(),
            owner: (layer, 0),
            shape: vec![2],
            value: at,
            grad: at,
            constraint: None,
            decay: true,
        }
    }

    fn config(inside: &[Value], more: &Value) -> Value {
        let mut config = json!({"optimizers": inside, "choices": [[1], [0], [1]]});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        json!({"class_name": "MultiOptimizer", "config": config})
    }

    fn sgd(settings: Value) -> Value {
        json!({"class_name": "SGD", "config": settings})
    }

    #[test]
    fn each_optimizer_goes_over_its_own_ranges() {
        let segments = [segment(0, "a", 0), segment(1, "b", 2), segment(2, "c", 4)];
        let inside = [
            sgd(json!({"learning_rate": 1.0})),
            sgd(json!({"learning_rate": 10.0, "momentum": 0.5, "global_clipnorm": 2.0})),
        ];
        let mut both =
            Optimizers::<f64>::from_config(&config(&inside, &json!({})), &segments).unwrap();
        let mut values = [0.0; 6];
        both.apply(&mut values, &mut [1.0, 1.0, 1.0, 2.0, 1.0, 1.0], None)
            .unwrap();
        assert_eq!(values, [-10.0, -10.0, -1.0, -2.0, -10.0, -10.0]);
        both.apply(&mut values, &mut [2.0, 2.0, 0.0, 0.0, 2.0, 2.0], None)
            .unwrap(); // norm 4 is clipped to 2 among its own
        assert_eq!(values, [-25.0, -25.0, -1.0, -2.0, -25.0, -25.0]);
        let names: Vec<String> = both.export().unwrap().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["a/momentum", "c/momentum"]);
    }

    #[test]
    fn what_is_remembered_goes_back_to_its_optimizer() {
        let segments = [segment(0, "a", 0), segment(1, "b", 2), segment(2, "c", 4)];
        let inside = [json!("adam"), sgd(json!({"momentum": 0.5}))];
        let made = || Optimizers::<f64>::from_config(&config(&inside, &json!({})), &segments);
        let (mut one, mut other) = (made().unwrap(), made().unwrap());
        let mut values = [0.0; 6];
        let grads = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        one.apply(&mut values, &mut grads.clone(), None).unwrap();
        let mut state = one.export().unwrap();
        state.reverse();
        other.import(&state).unwrap();
        other.set_steps(one.steps());
        let mut copies = values;
        one.apply(&mut values, &mut grads.clone(), None).unwrap();
        other.apply(&mut copies, &mut grads.clone(), None).unwrap();
        assert_eq!(values, copies);
        let error = other.import(&state[1..]).unwrap_err().to_string();
        assert!(error.contains("expected the optimizer state"), "{error}");
        state.push(StateTensor {
            name: "d/momentum".into(),
            ..state[0].clone()
        });
        let error = other.import(&state).unwrap_err().to_string();
        assert_eq!(error, "expected 4 arrays of optimizer state, got 5");
    }

    #[test]
    fn one_loss_scale_holds_for_all() {
        let segments = [segment(0, "a", 0), segment(1, "b", 2)];
        let inside = [
            sgd(json!({"learning_rate": 1.0, "loss_scale_factor": 2.0})),
            sgd(json!({"learning_rate": 1.0})),
        ];
        let config = config(&inside, &json!({"loss_scale_factor": 4.0}));
        let mut both = Optimizers::<f64>::from_config(&config, &segments).unwrap();
        let mut values = [0.0; 4];
        both.apply(&mut values, &mut [4.0, 4.0, 8.0, 8.0], None)
            .unwrap();
        assert_eq!((both.loss_scale(), values), (4.0, [-1.0, -1.0, -2.0, -2.0]));
    }

    #[test]
    fn averages_are_swapped_where_there_are_some() {
        let segments = [segment(0, "a", 0), segment(1, "b", 2)];
        let averaging = sgd(json!({"learning_rate": 1.0, "use_ema": true, "ema_momentum": 0.5}));
        let inside = [sgd(json!({"learning_rate": 1.0})), averaging];
        let config = config(&inside, &json!({}));
        let mut both = Optimizers::<f64>::from_config(&config, &segments).unwrap();
        let mut values = [0.0; 4];
        for _ in 0..2 {
            both.apply(&mut values, &mut [1.0; 4], None).unwrap();
        }
        assert!(both.swap_averages(&mut values).unwrap());
        assert_eq!(values, [-1.5, -1.5, -2.0, -2.0]);
        both.finalize(&mut values).unwrap();
        assert_eq!(values, [-1.5, -1.5, -2.0, -2.0]);
        let plain = self::config(&[json!("sgd"), json!("sgd")], &json!({}));
        let mut plain = Optimizers::<f64>::from_config(&plain, &segments).unwrap();
        let error = plain.swap_averages(&mut values).unwrap_err();
        assert!(error.to_string().contains("use_ema=True"), "{error}");
    }

    #[test]
    fn optimizers_of_several_stay_outside() {
        let nested = config(
            &[json!("sgd"), json!({"class_name": "MultiOptimizer"})],
            &json!({}),
        );
        let error = Optimizers::<f64>::from_config(&nested, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected one optimizer, got MultiOptimizer. Use it alone, outside of others."
        );
    }
}
