//! Phylogenetic trees: numbers of them, parsimony and likelihood against sums over all inner nucleotides, FASTA.

use gfn_env::phylogeny::{Alignment, Gaps, PhylogenyRewardConfig, SimulatedAlignment};
use gfn_env::{
    Environment as _, ForestState, PartialEnergy as _, Phylogeny, PhylogenyReward, Reward as _,
    StateGraph,
};

fn drawn(n_taxa: usize, n_sites: usize) -> Alignment {
    let drawn = SimulatedAlignment {
        n_taxa,
        n_sites,
        branch_length: 0.3,
        seed: 1,
    };
    drawn.draw().unwrap()
}

const PARSIMONY: PhylogenyRewardConfig = PhylogenyRewardConfig::Parsimony {
    temperature: 4.0,
    constant: Some(0.0),
    gaps: Gaps::Unknown,
};

const LIKELIHOOD: PhylogenyRewardConfig = PhylogenyRewardConfig::JukesCantor {
    branch_length: 0.2,
    temperature: 1.0,
    constant: Some(0.0),
};

fn all_trees(n_taxa: usize) -> (Phylogeny, Vec<ForestState>) {
    let env = Phylogeny::new(n_taxa).unwrap();
    let graph = StateGraph::explore(&env, 100_000).unwrap();
    (env, graph.terminal_states().to_vec())
}

#[test]
fn numbers_of_trees_and_of_their_histories() {
    for (n_taxa, n_trees) in [(2, 1), (3, 3), (4, 15), (5, 105), (6, 945)] {
        let env = Phylogeny::new(n_taxa).unwrap();
        let graph = StateGraph::explore(&env, 100_000).unwrap();
        assert_eq!(graph.terminals().len(), n_trees);
        let paths = graph.log_path_counts();
        for (i, state) in graph.states().iter().enumerate() {
            // The merges in every order in which smaller trees come first: m!/Π (merges within each clade).
            let log_factorial: f64 = (1..=state.n_merges()).map(|m| (m as f64).ln()).sum();
            let within = state.clades().iter().map(|clade| {
                let inside = state.clades().iter().filter(|c| **c & !clade == 0);
                (inside.count() as f64).ln()
            });
            assert!((paths[i] - log_factorial + within.sum::<f64>()).abs() < 1e-9);
        }
    }
}

/// Children of each inner node of a tree, taxa first: `(left, right)` for node `n + k`.
fn inner_nodes(state: &ForestState, n_taxa: usize) -> Vec<(usize, usize)> {
    let mut nodes: Vec<(u64, usize)> = (0..n_taxa).map(|i| (1 << i, i)).collect();
    let mut inner = Vec::new();
    for clade in state.clades() {
        let (inside, outside): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|(set, _)| set & !clade == 0);
        assert_eq!(inside.len(), 2, "a binary tree");
        inner.push((inside[0].1, inside[1].1));
        nodes = outside;
        nodes.push((*clade, n_taxa + inner.len() - 1));
    }
    inner
}

/// Calls `f` with every choice of a state for each node at which those of the taxa are in these sets.
fn for_all_states(taxa: &[u8], n_states: usize, n_nodes: usize, mut f: impl FnMut(&[usize])) {
    let mut states = vec![0; n_nodes];
    for choice in 0..n_states.pow(n_nodes as u32) {
        let mut rest = choice;
        for state in &mut states {
            *state = rest % n_states;
            rest /= n_states;
        }
        let mut pairs = taxa.iter().zip(&states);
        if pairs.all(|(set, state)| set >> state & 1 == 1) {
            f(&states);
        }
    }
}

/// The nucleotides that the taxa may have at a site.
fn sets(alignment: &Alignment, site: usize) -> Vec<u8> {
    let taxa = 0..alignment.n_taxa();
    taxa.map(|taxon| alignment.sequence(taxon)[site]).collect()
}

