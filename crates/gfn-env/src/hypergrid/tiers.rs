//! Tiered rewards of the hypergrid, ready to be evaluated.

use rand::RngExt as _;

use super::{
    DigitOrder, Hypergrid,
    config::{CoprimeTier, MultiscaleTier, ParityCheck, XorTier},
    landscape::{invalid, non_negative},
};
use crate::{EnvironmentError, Purpose, Streams};

/// `R0 + Σ_t w_t·1[tiers 0..=t pass]`.
#[derive(Clone, Debug)]
pub(super) struct Tiered {
    pub(super) r0: f64,
    pub(super) weights: Vec<f64>,
    dimensions: Vec<usize>,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    Xor(Vec<Planes>),
    Coprime(Coprime),
    Multiscale(Multiscale),
}

/// One tier of the parity rule.
#[derive(Clone, Debug)]
struct Planes {
    /// A one at each constrained bit-plane.
    mask: u32,
    checks: Vec<ParityCheck>,
}

#[derive(Clone, Debug)]
struct Coprime {
    /// Exponents of the primes in each value, by coordinate; `None` where another prime divides it, or it is 0.
    exponents: Vec<Option<Vec<u32>>>,
    pairs: Vec<[usize; 2]>,
    /// Exponent cap, and the exponents of the least common multiple.
    tiers: Vec<(u32, Option<Vec<u32>>)>,
}

#[derive(Clone, Debug)]
struct Multiscale {
    base: u32,
    filter_width: u32,
    /// Digits of each coordinate, `[side][tiers]`, in the order of the tiers.
    digits: Vec<Vec<u32>>,
    /// `a_{t,k}`, `k < t`.
    coefficients: Vec<Vec<u32>>,
    moduli: Vec<Option<u32>>,
}

impl Tiered {
    pub(super) fn xor(
        grid: &Hypergrid,
        r0: f64,
        dimensions: Option<&[usize]>,
        tiers: &[XorTier],
    ) -> Result<Self, EnvironmentError> {
        let dimensions = constrained(grid, dimensions)?;
        let mut planes = Vec::new();
        for tier in tiers {
            if tier.low_bit > tier.high_bit || tier.high_bit > 15 {
                return Err(invalid(
                    "bits",
                    &(tier.low_bit, tier.high_bit),
                    "the lowest must not be above the highest, nor the highest above 15",
                ));
            }
            let outside = |c: &ParityCheck| {
                c.parity > 1 || c.positions.iter().any(|p| *p >= dimensions.len())
            };
            if let Some(check) = tier.checks.iter().find(|c| outside(c)) {
                return Err(invalid(
                    "checks",
                    check,
                    "the parity must be 0 or 1 and each position one of the constrained dimensions",
                ));
            }
            let mut checks = tier.checks.clone();
            if checks.is_empty() {
                checks.push(ParityCheck {
                    positions: (0..dimensions.len()).collect(),
                    parity: 0,
                });
            }
            let mask = (2 << tier.high_bit) - (1 << tier.low_bit);
            planes.push(Planes { mask, checks });
        }
        let weights = tiers.iter().map(|t| t.weight).collect();
        Self::new(r0, weights, dimensions, Rule::Xor(planes))
    }

