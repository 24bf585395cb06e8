//! Figures of samples of graphs against a known graph.
//!
//! A graph that is compared with is given by the bits of each node's parents: bit `i` of entry `j` is the edge `i → j`.

use super::DagState;

/// Structural Hamming distance: the pairs of nodes that are not joined alike. A reversed edge counts once.
///
/// # Panics
///
/// If `truth` has more than 32 nodes.
pub fn structural_hamming_distance(state: &DagState, truth: &[u32]) -> usize {
    let edge = |parents: u32, from: usize| parents >> from & 1;
    let nodes = 0..truth.len();
    let differs = |i: usize, j: usize| {
        edge(state.parents(j), i) != edge(truth[j], i)
            || edge(state.parents(i), j) != edge(truth[i], j)
    };
    nodes
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .filter(|(i, j)| differs(*i, *j))
        .count()
}

/// Share of the graphs that have each edge, entry `i·d + j` for `i → j`, `[d, d]`; NaN where there are no graphs.
pub fn edge_frequencies(states: &[&DagState], n_nodes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n_nodes * n_nodes];
    for state in states {
        for (from, to) in state.edges() {
            counts[from * n_nodes + to] += 1.0;
        }
    }
    counts
        .into_iter()
        .map(|count| count / states.len() as f64)
        .collect()
}

/// Share of the graphs in which a directed path leads from one node to another, entry `i·d + j` for `i ⇝ j`, `[d, d]`; NaN where
/// there are no graphs.
///
/// # Panics
///
/// If there are more than 32 nodes.
pub fn path_frequencies(states: &[&DagState], n_nodes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n_nodes * n_nodes];
    for state in states {
        for to in 0..n_nodes {
            let ancestors = state.ancestors(to);
            for from in (0..n_nodes).filter(|from| ancestors >> from & 1 == 1) {
                counts[from * n_nodes + to] += 1.0;
            }
        }
    }
    counts
        .into_iter()
        .map(|count| count / states.len() as f64)
        .collect()
}

/// The ancestors of each node as bits, from the bits of its parents. A node on a cycle is its own ancestor.
pub fn ancestors_of(parents: &[u32]) -> Vec<u32> {
    // Warshall's algorithm.
    let mut ancestors = parents.to_vec();
    for via in 0..parents.len() {
        let through = ancestors[via];
        for above in &mut ancestors {
            if *above >> via & 1 == 1 {
                *above |= through;
            }
        }
    }
    ancestors
}

/// Expected number of edges of a distribution with these edge marginals.
pub fn expected_edges(marginals: &[f64]) -> f64 {
    marginals.iter().sum()
}

/// Expected structural Hamming distance to `truth` of a distribution over acyclic graphs with these edge marginals: a pair is
/// joined one way, the other way or not at all, so that the marginals say how often it is as in `truth`.
pub fn expected_structural_hamming_distance(marginals: &[f64], truth: &[u32]) -> f64 {
    let d = truth.len();
    let has = |from: usize, to: usize| truth[to] >> from & 1 == 1;
    let mut expected = 0.0;
    for j in 0..d {
        for i in 0..j {
            let (forth, back) = (marginals[i * d + j], marginals[j * d + i]);
            expected += 1.0
                - match (has(i, j), has(j, i)) {
                    (false, false) => 1.0 - forth - back,
                    (true, false) => forth,
                    (false, true) => back,
                    // No acyclic graph has both.
                    (true, true) => 0.0,
                };
        }
    }
    expected
}

/// Area under the receiver operating characteristic of the marginals as scores for the edges of `truth`, over the `d·(d − 1)`
/// ordered pairs; ties count half. `None` where `truth` has no edge or all of them. That of paths is the same of path marginals
/// and [`ancestors_of`] the truth.
pub fn area_under_roc(marginals: &[f64], truth: &[u32]) -> Option<f64> {
    let d = truth.len();
    let (mut edges, mut others) = (Vec::new(), Vec::new());
    for to in 0..d {
        for from in (0..d).filter(|from| *from != to) {
            let side = if truth[to] >> from & 1 == 1 {
                &mut edges
            } else {
                &mut others
            };
            side.push(marginals[from * d + to]);
        }
    }
    let pairs = (edges.len() * others.len()) as f64;
    let wins = edges.iter().flat_map(|e| {
        others.iter().map(move |o| match e.partial_cmp(o) {
            Some(std::cmp::Ordering::Greater) => 1.0,
            Some(std::cmp::Ordering::Equal) => 0.5,
            _ => 0.0,
        })
    });
    (pairs > 0.0).then(|| wins.sum::<f64>() / pairs)
}
