//! Parameters by name: what the optimiser groups, checkpoints hold and safetensors files carry.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;

/// One parameter tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// Why parameters could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// Not a safetensors file, or cut short.
    #[error("not a complete safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A tensor has another element type.
    #[error("tensor `{name}` holds {found:?}, not F32")]
    ElementType {
        /// Tensor name.
        name: String,
        /// Type in the file.
        found: Dtype,
    },
    /// The policy has a parameter that the file lacks.
    #[error("the file has no tensor `{0}`: it belongs to a policy of another shape")]
    Missing(String),
    /// The file has a tensor that the policy lacks.
    #[error("the policy has no parameter `{0}`: the file belongs to a policy of another shape")]
    Unknown(String),
    /// Shapes differ.
    #[error("tensor `{name}` has shape {found:?} in the file and {expected:?} in the policy")]
    Shape {
        /// Tensor name.
        name: String,
        /// Shape in the policy.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
}

type Tensors = BTreeMap<String, NamedTensor>;
type Metadata = BTreeMap<String, String>;

/// The dotted path of the parameter that a visitor of a module is at, such as `trunk.layers.0.weight`.
///
/// The variant of an enum adds nothing: which of several policies a module holds does not show in the names of its
/// parameters.
///
/// # Examples
///
/// ```
/// use gfn_policy::ParameterPath;
///
/// let mut path = ParameterPath::default();
/// path.enter("Mlp", "Enum:AnyPolicy");
/// path.enter("log_z", "Struct:MlpPolicy");
/// assert_eq!(path.name(), "log_z");
/// path.exit("Struct:MlpPolicy");
/// path.exit("Enum:AnyPolicy");
/// assert_eq!(path.name(), "");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// For `enter_module` of burn's visitors and mappers.
    pub fn enter(&mut self, name: &str, container_type: &str) {
        if !is_enum(container_type) {
            self.0.push(name.to_owned());
        }
    }

    /// For `exit_module` of burn's visitors and mappers.
    pub fn exit(&mut self, container_type: &str) {
        if !is_enum(container_type) {
            self.0.pop();
        }
    }

    /// The path.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

/// burn's derived modules name their kind before a colon.
fn is_enum(container_type: &str) -> bool {
    container_type.starts_with("Enum:")
}

/// All float parameters of a module, by [`ParameterPath`].
pub fn named_parameters<M: Module>(module: &M) -> BTreeMap<String, NamedTensor> {
    struct Collect {
        path: ParameterPath,
        found: BTreeMap<String, NamedTensor>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, container_type: &str) {
            self.path.exit(container_type);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            let tensor = NamedTensor {
                shape: value.dims().to_vec(),
                values: value.into_data().iter::<f32>().collect(),
            };
            self.found.insert(self.path.name(), tensor);
        }
    }
    let mut collect = Collect {
        path: ParameterPath::default(),
        found: BTreeMap::new(),
    };
    module.visit(&mut collect);
    collect.found
}

/// `module` with every float parameter replaced by the tensor of the same name.
///
/// # Errors
///
/// If a name or a shape differs; the module is then dropped, the tensors are untouched.
pub fn with_parameters<M: Module>(
    module: M,
    tensors: &BTreeMap<String, NamedTensor>,
) -> Result<M, ParametersError> {
    struct Replace<'a> {
        path: ParameterPath,
        tensors: &'a BTreeMap<String, NamedTensor>,
        used: usize,
        error: Option<ParametersError>,
    }
    impl ModuleMapper for Replace<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, container_type: &str) {
            self.path.exit(container_type);
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.name();
            let expected = param.val().dims().to_vec();
            match self.tensors.get(&name) {
                None => self.error = Some(ParametersError::Missing(name)),
                Some(tensor) if tensor.shape != expected => {
                    self.error = Some(ParametersError::Shape {
                        name,
                        expected,
                        found: tensor.shape.clone(),
                    });
                }
                Some(tensor) => {
                    self.used += 1;
                    return param.map(|old| {
                        let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
                        // A fresh tensor does not track gradients unless told to: without this line the parameter
                        // silently stops training.
                        Tensor::from_data(data, &old.device())
                            .set_require_grad(old.is_require_grad())
                    });
                }
            }
            param
        }
    }
    let mut replace = Replace {
        path: ParameterPath::default(),
        tensors,
        used: 0,
        error: None,
    };
    let module = module.map(&mut replace);
    if let Some(error) = replace.error {
        return Err(error);
    }
    if replace.used != tensors.len() {
        let names = named_parameters(&module);
        if let Some(name) = tensors.keys().find(|name| !names.contains_key(*name)) {
            return Err(ParametersError::Unknown(name.clone()));
        }
    }
    Ok(module)
}

type Blobs = BTreeMap<String, Vec<u8>>;

/// Tensors and string metadata as the bytes of a safetensors file.
///
/// # Errors
///
/// If the metadata cannot be written as a header.
pub fn to_safetensors(
    tensors: &BTreeMap<String, NamedTensor>,
    metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>, ParametersError> {
    to_safetensors_with_bytes(tensors, &Blobs::new(), metadata)
}

/// [`to_safetensors`] with entries of plain bytes beside the tensors, as tensors of U8.
///
/// # Errors
///
/// As [`to_safetensors`].
pub fn to_safetensors_with_bytes(
    tensors: &BTreeMap<String, NamedTensor>,
    blobs: &BTreeMap<String, Vec<u8>>,
    metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>, ParametersError> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, t)| {
            let data = t.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.clone(), t.shape.clone(), data)
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, data)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), data)?)))
        .chain(
            blobs.iter().map(|(name, data)| {
                Ok((name, TensorView::new(Dtype::U8, vec![data.len()], data)?))
            }),
        )
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    // The crate wants its own map type; metadata of several keys is one JSON-free entry per key.
    let metadata = (!metadata.is_empty()).then(|| metadata.into_iter().collect());
    Ok(safetensors::serialize(views, metadata)?)
}

/// Reads what [`to_safetensors`] wrote.
///
/// # Errors
///
/// If the bytes are no complete safetensors file or hold other element types than F32.
pub fn from_safetensors(bytes: &[u8]) -> Result<(Tensors, Metadata), ParametersError> {
    let (tensors, blobs, metadata) = from_safetensors_with_bytes(bytes)?;
    match blobs.into_keys().next() {
        Some(name) => Err(ParametersError::ElementType {
            name,
            found: Dtype::U8,
        }),
        None => Ok((tensors, metadata)),
    }
}

/// Reads what [`to_safetensors_with_bytes`] wrote.
///
/// # Errors
///
/// If the bytes are no complete safetensors file or hold other element types than F32 and U8.
pub fn from_safetensors_with_bytes(
    bytes: &[u8],
) -> Result<(Tensors, Blobs, Metadata), ParametersError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header
        .metadata()
        .as_ref()
        .map(|m| m.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    let file = SafeTensors::deserialize(bytes)?;
    let (mut tensors, mut blobs) = (BTreeMap::new(), Blobs::new());
    for (name, view) in file.tensors() {
        if view.dtype() == Dtype::U8 {
            blobs.insert(name, view.data().to_vec());
            continue;
        }
        if view.dtype() != Dtype::F32 {
            return Err(ParametersError::ElementType {
                name,
                found: view.dtype(),
            });
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let tensor = NamedTensor {
            shape: view.shape().to_vec(),
            values,
        };
        tensors.insert(name, tensor);
    }
    Ok((tensors, blobs, metadata))
}