    pub(super) fn coprime(
        grid: &Hypergrid,
        r0: f64,
        dimensions: Option<&[usize]>,
        values: (&[u32], u32),
        pairs: &[[usize; 2]],
        tiers: &[CoprimeTier],
    ) -> Result<Self, EnvironmentError> {
        let dimensions = constrained(grid, dimensions)?;
        let (primes, offset) = values;
        let is_prime = |p: u32| {
            p >= 2
                && (2..p)
                    .take_while(|q| q * q <= p)
                    .all(|q| !p.is_multiple_of(q))
        };
        if primes.is_empty() || primes.iter().any(|p| !is_prime(*p)) {
            return Err(invalid(
                "primes",
                &primes,
                "there must be some, each a prime",
            ));
        }
        if pairs.iter().flatten().any(|p| *p >= dimensions.len()) {
            return Err(invalid(
                "coprime_pairs",
                &pairs,
                "each position must be one of the constrained dimensions",
            ));
        }
        let mut compiled = Vec::new();
        for tier in tiers {
            let target = tier.target_lcm.map(|lcm| factor(lcm, primes));
            if target == Some(None) {
                return Err(invalid(
                    "target_lcm",
                    &tier.target_lcm,
                    "it must be a product of the primes",
                ));
            }
            compiled.push((tier.exponent_cap, target.flatten()));
        }
        let exponents = (0..grid.side() as u64)
            .map(|x| factor(x + u64::from(offset), primes))
            .collect();
        let rule = Rule::Coprime(Coprime {
            exponents,
            pairs: pairs.to_vec(),
            tiers: compiled,
        });
        let weights = tiers.iter().map(|t| t.weight).collect();
        Self::new(r0, weights, dimensions, rule)
    }

    pub(super) fn multiscale(
        grid: &Hypergrid,
        r0: f64,
        dimensions: Option<&[usize]>,
        digits: (u32, u32, DigitOrder, u64),
        tiers: &[MultiscaleTier],
    ) -> Result<Self, EnvironmentError> {
        let dimensions = constrained(grid, dimensions)?;
        let (base, filter_width, order, seed) = digits;
        if base < 2 {
            return Err(invalid("base", &base, "it must be at least 2"));
        }
        if !(1..=base).contains(&filter_width) {
            return Err(invalid(
                "filter_width",
                &filter_width,
                "it must be between 1 and the base",
            ));
        }
        let levels = (0u32..32).find(|l| u64::from(base).pow(*l) >= grid.side() as u64);
        let levels = levels.unwrap_or(0);
        if u64::from(base).pow(levels) != grid.side() as u64 {
            return Err(invalid(
                "base",
                &base,
                "the side of the grid must be a power of it",
            ));
        }
        if tiers.len() > levels as usize {
            return Err(invalid(
                "tiers",
                &tiers.len(),
                "there must not be more than digits in a coordinate",
            ));
        }
        let divides = |m: u32| m >= 2 && filter_width.is_multiple_of(m);
        if let Some(m) = tiers
            .iter()
            .filter_map(|t| t.modulus)
            .find(|m| !divides(*m))
        {
            return Err(invalid(
                "modulus",
                &m,
                "it must be at least 2 and divide `filter_width`",
            ));
        }
        let digit = |x: u32, k: u32| {
            let k = match order {
                DigitOrder::FineToCoarse => k,
                DigitOrder::CoarseToFine => levels - 1 - k,
            };
            x / base.pow(k) % base
        };
        let n = tiers.len() as u32;
        let mut rng = Streams::new(seed).rng(Purpose::Problem, 0, 0);
        let rule = Rule::Multiscale(Multiscale {
            base,
            filter_width,
            digits: (0..grid.side() as u32)
                .map(|x| (0..n).map(|k| digit(x, k)).collect())
                .collect(),
            coefficients: (0..n)
                .map(|t| (0..t).map(|_| rng.random_range(0..base)).collect())
                .collect(),
            moduli: tiers.iter().map(|t| t.modulus).collect(),
        });
        let weights = tiers.iter().map(|t| t.weight).collect();
        Self::new(r0, weights, dimensions, rule)
    }

    fn new(
        r0: f64,
        weights: Vec<f64>,
        dimensions: Vec<usize>,
        rule: Rule,
    ) -> Result<Self, EnvironmentError> {
        non_negative("r0", r0)?;
        if weights.is_empty() {
            return Err(invalid("tiers", &weights, "there must be at least one"));
        }
        for w in &weights {
            non_negative("weight", *w)?;
        }
        Ok(Self {
            r0,
            weights,
            dimensions,
            rule,
        })
    }

    /// Number of tiers that a cell passes, counted up to the first that it does not.
    pub(super) fn n_passed(&self, x: &[u16]) -> usize {
        (0..self.weights.len())
            .take_while(|t| self.passes(x, *t))
            .count()
    }

