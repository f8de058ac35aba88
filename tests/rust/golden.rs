//! Layers against what real Keras computes: `tests/golden/README.md` describes the files.

use std::path::Path;
use std::sync::Arc;

use lamina::Real;
use lamina::error::Result;
use lamina::graph::{Graph, GraphSpec, NodeSpec};
use lamina::layers::KINDS;
use lamina::named_layer::NamedLayer;
use lamina::param::Role;
use lamina::runner::Runner;
use lamina::testing::Array;
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// Options of Keras that lamina refuses so far.
const REFUSED: &[&str] = &[
    "batch_normalization_renorm_inference",
    "batch_normalization_renorm_training",
    "mha_sliding_window",
    "mha_use_gate",
];

/// The cases of one file and the numbers they point to.
struct Family {
    cases: Vec<Value>,
    float64: Vec<f64>,
    int64: Vec<f64>,
    bool: Vec<f64>,
}

impl Family {
    fn load(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let cases = &header.metadata().as_ref().unwrap()["cases"];
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let words = |name| {
            let (words, _) = file.tensor(name).unwrap().data().as_chunks::<8>();
            words
        };
        Self {
            cases: serde_json::from_str(cases).unwrap(),
            float64: words("float64")
                .iter()
                .map(|&b| f64::from_le_bytes(b))
                .collect(),
            int64: words("int64")
                .iter()
                .map(|&b| i64::from_le_bytes(b) as f64)
                .collect(),
            bool: file
                .tensor("bool")
                .unwrap()
                .data()
                .iter()
                .map(|&b| f64::from(b))
                .collect(),
        }
    }

    /// The array at `[dtype, start, shape]`, and whether it holds floats.
    fn array(&self, place: &Value) -> (Array, bool) {
        let pool = match place[0].as_str() {
            Some("float64") => &self.float64,
            Some("int64") => &self.int64,
            _ => &self.bool,
        };
        let shape: Vec<usize> = serde_json::from_value(place[2].clone()).unwrap();
        let start = place[1].as_u64().unwrap() as usize;
        let len = shape.iter().product::<usize>();
        (
            Array::new(&shape, &pool[start..start + len]),
            place[0] == "float64",
        )
    }

    /// The arrays of a role, whether it is one array or a list; none if the case has no such role.
    fn arrays(&self, case: &Value, role: &str) -> Vec<(Array, bool)> {
        let places = &case["tensors"][role];
        match places.as_array() {
            Some(list) if list.first().is_some_and(Value::is_string) => vec![self.array(places)],
            Some(list) => list.iter().map(|place| self.array(place)).collect(),
            None => Vec::new(),
        }
    }
}

/// The layer(s) of a case, called once, and the data of the call.
struct Called<F: Real> {
    layers: Vec<Arc<NamedLayer<F>>>,
    runner: Runner<F>,
    data: Vec<(Vec<usize>, Vec<F>)>,
}

fn values<F: Real>(array: &Array) -> Vec<F> {
    array.values.iter().map(|&v| F::of(v)).collect()
}

/// Class names and configurations of the layers of a case, outermost first.
fn parts(case: &Value) -> Vec<(String, Value)> {
    let part = |kind: &Value, config: &Value| (kind.as_str().unwrap().to_owned(), config.clone());
    match case["config"]["layers"].as_array() {
        Some(layers) => layers
            .iter()
            .map(|l| part(&l["class_name"], &l["config"]))
            .collect(),
        None => vec![part(&case["kind"], &case["config"])],
    }
}

