//! Reward landscapes of the hypergrid as data: [`HypergridRewardConfig`].

/// Which reward, and its parameters; [`HypergridReward::new`](super::HypergridReward::new) makes it.
///
/// `a_d = |x_d/(H−1) − 1/2|` is the distance of a coordinate from the middle, in `[0, 1/2]`. All inequalities are strict
/// and are decided in integers. Tiered rewards are cumulative: tier `t` counts only where all tiers before it pass too.
/// Modes are the cells of maximal reward unless said otherwise.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "bitwise-xor"`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum HypergridRewardConfig {
    /// The standard reward: `R = R0 + R1·Π_d 1[a_d > 0.25] + R2·Π_d 1[0.3 < a_d < 0.4]`.
    ///
    /// The modes, `R0 + R1 + R2`, form `2^D` boxes, one near each corner. Bengio et al. (2021),
    /// <https://arxiv.org/abs/2106.04399>.
    Original {
        /// Everywhere.
        r0: f64,
        /// In the outer region, which contains the ring.
        r1: f64,
        /// In the ring.
        r2: f64,
    },
    /// Ripples under a bell: `R = R0 + R1·Π_d (cos(50·a_d) + 1)·φ(5·a_d)`, `φ` the standard normal density.
    ///
    /// Modes: cells with `R >= R0 + R1·(mode_gamma·2·φ(0))^D`. On a coarse grid there may be none.
    Cosine {
        /// Everywhere.
        r0: f64,
        /// Height of the product.
        r1: f64,
        /// How close to the theoretical maximum of each factor a mode is, in `(0, 1]`.
        mode_gamma: f64,
    },
    /// Corners only: `R = floor + 1[x ∈ {1, H−2}^D, not all x_d = 1]`.
    ///
    /// Pan et al. (2022), <https://arxiv.org/abs/2210.03308>; the usual floor is 1e-12. The modes are the corners.
    Sparse {
        /// Added everywhere, so that the logarithm exists.
        floor: f64,
    },
    /// A lure at the centre and far corners: `R = R0 + R1·(1 − Π_d 1[a_d > 0.1]) + R2·Π_d 1[0.3 < a_d < 0.4]`.
    ///
    /// Kim et al. (2025), <https://arxiv.org/abs/2410.01432>, as implemented there (the paper prints another formula).
    /// Modes: the ring, `R0 + R2`.
    Deceptive {
        /// Everywhere.
        r0: f64,
        /// On the cross through the centre.
        r1: f64,
        /// In the ring.
        r2: f64,
    },
    /// Parity of bits: `R = R0 + Σ_t w_t·1[tiers 0..=t pass]`.
    ///
    /// A tier passes where on each of its bit-planes `b` every parity check holds:
    /// `Σ_i c_i·bit_b(x_i) ≡ parity (mod 2)`, over the constrained dimensions.
    BitwiseXor {
        /// Everywhere.
        r0: f64,
        /// Constrained dimensions; all where it is left out.
        #[cfg_attr(feature = "serde", serde(default))]
        dimensions: Option<Vec<usize>>,
        /// The tiers.
        tiers: Vec<XorTier>,
    },
    /// Coordinates made of few small primes: `R = R0 + Σ_t w_t·1[tiers 0..=t pass]`.
    ///
    /// With `v_d = x_d + coordinate_offset`, a tier passes where every `v_d` is a product of the primes, each at most
    /// `exponent_cap` times (0 is not, 1 is), the listed pairs are coprime, and the least common multiple of the `v_d`
    /// is `target_lcm` where one is given.
    MultiplicativeCoprime {
        /// Everywhere.
        r0: f64,
        /// The primes.
        primes: Vec<u32>,
        /// Constrained dimensions; all where it is left out.
        #[cfg_attr(feature = "serde", serde(default))]
        dimensions: Option<Vec<usize>>,
        /// Pairs of positions in `dimensions` whose values have to be coprime.
        #[cfg_attr(feature = "serde", serde(default))]
        coprime_pairs: Vec<[usize; 2]>,
        /// Added to a coordinate to make its value: 0, or 1 so that the source is all ones and passes.
        #[cfg_attr(feature = "serde", serde(default))]
        coordinate_offset: u32,
        /// The tiers.
        tiers: Vec<CoprimeTier>,
    },
    /// Digits that depend on other digits: `R = R0 + Σ_t w_t·1[tiers 0..=t pass]`.
    ///
    /// `H = base^L`, and `d_k(x)` is digit `k` of a coordinate in the order of `order`. Tier `t` passes where for every
    /// dimension `(d_t + Σ_{k<t} a_{t,k}·d_k) mod base < filter_width`, and the sum over dimensions of `d_t` is a
    /// multiple of `modulus` where one is given. The coefficients `a_{t,k}`, uniform in `0..base`, are drawn from the
    /// stream `(Problem, 0, 0)` of `seed`.
    ///
    /// With the modulus a divisor of `filter_width`, and all dimensions constrained, the number of cells that pass tiers
    /// `0..T` is `(filter_width^T·base^{L−T})^D / Π_t modulus_t`.
    ConditionalMultiscale {
        /// Everywhere.
        r0: f64,
        /// Base of the digits, at least 2.
        base: u32,
        /// How many of the `base` digit values pass.
        filter_width: u32,
        /// Which digit comes first.
        #[cfg_attr(feature = "serde", serde(default))]
        order: DigitOrder,
        /// Constrained dimensions; all where it is left out.
        #[cfg_attr(feature = "serde", serde(default))]
        dimensions: Option<Vec<usize>>,
        /// Seed of the coefficients.
        seed: u64,
        /// The tiers, at most `L`.
        tiers: Vec<MultiscaleTier>,
    },
    /// Modes without any structure: each cell is one with probability `mode_probability`, independently;
    /// `R = R0 + R_mode` there and `R0` elsewhere.
    ///
    /// Whether a cell is a mode is a hash of its coordinates keyed by the seed: a grid of any size needs no memory.
    UniformRandom {
        /// Everywhere.
        r0: f64,
        /// Added at a mode.
        r_mode: f64,
        /// Probability of a mode.
        mode_probability: f64,
        /// Key of the hash.
        seed: u64,
    },
    /// A tiered reward some of whose bonuses have been moved to random cells.
    ///
    /// `R = R0 + Σ_t w_t·b_t`, where `b_t` is 1 with probability `1 − rate` where the base reward earns tier `t`, and with
    /// probability `rate·f_t/(1 − f_t)` elsewhere, `f_t` the fraction of cells that earn it: the number of bonuses is
    /// kept in expectation. `f_t` is counted on grids of at most 2^20 cells and estimated from 2^16 cells drawn from the
    /// stream `(Problem, 1, 0)` of `seed` on larger ones. Modes have all bonuses.
    Corrupted {
        /// One of the tiered rewards.
        base: Box<Self>,
        /// Fraction of bonuses moved, in `[0, 1]`.
        rate: f64,
        /// Key of the hash.
        seed: u64,
    },
}

