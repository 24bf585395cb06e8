//! Difficulty presets of the reward landscapes: [`HypergridRewardConfig::preset`].

use super::{CoprimeTier, DigitOrder, Hypergrid, HypergridRewardConfig, MultiscaleTier, XorTier};

/// A family of landscapes that has presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum RewardFamily {
    /// [`HypergridRewardConfig::Original`].
    Original,
    /// [`HypergridRewardConfig::Cosine`].
    Cosine,
    /// [`HypergridRewardConfig::Sparse`]; one preset for all difficulties.
    Sparse,
    /// [`HypergridRewardConfig::Deceptive`].
    Deceptive,
    /// [`HypergridRewardConfig::BitwiseXor`].
    BitwiseXor,
    /// [`HypergridRewardConfig::MultiplicativeCoprime`].
    MultiplicativeCoprime,
    /// [`HypergridRewardConfig::ConditionalMultiscale`]; the side has to be a power of 4.
    ConditionalMultiscale,
    /// [`HypergridRewardConfig::UniformRandom`].
    UniformRandom,
}

/// How hard a preset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Difficulty {
    /// The easiest.
    Easy,
    /// Between easy and hard.
    Medium,
    /// Hard.
    Hard,
    /// Harder than hard.
    Challenging,
    /// The hardest.
    Impossible,
}

impl HypergridRewardConfig {
    /// The preset of a family, with the parameters of the torchgfn library.
    ///
    /// "Easy" and "hard" here are torchgfn's; the settings of that name in the literature on the standard reward are
    /// [`HypergridReward::easy`](super::HypergridReward::easy) and [`hard`](super::HypergridReward::hard). Tiered presets
    /// have no reward outside their tiers: add one with [`with_base_reward`](Self::with_base_reward) to train on them.
    /// Lists are cut to the dimensions of `grid`. Random parts have seed 42 and are drawn from this crate's streams:
    /// the same distribution as in torchgfn, other values. The heights of the uniform-random presets, `R0 = 0.1` and
    /// `R_mode = 2`, are this crate's choice.
    pub fn preset(family: RewardFamily, difficulty: Difficulty, grid: &Hypergrid) -> Self {
        let i = difficulty as usize;
        let first = |k: usize| (0..k.min(grid.dimensions())).collect::<Vec<usize>>();
        match family {
            RewardFamily::Original => {
                let [r0, r1, r2] = [
                    [0.1, 0.3, 1.0],
                    [0.1, 0.5, 2.0],
                    [0.05, 0.6, 3.0],
                    [0.01, 0.6, 4.0],
                    [0.0, 0.7, 5.0],
                ][i];
                Self::Original { r0, r1, r2 }
            }
            RewardFamily::Cosine => {
                let [r0, r1, mode_gamma] = [
                    [0.1, 0.3, 0.7],
                    [0.1, 0.5, 0.8],
                    [0.05, 0.6, 0.85],
                    [0.01, 0.7, 0.9],
                    [0.0, 0.8, 0.92],
                ][i];
                Self::Cosine { r0, r1, mode_gamma }
            }
            RewardFamily::Sparse => Self::Sparse { floor: 1e-12 },
            RewardFamily::Deceptive => Self::Deceptive {
                r0: 1e-5,
                r1: [0.05, 0.1, 0.15, 0.2, 0.25][i],
                r2: [1.0, 2.0, 3.0, 4.0, 5.0][i],
            },
            RewardFamily::BitwiseXor => {
                let high: &[u32] = [
                    &[4, 5, 5][..],
                    &[6, 7, 7, 7],
                    &[8; 4],
                    &[9; 4],
                    &[9, 10, 10, 10, 10],
                ][i];
                let tier = |(weight, high_bit): (f64, &u32)| XorTier {
                    weight,
                    low_bit: 0,
                    high_bit: *high_bit,
                    checks: Vec::new(),
                };
                Self::BitwiseXor {
                    r0: 0.0,
                    dimensions: Some(first([3, 4, 8, 6, 12][i])),
                    tiers: powers_of_ten().zip(high).map(tier).collect(),
                }
            }
            RewardFamily::MultiplicativeCoprime => coprime(i, &first([3, 5, 8, 10, 12][i])),
            RewardFamily::ConditionalMultiscale => {
                let moduli: &[Option<u32>] = [
                    &[None; 2][..],
                    &[None; 3],
                    &[None, Some(2), Some(2)],
                    &[None, None, Some(2), Some(2)],
                    &[None, Some(2), Some(2), Some(2)],
                ][i];
                let tier = |(weight, modulus): (f64, &Option<u32>)| MultiscaleTier {
                    weight,
                    modulus: *modulus,
                };
                Self::ConditionalMultiscale {
                    r0: 0.0,
                    base: 4,
                    filter_width: 2,
                    order: DigitOrder::FineToCoarse,
                    dimensions: Some(first([3, 4, 6, 8, 12][i])),
                    seed: 42,
                    tiers: powers_of_ten().zip(moduli).map(tier).collect(),
                }
            }
            RewardFamily::UniformRandom => Self::UniformRandom {
                r0: 0.1,
                r_mode: 2.0,
                mode_probability: [1e-1, 1e-2, 1e-3, 1e-4, 1e-5][i],
                seed: 42,
            },
        }
    }
}

/// The presets of the coprime family; neighbours in `dimensions` are coprime.
fn coprime(i: usize, dimensions: &[usize]) -> HypergridRewardConfig {
    const PRIMES: [u32; 10] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
    // 2^3·3^2·5·7·11, 2^3·3^2·5^2·13 and 2^4·3^3·5^2·7·11
    const LCM: [u64; 3] = [27_720, 23_400, 831_600];
    let tiers: &[(u32, Option<u64>)] = [
        &[(2, None); 3][..],
        &[(2, None); 4],
        &[(3, None), (3, None), (3, Some(LCM[0])), (3, Some(LCM[0]))],
        &[(3, None), (3, None), (4, None), (4, Some(LCM[1]))],
        &[
            (4, None),
            (4, None),
            (4, None),
            (4, None),
            (4, Some(LCM[2])),
        ],
    ][i];
    let tier = |(weight, &(exponent_cap, target_lcm)): (f64, &(u32, Option<u64>))| CoprimeTier {
        weight,
        exponent_cap,
        target_lcm,
    };
    HypergridRewardConfig::MultiplicativeCoprime {
        r0: 0.0,
        primes: PRIMES[..[3, 4, 5, 6, 10][i]].to_vec(),
        coprime_pairs: (1..dimensions.len()).map(|j| [j - 1, j]).collect(),
        dimensions: Some(dimensions.to_vec()),
        coordinate_offset: 0,
        tiers: powers_of_ten().zip(tiers).map(tier).collect(),
    }
}

/// 1, 10, 100, ..
fn powers_of_ten() -> impl Iterator<Item = f64> {
    (0..).map(|t| 10f64.powi(t))
}