    /// Reward of a cell, and whether it passes all tiers.
    pub(super) fn evaluate(&self, x: &[u16]) -> (f64, bool) {
        let passed = self.n_passed(x);
        let bonus: f64 = self.weights[..passed].iter().sum();
        (self.r0 + bonus, passed == self.weights.len())
    }

    fn passes(&self, x: &[u16], tier: usize) -> bool {
        let dimensions = || self.dimensions.iter().map(|d| usize::from(x[*d]));
        match &self.rule {
            Rule::Xor(tiers) => {
                let Planes { mask, checks } = &tiers[tier];
                // One exclusive or adds all bit-planes modulo 2 at once.
                checks.iter().all(|c| {
                    let sum = c
                        .positions
                        .iter()
                        .fold(0, |sum, p| sum ^ u32::from(x[self.dimensions[*p]]));
                    sum & mask == if c.parity == 1 { *mask } else { 0 }
                })
            }
            Rule::Coprime(rule) => {
                let values: Option<Vec<&[u32]>> =
                    dimensions().map(|v| rule.exponents[v].as_deref()).collect();
                values.is_some_and(|values| rule.passes(&values, tier))
            }
            Rule::Multiscale(rule) => rule.passes(dimensions(), tier),
        }
    }
}

impl Coprime {
    /// `values`: exponents of the primes in each constrained value.
    fn passes(&self, values: &[&[u32]], tier: usize) -> bool {
        let (cap, target) = &self.tiers[tier];
        let within = values.iter().all(|v| v.iter().all(|e| e <= cap));
        let coprime = self.pairs.iter().all(|[i, j]| {
            let mut both = values[*i].iter().zip(values[*j]);
            both.all(|(a, b)| *a == 0 || *b == 0)
        });
        let lcm = target.as_ref().is_none_or(|target| {
            let mut primes = target.iter().enumerate();
            primes.all(|(k, e)| values.iter().map(|v| v[k]).max() == Some(*e))
        });
        within && coprime && lcm
    }
}

impl Multiscale {
    fn passes(&self, mut values: impl Iterator<Item = usize> + Clone, tier: usize) -> bool {
        let modulus_ok = self.moduli[tier].is_none_or(|m| {
            let sum: u32 = values.clone().map(|v| self.digits[v][tier]).sum();
            sum.is_multiple_of(m)
        });
        modulus_ok
            && values.all(|v| {
                let digits = &self.digits[v];
                let shift: u32 = self.coefficients[tier]
                    .iter()
                    .zip(digits)
                    .map(|(a, d)| a * d)
                    .sum();
                (digits[tier] + shift) % self.base < self.filter_width
            })
    }
}

/// Exponents of the primes in `value`; `None` where it is 0 or another prime divides it.
fn factor(value: u64, primes: &[u32]) -> Option<Vec<u32>> {
    if value == 0 {
        return None;
    }
    let mut rest = value;
    let exponents = primes
        .iter()
        .map(|p| {
            let mut exponent = 0;
            while rest.is_multiple_of(u64::from(*p)) {
                rest /= u64::from(*p);
                exponent += 1;
            }
            exponent
        })
        .collect();
    (rest == 1).then_some(exponents)
}

/// The constrained dimensions: all where none are named.
fn constrained(
    grid: &Hypergrid,
    dimensions: Option<&[usize]>,
) -> Result<Vec<usize>, EnvironmentError> {
    let all: Vec<usize> = (0..grid.dimensions()).collect();
    let chosen = dimensions.map_or(all, <[usize]>::to_vec);
    let repeated = (1..chosen.len()).any(|i| chosen[..i].contains(&chosen[i]));
    if chosen.is_empty() || repeated || chosen.iter().any(|d| *d >= grid.dimensions()) {
        return Err(invalid(
            "dimensions",
            &chosen,
            "they must be distinct dimensions of the grid, at least one",
        ));
    }
    Ok(chosen)
}