/// A tier of [`HypergridRewardConfig::BitwiseXor`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct XorTier {
    /// Its reward.
    pub weight: f64,
    /// Lowest bit-plane.
    pub low_bit: u32,
    /// Highest bit-plane, at most 15.
    pub high_bit: u32,
    /// Checks on each bit-plane; even parity over all constrained dimensions where there are none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub checks: Vec<ParityCheck>,
}

/// A linear equation over bits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct ParityCheck {
    /// Positions in the list of constrained dimensions whose bits are added.
    pub positions: Vec<usize>,
    /// The sum modulo 2: 0 or 1.
    pub parity: u8,
}

/// A tier of [`HypergridRewardConfig::MultiplicativeCoprime`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct CoprimeTier {
    /// Its reward.
    pub weight: f64,
    /// How often each prime may divide a value.
    pub exponent_cap: u32,
    /// Least common multiple of the values.
    #[cfg_attr(feature = "serde", serde(default))]
    pub target_lcm: Option<u64>,
}

/// A tier of [`HypergridRewardConfig::ConditionalMultiscale`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct MultiscaleTier {
    /// Its reward.
    pub weight: f64,
    /// Divisor of the sum of the digits over dimensions; has to divide `filter_width`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub modulus: Option<u32>,
}

/// Which digit of a coordinate comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum DigitOrder {
    /// The least significant: tier 0 constrains it.
    #[default]
    FineToCoarse,
    /// The most significant: cells near the source tend to pass tier 0.
    CoarseToFine,
}

impl HypergridRewardConfig {
    /// The same landscape with another reward everywhere: `r0`, or the floor of [`Sparse`](Self::Sparse).
    ///
    /// The tiered presets have `r0 = 0`, whose logarithm cannot be trained on.
    #[must_use]
    pub fn with_base_reward(mut self, value: f64) -> Self {
        match &mut self {
            Self::Original { r0, .. }
            | Self::Cosine { r0, .. }
            | Self::Sparse { floor: r0 }
            | Self::Deceptive { r0, .. }
            | Self::BitwiseXor { r0, .. }
            | Self::MultiplicativeCoprime { r0, .. }
            | Self::ConditionalMultiscale { r0, .. }
            | Self::UniformRandom { r0, .. } => *r0 = value,
            Self::Corrupted { base, .. } => **base = (**base).clone().with_base_reward(value),
        }
        self
    }
}