#[test]
fn parsimony_is_the_smallest_number_of_changes() {
    // Letters, gaps and letters of IUPAC, and more sites than a word holds.
    let text = ">a\nACGTRY-ACGTACGTACG\n>b\nACCTAC-ACGTACGTACC\n>c\nAGCTGT?NNGTTCGTACT\n>d\nAGGTKMW-TGTTCGTC-A\n";
    let written = Alignment::from_fasta(text).unwrap();
    for (alignment, gaps) in [
        (&written, Gaps::Unknown),
        (&written, Gaps::FifthState),
        (&drawn(4, 40), Gaps::Unknown),
    ] {
        let config = PhylogenyRewardConfig::Parsimony {
            temperature: 1.0,
            constant: None,
            gaps,
        };
        let reward = PhylogenyReward::new(alignment, config).unwrap();
        for tree in all_trees(4).1 {
            let inner = inner_nodes(&tree, 4);
            let mut changes = 0;
            for site in 0..alignment.n_sites() {
                let mut taxa = sets(alignment, site);
                let fifth = gaps == Gaps::FifthState;
                for (taxon, set) in taxa.iter_mut().enumerate().filter(|_| fifth) {
                    // A gap is a state, and what is not known may be any of five.
                    *set = match (alignment.gaps(taxon)[site], *set) {
                        (true, _) => 0b1_0000,
                        (false, 0b1111) => 0b1_1111,
                        (false, set) => set,
                    };
                }
                let mut least = usize::MAX;
                for_all_states(&taxa, if fifth { 5 } else { 4 }, 7, |states| {
                    let differ =
                        |k: usize, child: usize| usize::from(states[4 + k] != states[child]);
                    let here = inner.iter().enumerate();
                    let here = here.map(|(k, (l, r))| differ(k, *l) + differ(k, *r));
                    least = least.min(here.sum());
                });
                changes += least;
            }
            assert_eq!(reward.raw_score(&tree), -(changes as f64), "{tree:?}");
        }
    }
}

#[test]
fn likelihood_is_the_sum_over_all_nucleotides() {
    let text = ">a\nACGTR-A\n>b\nACCTAYA\n>c\nAGCTG?T\n>d\nAGGTKAC\n";
    let t: f64 = 0.2;
    let decay = (-4.0 * t / 3.0).exp();
    let along = |a: usize, b: usize| {
        if a == b {
            0.25 + 0.75 * decay
        } else {
            0.25 - 0.25 * decay
        }
    };
    let alignment = Alignment::from_fasta(text).unwrap();
    let reward = PhylogenyReward::new(&alignment, LIKELIHOOD).unwrap();
    for tree in all_trees(4).1 {
        let inner = inner_nodes(&tree, 4);
        let mut log_likelihood = 0.0;
        for site in 0..alignment.n_sites() {
            let mut sum = 0.0;
            for_all_states(&sets(&alignment, site), 4, 7, |letters| {
                let branches = inner.iter().enumerate().map(|(k, (l, r))| {
                    along(letters[4 + k], letters[*l]) * along(letters[4 + k], letters[*r])
                });
                sum += 0.25 * branches.product::<f64>();
            });
            log_likelihood += f64::ln(sum);
        }
        let found = reward.raw_score(&tree);
        assert!((found - log_likelihood).abs() < 1e-10, "{tree:?}");
    }
}

#[test]
fn parsimony_does_not_see_the_root() {
    // Trees of four taxa that are one tree without its root: 15 rooted ones, five for each of three.
    let reward = PhylogenyReward::new(&drawn(4, 200), PARSIMONY).unwrap();
    let mut groups: std::collections::BTreeMap<u64, Vec<f64>> = Default::default();
    for tree in all_trees(4).1 {
        // The split in pairs: a clade of two, or what is beside one; that with taxon 0.
        let pair = tree.clades().iter().find(|c| c.count_ones() == 2).unwrap();
        let split = if pair & 1 == 1 { *pair } else { 0b1111 ^ pair };
        groups
            .entry(split)
            .or_default()
            .push(reward.raw_score(&tree));
    }
    assert_eq!(groups.len(), 3);
    for scores in groups.values() {
        assert_eq!(scores.len(), 5);
        assert!(scores.iter().all(|s| *s == scores[0]), "{scores:?}");
    }
}

#[test]
fn deep_trees_do_not_underflow() {
    let alignment = drawn(64, 300);
    let reward = PhylogenyReward::new(&alignment, LIKELIHOOD).unwrap();
    let clades: Vec<u64> = (2..=64).map(|n| u64::MAX >> (64 - n)).collect();
    let score = reward.raw_score(&reward.environment().object(&clades).unwrap());
    assert!(score.is_finite() && score < -1_000.0, "{score}");
}

#[test]
fn energies_are_those_of_the_reward_at_the_ends() {
    for config in [PARSIMONY, LIKELIHOOD] {
        let config = match config {
            PhylogenyRewardConfig::Parsimony { temperature, .. } => {
                PhylogenyRewardConfig::Parsimony {
                    temperature,
                    constant: Some(50.0),
                    gaps: Gaps::Unknown,
                }
            }
            other => other,
        };
        let reward = PhylogenyReward::new(&drawn(5, 30), config).unwrap();
        let (env, trees) = all_trees(5);
        let (mut energies, mut log_rewards) = (vec![0.0; trees.len()], vec![0.0; trees.len()]);
        reward.energy(&trees, &mut energies).unwrap();
        reward.log_reward(&trees, &mut log_rewards).unwrap();
        for (e, l) in energies.iter().zip(&log_rewards) {
            assert!((e + l).abs() < 1e-9);
        }
        reward.energy(&[env.source()], &mut energies[..1]).unwrap();
        assert!(energies[0].abs() < 1e-9);
        reward
            .log_reward(&[env.source()], &mut energies[..1])
            .unwrap();
        assert!(energies[0].is_nan());
    }
}

