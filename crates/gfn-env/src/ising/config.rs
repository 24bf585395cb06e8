//! Couplings of the Ising model: [`IsingConfig`].

use crate::EnvironmentError;
use crate::normal::standard_normals;

/// Most sites: a spin is a bit of a bit sequence.
const MAX_SITES: usize = 128;

/// Which sites are coupled, and how.
///
/// On a torus every site has a bond to its right and one to its lower neighbour; the last column has the first to its right,
/// and the last row the first below. Where a side is 2 two bonds join the same pair, and both count.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "torus"`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum IsingConfig {
    /// A torus with one coupling.
    Torus {
        /// Sites of a row.
        width: usize,
        /// Rows.
        height: usize,
        /// `J` of every bond.
        coupling: f64,
    },
    /// A torus whose couplings are normal draws, the spin glass of Edwards and Anderson: from the stream `(Problem, 0, 0)` of
    /// `seed`, for each site that to the right and then that below.
    SpinGlass {
        /// Sites of a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Standard deviation of the couplings.
        scale: f64,
        /// Seed of the draws.
        #[cfg_attr(feature = "serde", serde(default))]
        seed: u64,
    },
    /// Any pairs.
    Couplings {
        /// Number of sites.
        n_sites: usize,
        /// Two different sites, and their `J`. A pair that stands twice has the sum.
        couplings: Vec<(usize, usize, f64)>,
    },
}

/// A torus with a coupling for each bond.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lattice {
    pub(super) width: usize,
    pub(super) height: usize,
    /// From each site to the right.
    pub(super) right: Vec<f64>,
    /// From each site down.
    pub(super) down: Vec<f64>,
}

impl Lattice {
    fn new(
        width: usize,
        height: usize,
        mut coupling: impl FnMut() -> f64,
    ) -> Result<Self, EnvironmentError> {
        for (name, side) in [("width", width), ("height", height)] {
            if side < 2 || width.saturating_mul(height) > MAX_SITES {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &side,
                    "both sides must be at least 2, and their product at most 128",
                ));
            }
        }
        let (right, down) = (0..width * height)
            .map(|_| (coupling(), coupling()))
            .unzip();
        Ok(Self {
            width,
            height,
            right,
            down,
        })
    }

    /// The bonds, each once.
    fn bonds(&self) -> Vec<(usize, usize, f64)> {
        let (w, h) = (self.width, self.height);
        let bonds = (0..w * h).flat_map(|site| {
            let (row, column) = (site / w, site % w);
            [
                (site, row * w + (column + 1) % w, self.right[site]),
                (site, (row + 1) % h * w + column, self.down[site]),
            ]
        });
        bonds.collect()
    }

    /// Rows for columns.
    pub(super) fn transposed(&self) -> Self {
        let (w, h) = (self.width, self.height);
        let moved = |values: &[f64]| {
            let places = (0..w * h).map(|place| (place % h) * w + place / h);
            places.map(|place| values[place]).collect()
        };
        Self {
            width: h,
            height: w,
            right: moved(&self.down),
            down: moved(&self.right),
        }
    }
}

/// The bonds of a model, and the lattice that they are on where there is one.
pub(super) struct Bonds {
    pub(super) n_sites: usize,
    pub(super) bonds: Vec<(usize, usize, f64)>,
    pub(super) lattice: Option<Lattice>,
}

impl IsingConfig {
    /// The bonds that it describes.
    pub(super) fn bonds(&self) -> Result<Bonds, EnvironmentError> {
        let of_lattice = |lattice: Lattice| Bonds {
            n_sites: lattice.width * lattice.height,
            bonds: lattice.bonds(),
            lattice: Some(lattice),
        };
        match self {
            Self::Torus {
                width,
                height,
                coupling,
            } => {
                if !coupling.is_finite() {
                    return Err(EnvironmentError::invalid_parameter(
                        "coupling",
                        coupling,
                        "it must be finite",
                    ));
                }
                Lattice::new(*width, *height, || *coupling).map(of_lattice)
            }
            Self::SpinGlass {
                width,
                height,
                scale,
                seed,
            } => {
                let mut draws = standard_normals(*scale, *seed)?;
                Lattice::new(*width, *height, || scale * draws()).map(of_lattice)
            }
            Self::Couplings { n_sites, couplings } => {
                if !(1..=MAX_SITES).contains(n_sites) {
                    return Err(EnvironmentError::invalid_parameter(
                        "n_sites",
                        n_sites,
                        "it must be between 1 and 128",
                    ));
                }
                let good = |(i, j, coupling): &&(usize, usize, f64)| {
                    i != j && i.max(j) < n_sites && coupling.is_finite()
                };
                if let Some(bad) = couplings.iter().find(|bond| !good(bond)) {
                    return Err(EnvironmentError::invalid_parameter(
                        "couplings",
                        bad,
                        "it must be two different sites below n_sites and a finite coupling",
                    ));
                }
                Ok(Bonds {
                    n_sites: *n_sites,
                    bonds: couplings.clone(),
                    lattice: None,
                })
            }
        }
    }
}
