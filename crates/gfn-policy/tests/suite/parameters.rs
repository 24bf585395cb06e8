//! Parameters by name: files, what is refused, and initial values.

use crate::common::{config, configs, drawn};
use burn::tensor::Device;
use gfn_env::{Hypergrid, Indexed, Streams};
use gfn_policy::{
    BackwardPolicy, MlpConfig, MlpFlowPolicy, MlpPolicy, NamedTensor, ParametersError,
    TabularFlowPolicy, Trunk, from_safetensors, named_parameters, to_safetensors, with_parameters,
};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

type Tensors = BTreeMap<String, NamedTensor>;

fn grid() -> Hypergrid {
    Hypergrid::new(2, 4).unwrap()
}

fn policy(config: &MlpConfig, seed: u64) -> MlpPolicy {
    MlpPolicy::new(config, &grid(), Streams::new(seed), &Device::flex())
}

fn bits(tensors: &Tensors) -> Vec<(&str, &[usize], Vec<u32>)> {
    tensors
        .iter()
        .map(|(name, t)| {
            let bits = t.values.iter().map(|v| v.to_bits()).collect();
            (name.as_str(), &t.shape[..], bits)
        })
        .collect()
}

#[test]
fn a_policy_survives_a_file_bit_for_bit() {
    let metadata = BTreeMap::from([("seed".to_owned(), "7".to_owned())]);
    for config in configs() {
        let saved = named_parameters(&drawn(policy(&config, 0), 1, 2.0));
        let bytes = to_safetensors(&saved, metadata.clone()).unwrap();
        let (read, found) = from_safetensors(&bytes).unwrap();
        assert_eq!(found, metadata);
        let loaded = with_parameters(policy(&config, 5), &read).unwrap();
        assert_eq!(bits(&named_parameters(&loaded)), bits(&saved));
    }
}

#[test]
fn special_values_survive_a_file() {
    let values = vec![f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0];
    let tensor = NamedTensor {
        shape: vec![2, 2],
        values,
    };
    let tensors = Tensors::from([("a".to_owned(), tensor)]);
    let bytes = to_safetensors(&tensors, BTreeMap::new()).unwrap();
    let (read, metadata) = from_safetensors(&bytes).unwrap();
    assert_eq!(bits(&read), bits(&tensors));
    assert!(metadata.is_empty());
}

#[test]
fn names_and_shapes_of_parameters_are_stable() {
    let names = |tensors: Tensors| -> Vec<String> {
        let names = tensors.iter();
        names
            .map(|(name, t)| format!("{name} {:?}", t.shape))
            .collect()
    };
    // 8 features, 3 actions, 2 backward actions, one flow.
    let shared = config(&[5], Trunk::Shared, BackwardPolicy::Learned);
    assert_eq!(
        names(named_parameters(&policy(&shared, 0))),
        [
            "forward.layers.0.bias [5]",
            "forward.layers.0.weight [8, 5]",
            "forward.layers.1.bias [5]",
            "forward.layers.1.weight [5, 5]",
            "log_z [1]",
        ]
    );
    let separate = config(&[5], Trunk::Separate, BackwardPolicy::Learned);
    let flows = MlpFlowPolicy::new(&separate, &grid(), Streams::new(0), &Device::flex());
    assert_eq!(
        names(named_parameters(&flows)),
        [
            "policy.backward.layers.0.bias [5]",
            "policy.backward.layers.0.weight [8, 5]",
            "policy.backward.layers.1.bias [2]",
            "policy.backward.layers.1.weight [5, 2]",
            "policy.flow.layers.0.bias [5]",
            "policy.flow.layers.0.weight [8, 5]",
            "policy.flow.layers.1.bias [1]",
            "policy.flow.layers.1.weight [5, 1]",
            "policy.forward.layers.0.bias [5]",
            "policy.forward.layers.0.weight [8, 5]",
            "policy.forward.layers.1.bias [3]",
            "policy.forward.layers.1.weight [5, 3]",
            "policy.log_z [1]",
        ]
    );
    let env = Indexed::new(grid(), 100).unwrap();
    let table = TabularFlowPolicy::new(&env, BackwardPolicy::Learned, &Device::flex());
    assert_eq!(
        names(named_parameters(&table)),
        [
            "log_flow [32]",
            "policy.backward [32, 2]",
            "policy.forward [32, 3]",
            "policy.log_z [1]",
        ]
    );
}

