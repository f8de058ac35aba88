//! A layer with its name and weights: what models share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::layers::create;
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;
use crate::variables::Variables;

/// A layer, its name, and — once built — its weights.
#[derive(Debug)]
pub struct NamedLayer<F> {
    name: String,
    config: Value,
    layer: Arc<dyn Layer<F>>,
    activity_regularizer: Option<Regularizer>,
    trainable: AtomicBool,
    variables: OnceLock<Arc<Variables<F>>>,
}

impl<F: Real> NamedLayer<F> {
    /// The layer of this kind and configuration.
    pub fn new(
        kind: &str,
        name: &str,
        config: Value,
        activity_regularizer: Option<Regularizer>,
    ) -> Result<Self> {
        let layer = create(kind, &config).map_err(|e| e.at(format!("{kind} \"{name}\"")))?;
        Ok(Self {
            name: name.to_owned(),
            config,
            layer,
            activity_regularizer,
            trainable: AtomicBool::new(true),
            variables: OnceLock::new(),
        })
    }

    /// The user's name of the layer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layer as errors name it: `Dense "dense_1"`.
    pub fn place(&self) -> String {
        format!("{} \"{}\"", self.layer.kind(), self.name)
    }

    /// The penalty on the layer's outputs.
    pub fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    /// The maths for a call with these options: fields of the configuration that belong to a call, not to the layer.
    pub fn layer_for(&self, call: Option<&Value>) -> Result<Arc<dyn Layer<F>>> {
        let Some(Value::Object(options)) = call else {
            return Ok(Arc::clone(&self.layer));
        };
        let mut config = self.config.clone();
        if let Value::Object(fields) = &mut config {
            fields.extend(options.clone());
        }
        create(self.layer.kind(), &config).map_err(|e| e.at(self.place()))
    }

    /// The shapes of the outputs for these inputs, all as the user sees them.
    pub fn output_shapes(&self, inputs: &[Shape], call: Option<&Value>) -> Result<Vec<Shape>> {
        let layer = self.layer_for(call)?;
        let place = |e| refusal(&*layer, inputs, e).at(self.place());
        let outputs = layer
            .output_shapes(&channels_last(&*layer, inputs))
            .map_err(place)?;
        let as_given = |shape: Shape| match layer.channel_axis(shape.rank()) {
            Some(axis) => shape.moved_from_end(axis),
            None => shape,
        };
        Ok(outputs.into_iter().map(as_given).collect())
    }

    /// Makes and initialises the weights; if they exist, checks that they fit these inputs.
    pub fn build(
        &self,
        inputs: &[Shape],
        call: Option<&Value>,
        seed: u64,
    ) -> Result<&Arc<Variables<F>>> {
        let place = |e: Error| e.at(self.place());
        let outputs = self.output_shapes(inputs, call)?;
        if let (Some(regularizer), Some(output)) = (&self.activity_regularizer, outputs.first()) {
            regularizer.check(output.rank()).map_err(place)?;
        }
        let layer = self.layer_for(call)?;
        let specs = layer
            .params(&channels_last(&*layer, inputs))
            .map_err(place)?;
        for spec in &specs {
            if let Some(regularizer) = &spec.regularizer {
                let place = |e: Error| e.at(format!("{}, {}", self.place(), spec.name));
                regularizer.check(spec.shape.len()).map_err(place)?;
            }
        }
        if let Some(variables) = self.variables.get() {
            check_same(variables.specs(), &specs).map_err(place)?;
            return Ok(variables);
        }
        let variables = Variables::new(specs, seed).map_err(place)?;
        Ok(self.variables.get_or_init(|| variables))
    }

    /// Whether the weights are learned.
    pub fn trainable(&self) -> bool {
        self.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or thaws the weights.
    pub fn set_trainable(&self, trainable: bool) {
        self.trainable.store(trainable, Ordering::Relaxed);
    }

    /// Sets the states of a stateful layer to zero; leaves other layers alone.
    pub fn reset_state(&self) -> Result<()> {
        match self.variables() {
            Some(variables) if self.layer.is_stateful() => variables.clear_states(),
            _ => Ok(()),
        }
    }

    /// The weights, if built.
    pub fn variables(&self) -> Option<&Arc<Variables<F>>> {
        self.variables.get()
    }
}

/// The shapes of a layer's inputs as its maths has them.
fn channels_last<F: Real>(layer: &dyn Layer<F>, inputs: &[Shape]) -> Vec<Shape> {
    let shape = |input: &Shape| match layer.channel_axis(input.rank()) {
        Some(axis) => input.clone().moved_to_end(axis),
        None => input.clone(),
    };
    inputs.iter().map(shape).collect()
}

/// The error of a layer, with a word on where the channels went if it has them first.
pub(crate) fn refusal<F: Real>(layer: &dyn Layer<F>, inputs: &[Shape], error: Error) -> Error {
    let moved = inputs
        .iter()
        .find_map(|input| layer.channel_axis(input.rank()));
    match (error, moved) {
        (error @ Error::Shape(_), Some(axis)) => error.got_also(&format!(
            " once axis {axis}, the channels, is moved to the end"
        )),
        (error, _) => error,
    }
}

fn check_same(built: &[ParamSpec], wanted: &[ParamSpec]) -> Result<()> {
    for (built, wanted) in built.iter().zip(wanted) {
        if built.shape != wanted.shape {
            return Err(Error::shape(
                format!(
                    "an input that fits weight \"{}\" of shape {}",
                    built.name,
                    Shape::known(&built.shape)
                ),
                format!("one that needs shape {}", Shape::known(&wanted.shape)),
            )
            .remedy(
                "A layer keeps the weights of its first call; use another layer for other inputs.",
            ));
        }
    }
    Ok(())
}