fn call<F: Real>(family: &Family, case: &Value) -> Result<Called<F>> {
    let mut layers = Vec::new();
    for (i, (kind, mut config)) in parts(case).into_iter().enumerate() {
        let trainable = config
            .as_object_mut()
            .and_then(|fields| fields.remove("trainable"));
        let layer = NamedLayer::<F>::new(&kind, &format!("layer_{i}"), config, None)?;
        layer.set_trainable(trainable != Some(json!(false)));
        layers.push(Arc::new(layer));
    }
    let chain = layers.len();
    let mut spec = GraphSpec::default();
    let mut data = Vec::new();
    let mut add_input = |array: &Array,
                         layers: &mut Vec<Arc<NamedLayer<F>>>,
                         spec: &mut GraphSpec|
     -> Result<usize> {
        let node = spec.nodes.len();
        let config = json!({"shape": array.shape});
        layers.push(Arc::new(NamedLayer::new(
            "InputLayer",
            &format!("input_{node}"),
            config,
            None,
        )?));
        spec.nodes.push(NodeSpec {
            layer: layers.len() - 1,
            ..NodeSpec::default()
        });
        spec.inputs.push(node);
        data.push((array.shape.clone(), values(array)));
        Ok(node)
    };
    let mut inputs = family.arrays(case, "inputs");
    if case["stateful_calls"] == true {
        inputs.truncate(1);
    }
    let states = family.arrays(case, "initial_state");
    // To a Softmax the mask is an input like others: it has the axes of the numbers.
    let is_softmax = case["kind"] == "Softmax";
    let softmax_mask = family.arrays(case, "mask");
    let softmax_mask = softmax_mask.iter().filter(|_| is_softmax);
    let arguments = inputs.iter().chain(&states).chain(softmax_mask);
    let arguments: Vec<(usize, usize)> = arguments
        .map(|(array, _)| Ok((add_input(array, &mut layers, &mut spec)?, 0)))
        .collect::<Result<_>>()?;
    let mut masks = Vec::new();
    for role in ["mask", "query_mask", "value_mask", "key_mask"] {
        // Keras 3.15 takes the query's mask from the tensor alone; the argument has no effect.
        let given = family.arrays(case, role);
        match given
            .first()
            .filter(|_| role != "query_mask" && !is_softmax)
        {
            Some((array, _)) => masks.push(Some((add_input(array, &mut layers, &mut spec)?, 0))),
            None if role != "mask" || case["kind"] != "MultiHeadAttention" => masks.push(None),
            None => {}
        }
    }
    masks.truncate(arguments.len());
    let mut options = case["call"].as_object().cloned().unwrap_or_default();
    if !states.is_empty() {
        options.insert("num_states".into(), json!(states.len()));
    }
    let mut before = arguments;
    if case["kind"] == "MultiHeadAttention" {
        options.insert("has_key".into(), json!(before.len() > 2));
        if let Some((mask, _)) = family.arrays(case, "attention_mask").first() {
            options.insert("has_attention_mask".into(), json!(true));
            before.push((add_input(mask, &mut layers, &mut spec)?, 0));
            masks.resize(before.len(), None);
        }
    }
    for i in 0..chain {
        let given = i == 0 && masks.iter().any(Option::is_some);
        spec.nodes.push(NodeSpec {
            layer: i,
            inputs: std::mem::replace(&mut before, vec![(spec.nodes.len(), 0)]),
            masks: given.then(|| masks.clone()),
            call: (!options.is_empty()).then(|| Value::Object(options.clone())),
            training: None,
        });
    }
    let last = before[0].0;
    spec.outputs.push((last, 0));
    let outputs = Graph::new(layers.clone(), &spec, 1)?
        .call(last)
        .outputs
        .len();
    spec.outputs = (0..outputs).map(|o| (last, o)).collect();
    let graph = Graph::new(layers.clone(), &spec, 1)?;
    layers.truncate(chain);
    set_weights(family, case, &layers)?;
    Ok(Called {
        layers,
        runner: Runner::new(graph, 1)?,
        data,
    })
}

/// The weights of a role in the engine's order: that of Keras, but for a wrapper's own weight, which goes last.
fn weights_of(family: &Family, case: &Value, role: &str) -> Vec<(Array, bool)> {
    let mut weights = family.arrays(case, role);
    if case["kind"] == "SpectralNormalization" && weights.len() > 1 {
        let vector = weights.remove(1);
        weights.push(vector);
    }
    weights
}

/// Sets the weights in `get_weights()` order; states of stateful layers, which the files leave out, stay zero.
fn set_weights<F: Real>(
    family: &Family,
    case: &Value,
    layers: &[Arc<NamedLayer<F>>],
) -> Result<()> {
    let mut weights = weights_of(family, case, "weights").into_iter();
    for variables in layers.iter().filter_map(|layer| layer.variables()) {
        for (i, spec) in variables.specs().iter().enumerate() {
            if case["stateful_calls"] == true && spec.role == Role::State {
                continue;
            }
            let (weight, _) = weights.next().expect("as many weights as Keras has");
            variables.set(i, &weight.shape, &values::<F>(&weight))?;
        }
    }
    assert!(weights.next().is_none(), "Keras has more weights");
    Ok(())
}

/// Collects the places where numbers differ from Keras's.
struct Comparison {
    tolerance: f64,
    differences: Vec<String>,
}

impl Comparison {
    fn compare<F: Real>(&mut self, what: &str, got: Option<&[F]>, expected: &Array) {
        let Some(got) = got.filter(|got| got.len() == expected.values.len()) else {
            let sizes = (got.map(<[F]>::len), &expected.shape);
            return self
                .differences
                .push(format!("{what}: {sizes:?} (got, expected shape)"));
        };
        let scale = expected
            .values
            .iter()
            .filter(|v| v.is_finite())
            .fold(1.0_f64, |a, v| a.max(v.abs()));
        let error = |(got, expected): (&F, &f64)| match got.f64() {
            g if g == *expected => 0.0,
            g => (g - expected).abs() / scale,
        };
        let worst = got
            .iter()
            .zip(&expected.values)
            .map(error)
            .fold(0.0, |a: f64, e| if e.is_nan() { e } else { a.max(e) });
        if worst.is_nan() || worst > self.tolerance {
            self.differences.push(format!("{what}: off by {worst:.1e}"));
        }
    }
}