#[test]
fn parameters_of_another_policy_are_refused() {
    let config = &configs()[1];
    let good = named_parameters(&policy(config, 0));
    let refuse = |tensors: &Tensors| with_parameters(policy(config, 0), tensors).unwrap_err();

    let mut missing = good.clone();
    missing.remove("log_z");
    let error = refuse(&missing);
    assert!(
        matches!(&error, ParametersError::Missing(name) if name == "log_z"),
        "{error}"
    );
    assert!(error.to_string().contains("`log_z`"), "{error}");

    let mut unknown = good.clone();
    unknown.insert("forward.layers.9.bias".to_owned(), good["log_z"].clone());
    let error = refuse(&unknown);
    assert!(
        matches!(&error, ParametersError::Unknown(name) if name == "forward.layers.9.bias"),
        "{error}"
    );

    // As many values in another shape: what a transposed weight would be.
    let mut other = good.clone();
    let weight = other.get_mut("forward.layers.0.weight").unwrap();
    weight.shape.reverse();
    let error = refuse(&other);
    assert!(
        matches!(
            &error,
            ParametersError::Shape { name, expected, found }
                if name == "forward.layers.0.weight" && *expected == [8, 24] && *found == [24, 8]
        ),
        "{error}"
    );

    // A policy of another width, all of whose names are the same.
    let wider = config_wider(config);
    let error = refuse(&named_parameters(&policy(&wider, 0)));
    assert!(matches!(error, ParametersError::Shape { .. }), "{error}");
}

fn config_wider(config: &MlpConfig) -> MlpConfig {
    MlpConfig {
        hidden: config.hidden.iter().map(|w| w + 1).collect(),
        ..config.clone()
    }
}

#[test]
fn files_that_are_cut_short_or_foreign_are_refused() {
    let bytes = to_safetensors(
        &named_parameters(&policy(&configs()[0], 0)),
        BTreeMap::new(),
    )
    .unwrap();
    for n in [0, 4, 8, 40, bytes.len() / 2, bytes.len() - 1] {
        let error = from_safetensors(&bytes[..n]).unwrap_err();
        assert!(matches!(error, ParametersError::Format(_)), "{n}: {error}");
        assert!(
            error.to_string().contains("complete safetensors file"),
            "{error}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(from_safetensors(&longer).is_err());
    let error = from_safetensors(b"this is a text file, not tensors").unwrap_err();
    assert!(matches!(error, ParametersError::Format(_)), "{error}");

    let data = 1.5f64.to_le_bytes();
    let view = TensorView::new(Dtype::F64, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("log_z", view)], None).unwrap();
    let error = from_safetensors(&bytes).unwrap_err();
    assert!(
        matches!(&error, ParametersError::ElementType { name, found: Dtype::F64 } if name == "log_z"),
        "{error}"
    );
}

#[test]
fn initial_weights_are_a_function_of_the_seed() {
    for config in configs() {
        let a = named_parameters(&policy(&config, 3));
        assert_eq!(bits(&a), bits(&named_parameters(&policy(&config, 3))));
        let b = named_parameters(&policy(&config, 4));
        for (name, tensor) in &a {
            if name == "log_z" {
                assert_eq!(tensor.values, [0.75]);
                continue;
            }
            assert_ne!(tensor.values, b[name].values, "{name}");
            let inputs = a[&name.replace("bias", "weight")].shape[0];
            let bound = 1.0 / (inputs as f32).sqrt();
            let largest = tensor.values.iter().fold(0f32, |m, v| m.max(v.abs()));
            assert!(largest <= bound, "{name}: {largest} is above {bound}");
            let few = tensor.values.len() < 20;
            assert!(few || largest > 0.8 * bound, "{name}: {largest} {bound}");
        }
    }
}

#[test]
fn initial_weights_of_a_seed_are_stable() {
    // Values at a fixed seed do not change between releases, unless the changelog says so.
    let config = config(&[3], Trunk::Shared, BackwardPolicy::Uniform);
    let tensors = named_parameters(&policy(&config, 42));
    assert_eq!(
        tensors["forward.layers.0.weight"].values[..3],
        [-0.195_104_42, 0.128_619_97, -0.250_042_74]
    );
    assert_eq!(
        tensors["forward.layers.1.bias"].values,
        [0.092_498_72, -0.296_137_75, 0.233_262_06]
    );
}