#[test]
fn the_caterpillar_is_worth_one_without_a_constant() {
    let config = PhylogenyRewardConfig::Parsimony {
        temperature: 2.0,
        constant: None,
        gaps: Gaps::Unknown,
    };
    let reward = PhylogenyReward::new(&drawn(5, 60), config).unwrap();
    let object = reward
        .environment()
        .object(&[0b11, 0b111, 0b1111, 0b1_1111])
        .unwrap();
    let mut out = [1.0];
    reward.log_reward(&[object], &mut out).unwrap();
    assert_eq!(out, [0.0]);
}

#[test]
fn simulated_sequences_differ_as_the_model_says() {
    // Two taxa are two branches apart: ¾(1 − e^{−8t/3}) of the sites differ, within five deviations.
    let alignment = SimulatedAlignment {
        n_taxa: 2,
        n_sites: 40_000,
        branch_length: 0.3,
        seed: 2,
    };
    let alignment = alignment.draw().unwrap();
    let pairs = alignment.sequence(0).iter().zip(alignment.sequence(1));
    let differ = pairs.filter(|(a, b)| a != b).count() as f64 / 40_000.0;
    let expected = 0.75 * (1.0 - (-0.8f64).exp());
    let deviation = (expected * (1.0 - expected) / 40_000.0).sqrt();
    assert!((differ - expected).abs() < 5.0 * deviation, "{differ}");
}

#[test]
fn bad_fasta_names_the_line() {
    let says = |text: &str| Alignment::from_fasta(text).unwrap_err().to_string();
    assert!(says("").starts_with("line 1: the file ends after 0 taxa"));
    assert!(says("ACGT\n").starts_with("line 1: letters before the first name"));
    assert!(says(">a\nAC\n> \nAC\n").starts_with("line 3: a name is missing"));
    assert!(says(">a\nAC\n\n>a\nAC\n").starts_with("line 4: the taxon a stands twice"));
    assert!(says(">a\nAC\n>b\nAC\nJ\n").starts_with("line 5: letter 1 is 'J'"));
    assert!(
        says(">a\nAC\n>b\nACG\n").starts_with("line 3: the taxon b has 3 letters, but a has 2")
    );
    assert!(says(">a\n>b\nAC\n").starts_with("line 1: the taxon a has no letters"));
    assert!(says(">a\nAC\n").starts_with("line 2: the file ends after 1 taxa"));
    let good = Alignment::from_fasta(">a first\r\nAC\r\ngt\r\n\r\n>b\r\nA-U?\r\n").unwrap();
    assert_eq!(good.names(), ["a", "b"]);
    assert_eq!(good.sequence(0), [1, 2, 4, 8]);
    assert_eq!(good.sequence(1), [1, 15, 8, 15]);
    assert_eq!(good.gaps(1), [false, true, false, false]);
}

#[test]
fn bad_parameters_are_refused() {
    for n_taxa in [0, 1, 65] {
        assert!(Phylogeny::new(n_taxa).is_err());
    }
    let env = Phylogeny::new(4).unwrap();
    for clades in [
        &[0b11_u64, 0b1100][..],
        &[0b11, 0b110, 0b1111],
        &[0b11, 0b11, 0b1111],
        &[0b111, 0b1111],
        &[0b11, 0b1_0011, 0b1_0111],
        &[0, 0b11, 0b111],
    ] {
        let error = env.object(clades).unwrap_err().to_string();
        assert!(error.contains("`clades`"), "{error}");
    }
    let alignment = drawn(3, 10);
    let parsimony = |temperature, constant| PhylogenyRewardConfig::Parsimony {
        temperature,
        constant,
        gaps: Gaps::Unknown,
    };
    let likelihood = |branch_length| PhylogenyRewardConfig::JukesCantor {
        branch_length,
        temperature: 1.0,
        constant: None,
    };
    for (config, name) in [
        (parsimony(0.0, None), "`temperature`"),
        (parsimony(1.0, Some(f64::NAN)), "`constant`"),
        (likelihood(0.0), "`branch_length`"),
        (likelihood(f64::INFINITY), "`branch_length`"),
    ] {
        let error = PhylogenyReward::new(&alignment, config).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let good = SimulatedAlignment {
        n_taxa: 3,
        n_sites: 5,
        branch_length: 0.1,
        seed: 0,
    };
    for bad in [
        SimulatedAlignment { n_taxa: 1, ..good },
        SimulatedAlignment { n_sites: 0, ..good },
        SimulatedAlignment {
            branch_length: -0.1,
            ..good
        },
    ] {
        assert!(bad.draw().is_err());
    }
}