fn differences<F: Real>(family: &Family, case: &Value) -> Result<Vec<String>> {
    let mut called = call::<F>(family, case)?;
    let size = called
        .data
        .iter()
        .flat_map(|(_, v)| v)
        .map(|v| v.f64().abs())
        .filter(|v| v.is_finite())
        .fold(1.0, f64::max);
    let exact = if F::EPSILON.f64() < 1e-10 {
        1e-9
    } else {
        2e-5 * size
    };
    let tolerance = exact.max(case["tolerance"].as_f64().unwrap_or(0.0));
    let mut comparison = Comparison {
        tolerance,
        differences: Vec::new(),
    };
    let training = case["training"] == true;
    let expected = family.arrays(case, "outputs");
    if case["stateful_calls"] == true {
        for (i, (input, _)) in family.arrays(case, "inputs").iter().enumerate() {
            if i == 2 {
                called.layers[0].reset_state()?;
            }
            let outputs = called
                .runner
                .predict(&[(&input.shape, &values(input))], false)?;
            comparison.compare(&format!("call {i}"), Some(&outputs[0].1), &expected[i].0);
        }
        return Ok(comparison.differences);
    }
    let data: Vec<(&[usize], &[F])> = called
        .data
        .iter()
        .map(|(s, v)| (s.as_slice(), v.as_slice()))
        .collect();
    let outputs = called.runner.predict(&data, training)?;
    for (i, (array, _)) in expected.iter().enumerate() {
        let output = outputs.get(i).filter(|(shape, _)| *shape == array.shape);
        comparison.compare(
            &format!("output {i}"),
            output.map(|(_, v)| v.as_slice()),
            array,
        );
    }
    let updated = weights_of(family, case, "updated_weights");
    let kept = called.layers.iter().filter_map(|layer| layer.variables());
    let kept = kept.flat_map(|v| (0..v.specs().len()).map(move |i| v.get(i)));
    for (i, (weight, (expected, _))) in kept.zip(&updated).enumerate() {
        comparison.compare(&format!("updated weight {i}"), Some(&weight?), expected);
    }
    let cotangents = family.arrays(case, "cotangents");
    if cotangents.is_empty() {
        return Ok(comparison.differences);
    }
    set_weights(family, case, &called.layers)?; // training has moved the statistics
    let cotangents: Vec<Option<Vec<F>>> = cotangents.iter().map(|(c, _)| Some(values(c))).collect();
    let gradients = called.runner.gradients(&data, &cotangents, training)?;
    comparison.tolerance *= 10.0;
    let inputs = [
        family.arrays(case, "inputs"),
        family.arrays(case, "initial_state"),
    ]
    .concat();
    let mut expected = [
        family.arrays(case, "grad_inputs"),
        family.arrays(case, "grad_initial_state"),
    ]
    .concat()
    .into_iter();
    for (i, _) in inputs.iter().enumerate().filter(|(_, (_, floats))| *floats) {
        let (expected, _) = expected.next().unwrap();
        let given = gradients.inputs[i].as_deref();
        let zeros = vec![F::ZERO; expected.values.len()];
        comparison.compare(
            &format!("gradient of input {i}"),
            Some(given.unwrap_or(&zeros)),
            &expected,
        );
    }
    let weights = gradients
        .weights
        .iter()
        .take(called.layers.len())
        .zip(&called.layers);
    let mut expected = family.arrays(case, "grad_weights").into_iter();
    for (grads, layer) in weights.filter(|(_, layer)| layer.trainable()) {
        let specs = layer.variables().map_or(&[][..], |v| v.specs());
        for (grad, spec) in grads
            .iter()
            .zip(specs)
            .filter(|(_, spec)| spec.role == Role::Trainable)
        {
            let (expected, _) = expected
                .next()
                .expect("a gradient for each trainable weight");
            comparison.compare(
                &format!("gradient of {}", spec.name),
                grad.as_deref(),
                &expected,
            );
        }
    }
    Ok(comparison.differences)
}

fn check(name: &str) {
    let family = Family::load(name);
    let mut wrong = Vec::new();
    for case in &family.cases {
        let label = case["name"].as_str().unwrap();
        if REFUSED.contains(&label)
            || parts(case)
                .iter()
                .any(|(kind, _)| !KINDS.contains(&kind.as_str()))
        {
            continue;
        }
        for (dtype, result) in [
            ("f64", differences::<f64>(&family, case)),
            ("f32", differences::<f32>(&family, case)),
        ] {
            match result {
                Ok(differences) => wrong.extend(
                    differences
                        .iter()
                        .map(|d| format!("{label} ({dtype}): {d}")),
                ),
                Err(error) => wrong.push(format!("{label} ({dtype}): {error}")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences from Keras:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn core_layers_agree_with_keras() {
    check("layers_core");
}

#[test]
fn recurrent_layers_agree_with_keras() {
    check("layers_recurrent");
}

#[test]
fn convolutions_and_poolings_agree_with_keras() {
    check("layers_convolution");
}

#[test]
fn other_convolutions_agree_with_keras() {
    check("layers_convolution_more");
}

#[test]
fn normalizations_agree_with_keras() {
    check("layers_normalization");
}

#[test]
fn other_normalizations_agree_with_keras() {
    check("layers_normalization_more");
}

#[test]
fn attention_agrees_with_keras() {
    check("layers_attention");
}

#[test]
fn elementwise_layers_agree_with_keras() {
    check("layers_elementwise");
}

#[test]
fn layers_over_space_agree_with_keras() {
    check("layers_space");
}
