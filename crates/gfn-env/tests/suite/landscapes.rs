//! The other reward landscapes of the hypergrid, against their formulas written out.

use gfn_env::hypergrid::{
    CoprimeTier, Difficulty, DigitOrder, HypergridRewardConfig as Config, MultiscaleTier,
    ParityCheck, RewardFamily, XorTier,
};
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Enumerable as _, Hypergrid, HypergridReward, HypergridState, Purpose, Reward as _, Streams,
    log_partition,
};
use proptest::prelude::*;

fn grid(d: usize, h: usize) -> Hypergrid {
    Hypergrid::new(d, h).unwrap()
}

fn cells(grid: &Hypergrid) -> impl Iterator<Item = HypergridState> {
    (0..grid.n_terminal()).map(|i| grid.terminal(i))
}

/// `log Z` by summation.
fn summed(reward: &HypergridReward) -> f64 {
    let cells: Vec<_> = cells(reward.grid()).collect();
    let mut out = vec![0.0; cells.len()];
    reward.log_reward(&cells, &mut out).unwrap();
    log_partition(&out)
}

fn modes(reward: &HypergridReward) -> usize {
    cells(reward.grid()).filter(|x| reward.is_mode(x)).count()
}

#[test]
fn cosine() {
    let grid = grid(2, 21);
    let config = Config::Cosine {
        r0: 0.1,
        r1: 0.5,
        mode_gamma: 0.8,
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    // At the centre a = 0: each factor is 2/√(2π) = 0.797885, R = 0.1 + 0.5·0.797885² = 0.418310.
    let centre = grid.cell(&[10, 10]).unwrap();
    assert!((reward.reward(&centre) - 0.418_310).abs() < 1e-6);
    assert!(reward.is_mode(&centre));
    // a = 0.1 and 0.05: (cos 5 + 1)·φ(0.5)·(cos 2.5 + 1)·φ(0.25) = 1.283662·0.352065·0.198856·0.386668
    let side = grid.cell(&[12, 9]).unwrap();
    let expected = 0.1 + 0.5 * 1.283_662 * 0.352_065 * 0.198_856 * 0.386_668;
    assert!((reward.reward(&side) - expected).abs() < 1e-6);
    assert!(!reward.is_mode(&side));
    assert!((reward.log_partition().unwrap() - summed(&reward)).abs() < 1e-12);
}

#[test]
fn sparse() {
    for (d, h, n_modes) in [(2, 8, 3), (3, 8, 7), (3, 3, 1), (2, 2, 3)] {
        let reward = HypergridReward::new(&grid(d, h), Config::Sparse { floor: 1e-12 }).unwrap();
        assert_eq!(modes(&reward), n_modes, "D = {d}, H = {h}");
        assert!((reward.log_partition().unwrap() - summed(&reward)).abs() < 1e-12);
    }
    let grid = grid(2, 8);
    let reward = HypergridReward::new(&grid, Config::Sparse { floor: 1e-12 }).unwrap();
    let r = |x: [u16; 2]| reward.reward(&grid.cell(&x).unwrap());
    assert_eq!([r([6, 6]), r([1, 6]), r([6, 1])], [1.0 + 1e-12; 3]);
    assert_eq!([r([1, 1]), r([0, 6]), r([6, 7])], [1e-12; 3]);
}

#[test]
fn deceptive() {
    let grid = grid(2, 16);
    let config = Config::Deceptive {
        r0: 1e-5,
        r1: 0.1,
        r2: 2.0,
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    // On a side of 16 the centre is {6, 7, 8, 9} (a < 0.1, as |2x − 15|·5 <= 15) and the ring {2, 13}.
    for cell in cells(&grid) {
        let x = cell.coordinates();
        let cross = x.iter().any(|x| (6..=9).contains(x));
        let ring = x.iter().all(|x| [2, 13].contains(x));
        let expected = 1e-5 + 0.1 * f64::from(cross) + 2.0 * f64::from(ring);
        assert!((reward.reward(&cell) - expected).abs() < 1e-15, "{cell:?}");
        assert_eq!(reward.is_mode(&cell), ring);
    }
    assert!((reward.log_partition().unwrap() - summed(&reward)).abs() < 1e-12);
    assert_eq!(reward.n_mode_cells(), Some(4));
}

#[test]
fn bitwise_xor_default_checks() {
    let grid = grid(2, 8);
    let tier = |weight, high_bit| XorTier {
        weight,
        low_bit: 0,
        high_bit,
        checks: vec![],
    };
    let config = Config::BitwiseXor {
        r0: 0.5,
        dimensions: None,
        tiers: vec![tier(1.0, 0), tier(10.0, 1), tier(100.0, 2)],
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    // Even parity of two bits: they are equal. All three bits equal: the diagonal.
    let r = |x: [u16; 2]| reward.reward(&grid.cell(&x).unwrap());
    assert_eq!(r([5, 5]), 111.5);
    assert_eq!(r([1, 5]), 11.5); // bits 0 and 1 are equal, bit 2 is not
    assert_eq!(r([1, 3]), 1.5);
    assert_eq!(r([1, 2]), 0.5);
    assert_eq!(modes(&reward), 8);
    // Half of the cells for each bit.
    let z = 64.0 * 0.5 + 32.0 + 16.0 * 10.0 + 8.0 * 100.0;
    assert!((summed(&reward) - f64::ln(z)).abs() < 1e-12);
}

#[test]
fn bitwise_xor_with_equations() {
    let grid = grid(3, 4);
    let checks = vec![
        ParityCheck {
            positions: vec![0, 1],
            parity: 1,
        },
        ParityCheck {
            positions: vec![1],
            parity: 0,
        },
    ];
    let config = Config::BitwiseXor {
        r0: 0.0,
        dimensions: Some(vec![2, 0]),
        tiers: vec![XorTier {
            weight: 1.0,
            low_bit: 1,
            high_bit: 1,
            checks,
        }],
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    for cell in cells(&grid) {
        let x = cell.coordinates();
        // Position 0 is dimension 2, position 1 is dimension 0, bit-plane 1.
        let (a, b) = (x[2] >> 1 & 1, x[0] >> 1 & 1);
        assert_eq!(
            reward.is_mode(&cell),
            (a + b) % 2 == 1 && b == 0,
            "{cell:?}"
        );
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[test]
fn multiplicative_coprime() {
    let grid = grid(2, 31);
    for offset in [0, 1] {
        let config = Config::MultiplicativeCoprime {
            r0: 0.25,
            primes: vec![2, 3, 5],
            dimensions: None,
            coprime_pairs: vec![[0, 1]],
            coordinate_offset: offset,
            tiers: vec![
                CoprimeTier {
                    weight: 1.0,
                    exponent_cap: 2,
                    target_lcm: None,
                },
                CoprimeTier {
                    weight: 10.0,
                    exponent_cap: 1,
                    target_lcm: Some(30),
                },
            ],
        };
        let reward = HypergridReward::new(&grid, config).unwrap();
        for cell in cells(&grid) {
            let [a, b] = [0, 1].map(|d| u64::from(cell.coordinates()[d]) + u64::from(offset));
            // A product of 2, 3 and 5, each at most `cap` times, is a divisor of 30^cap.
            let fits =
                |cap: u32| a * b > 0 && [a, b].iter().all(|v| 30u64.pow(cap).is_multiple_of(*v));
            let first = fits(2) && gcd(a, b) == 1;
            let second = first && fits(1) && a * b / gcd(a, b) == 30;
            let expected = 0.25 + f64::from(first) + 10.0 * f64::from(second);
            assert_eq!(reward.reward(&cell), expected, "{cell:?}");
            assert_eq!(reward.is_mode(&cell), second);
        }
        // Ordered coprime factorisations of 30.
        assert_eq!(modes(&reward), 8);
    }
}

fn multiscale(order: DigitOrder, moduli: [Option<u32>; 3], seed: u64) -> Config {
    let tiers = [1.0, 10.0, 100.0]
        .into_iter()
        .zip(moduli)
        .map(|(weight, modulus)| MultiscaleTier { weight, modulus })
        .collect();
    Config::ConditionalMultiscale {
        r0: 0.125,
        base: 4,
        filter_width: 2,
        order,
        dimensions: None,
        seed,
        tiers,
    }
}

#[test]
fn conditional_multiscale() {
    // H = 4^3, so three digits a0 + 4·a1 + 16·a2.
    let grid = grid(2, 64);
    for order in [DigitOrder::FineToCoarse, DigitOrder::CoarseToFine] {
        for seed in [42, 43] {
            let config = multiscale(order, [None; 3], seed);
            let reward = HypergridReward::new(&grid, config).unwrap();
            // The coefficients as documented: a_{1,0}, a_{2,0}, a_{2,1} from the stream (Init, 0, 0).
            let mut rng = Streams::new(seed).rng(Purpose::Problem, 0, 0);
            let a: [u32; 3] = [(); 3].map(|()| rng.random_range(0..4));
            for cell in cells(&grid) {
                let tier = |t: usize| {
                    cell.coordinates().iter().all(|x| {
                        let x = u32::from(*x);
                        let mut d = [x % 4, x / 4 % 4, x / 16];
                        if order == DigitOrder::CoarseToFine {
                            d.reverse();
                        }
                        let shift = [0, a[0] * d[0], a[1] * d[0] + a[2] * d[1]][t];
                        (d[t] + shift) % 4 < 2
                    })
                };
                let passed = (0..3).take_while(|t| tier(*t)).count();
                let expected = 0.125 + [0.0, 1.0, 11.0, 111.0][passed];
                assert_eq!(reward.reward(&cell), expected, "{cell:?}");
            }
            // (2^T·4^(3−T))^2 cells pass T tiers.
            let z = 4096.0 * 0.125 + 1024.0 + 256.0 * 10.0 + 64.0 * 100.0;
            assert!((summed(&reward) - f64::ln(z)).abs() < 1e-12);
        }
    }
    let with_moduli = multiscale(DigitOrder::FineToCoarse, [None, Some(2), Some(2)], 42);
    let reward = HypergridReward::new(&grid, with_moduli).unwrap();
    let z = 4096.0 * 0.125 + 1024.0 + 128.0 * 10.0 + 16.0 * 100.0;
    assert!((summed(&reward) - f64::ln(z)).abs() < 1e-12);
    // The source passes the first tier in either order.
    let source = grid.cell(&[0, 0]).unwrap();
    assert!(reward.reward(&source) >= 1.125);
}

#[test]
fn uniform_random_has_the_right_number_of_modes() {
    let grid = grid(2, 200);
    let config = |seed| Config::UniformRandom {
        r0: 0.1,
        r_mode: 2.0,
        mode_probability: 0.1,
        seed,
    };
    let reward = HypergridReward::new(&grid, config(1)).unwrap();
    // 40,000 cells: mean 4,000, standard deviation 60; five of them.
    let n = modes(&reward);
    assert!((3_700..=4_300).contains(&n), "{n}");
    let other = HypergridReward::new(&grid, config(2)).unwrap();
    let both = cells(&grid)
        .filter(|x| reward.is_mode(x) && other.is_mode(x))
        .count();
    // Independent: mean 400, standard deviation 20.
    assert!((300..=500).contains(&both), "{both}");
    for cell in cells(&grid) {
        let expected = if reward.is_mode(&cell) { 2.1 } else { 0.1 };
        assert_eq!(reward.reward(&cell), expected);
    }
    // No structure along an axis: a neighbour of a mode is a mode as often as any cell.
    let pairs = cells(&grid)
        .filter(|x| x.coordinates()[0] < 199)
        .filter(|x| {
            let next = [x.coordinates()[0] + 1, x.coordinates()[1]];
            reward.is_mode(x) && reward.is_mode(&grid.cell(&next).unwrap())
        })
        .count();
    assert!((300..=500).contains(&pairs), "{pairs}");
}

#[test]
fn corruption_moves_bonuses_and_keeps_their_number() {
    let grid = grid(2, 256);
    let base = multiscale(DigitOrder::FineToCoarse, [None; 3], 42);
    let clean = HypergridReward::new(&grid, base.clone()).unwrap();
    let corrupted = |rate| {
        let base = Box::new(base.clone());
        HypergridReward::new(
            &grid,
            Config::Corrupted {
                base,
                rate,
                seed: 7,
            },
        )
        .unwrap()
    };
    let none = corrupted(0.0);
    assert!(cells(&grid).all(|x| none.reward(&x) == clean.reward(&x)));
    let some = corrupted(0.2);
    // The first bonus shows in the ones digit of R − R0; a quarter of 65,536 cells earn it.
    let first = |r: &HypergridReward, x: &HypergridState| (r.reward(x) - 0.125) % 10.0 == 1.0;
    let kept = cells(&grid)
        .filter(|x| first(&clean, x) && first(&some, x))
        .count();
    let gained = cells(&grid)
        .filter(|x| !first(&clean, x) && first(&some, x))
        .count();
    // Kept: 0.8 of 16,384, deviation 51. Gained: 0.2 of 16,384, deviation 55. Five deviations.
    assert!((12_850..=13_365).contains(&kept), "{kept}");
    assert!((3_000..=3_555).contains(&gained), "{gained}");
    // Z is kept in expectation.
    assert!((summed(&some) - summed(&clean)).abs() < 0.05);
    let original = Box::new(Config::Original {
        r0: 0.1,
        r1: 0.5,
        r2: 2.0,
    });
    let refused = Config::Corrupted {
        base: original,
        rate: 0.1,
        seed: 0,
    };
    assert!(HypergridReward::new(&grid, refused).is_err());
}

#[test]
fn corruption_of_a_large_grid_is_sampled() {
    // 2^32 cells; (2/4)^4 = 1/16 of them earn the first bonus, before and, in expectation, after.
    let grid = grid(4, 256);
    let base = Box::new(multiscale(DigitOrder::FineToCoarse, [None; 3], 42));
    let config = Config::Corrupted {
        base,
        rate: 0.5,
        seed: 7,
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    assert_eq!(reward.n_mode_cells(), None);
    assert_eq!(reward.log_partition(), None);
    let mut rng = Streams::new(9).rng(Purpose::Check, 0, 0);
    let first = (0..40_000)
        .filter(|_| {
            let x = [(); 4].map(|()| rng.random_range(0..256u16));
            let r = reward.reward(&grid.cell(&x).unwrap());
            (r - 0.125) % 10.0 == 1.0
        })
        .count();
    // Mean 2,500, standard deviation 48, and as much again for the estimated fraction; five of both.
    assert!((2_150..=2_850).contains(&first), "{first}");
}

#[test]
fn presets_are_valid() {
    use Difficulty as D;
    use RewardFamily as F;
    let grid = grid(12, 1 << 12);
    let families = [
        F::Original,
        F::Cosine,
        F::Sparse,
        F::Deceptive,
        F::BitwiseXor,
        F::MultiplicativeCoprime,
        F::ConditionalMultiscale,
        F::UniformRandom,
    ];
    for family in families {
        for difficulty in [D::Easy, D::Medium, D::Hard, D::Challenging, D::Impossible] {
            let config = Config::preset(family, difficulty, &grid).with_base_reward(0.5);
            let reward = HypergridReward::new(&grid, config).unwrap();
            let r = reward.reward(&grid.cell(&[9; 12]).unwrap());
            assert!(r >= 0.5, "{family:?} {difficulty:?} {r}");
        }
    }
    // The lists are those of the difficulty, cut to the grid.
    let small = Hypergrid::new(2, 64).unwrap();
    let Config::BitwiseXor {
        dimensions, tiers, ..
    } = Config::preset(F::BitwiseXor, D::Medium, &small)
    else {
        panic!("not the family that was asked for");
    };
    assert_eq!(dimensions, Some(vec![0, 1]));
    let weights: Vec<f64> = tiers.iter().map(|t| t.weight).collect();
    assert_eq!(weights, [1.0, 10.0, 100.0, 1000.0]);
    assert!(tiers.iter().map(|t| t.high_bit).eq([6, 7, 7, 7]));
}

#[test]
fn bad_parameters_are_refused() {
    let grid = grid(2, 64);
    let refused = |config: Config| HypergridReward::new(&grid, config).unwrap_err().to_string();
    let xor = |dimensions, low_bit, high_bit, weight| Config::BitwiseXor {
        r0: 0.0,
        dimensions,
        tiers: vec![XorTier {
            weight,
            low_bit,
            high_bit,
            checks: vec![],
        }],
    };
    assert!(refused(xor(Some(vec![0, 2]), 0, 1, 1.0)).starts_with("`dimensions`"));
    assert!(refused(xor(Some(vec![0, 0]), 0, 1, 1.0)).starts_with("`dimensions`"));
    assert!(refused(xor(None, 2, 1, 1.0)).starts_with("`bits`"));
    assert!(refused(xor(None, 0, 16, 1.0)).starts_with("`bits`"));
    assert!(refused(xor(None, 0, 1, -1.0)).starts_with("`weight`"));
    let empty = Config::BitwiseXor {
        r0: 0.0,
        dimensions: None,
        tiers: vec![],
    };
    assert!(refused(empty).starts_with("`tiers`"));
    let coprime = |primes: Vec<u32>, target_lcm, pair| Config::MultiplicativeCoprime {
        r0: 0.0,
        primes,
        dimensions: None,
        coprime_pairs: vec![pair],
        coordinate_offset: 0,
        tiers: vec![CoprimeTier {
            weight: 1.0,
            exponent_cap: 1,
            target_lcm,
        }],
    };
    assert!(refused(coprime(vec![2, 4], None, [0, 1])).starts_with("`primes`"));
    assert!(refused(coprime(vec![], None, [0, 1])).starts_with("`primes`"));
    assert!(refused(coprime(vec![2, 3], Some(10), [0, 1])).starts_with("`target_lcm`"));
    assert!(refused(coprime(vec![2, 3], None, [0, 2])).starts_with("`coprime_pairs`"));
    let mut config = multiscale(DigitOrder::FineToCoarse, [None, Some(3), None], 0);
    assert!(refused(config.clone()).starts_with("`modulus`"));
    if let Config::ConditionalMultiscale { base, .. } = &mut config {
        *base = 3;
    }
    assert!(refused(config).starts_with("`base`"));
    assert!(refused(Config::Sparse { floor: f64::NAN }).starts_with("`floor`"));
    let random = Config::UniformRandom {
        r0: 0.0,
        r_mode: 1.0,
        mode_probability: 1.5,
        seed: 0,
    };
    assert!(refused(random).starts_with("`mode_probability`"));
}

proptest! {
    /// Parity over any dimensions and bits is what adding bits one by one gives.
    #[test]
    fn xor_matches_bit_by_bit(
        x in proptest::collection::vec(0u16..256, 4),
        low in 0u32..8,
        span in 0u32..4,
        positions in proptest::sample::subsequence(vec![0usize, 1, 2, 3], 1..=4),
        parity in 0u8..2,
    ) {
        let grid = Hypergrid::new(4, 256).unwrap();
        let checks = vec![ParityCheck { positions: positions.clone(), parity }];
        let tier = XorTier { weight: 1.0, low_bit: low, high_bit: low + span, checks };
        let config = Config::BitwiseXor { r0: 0.0, dimensions: None, tiers: vec![tier] };
        let reward = HypergridReward::new(&grid, config).unwrap();
        let expected = (low..=low + span).all(|b| {
            positions.iter().map(|p| x[*p] >> b & 1).sum::<u16>() % 2 == u16::from(parity)
        });
        prop_assert_eq!(reward.is_mode(&grid.cell(&x).unwrap()), expected);
    }
}
