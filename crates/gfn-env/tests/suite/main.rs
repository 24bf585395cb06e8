//! Tests of the public interface, one module for each subject.

#[cfg(test)]
mod antimicrobial_peptide;
#[cfg(test)]
mod bag;
#[cfg(test)]
mod bayesian_network;
#[cfg(test)]
mod bit_sequence;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod deceptive_grid;
#[cfg(test)]
mod either_end;
#[cfg(test)]
mod exact;
#[cfg(test)]
mod hypergrid;
#[cfg(test)]
mod ising;
#[cfg(test)]
mod landscapes;
#[cfg(test)]
mod listed_graph;
#[cfg(test)]
mod multi_objective_grid;
#[cfg(test)]
mod parentheses;
#[cfg(test)]
mod peptide;
#[cfg(test)]
mod phylogeny;
#[cfg(test)]
mod sequence;
#[cfg(test)]
mod sequence_orders;
#[cfg(all(test, feature = "serde"))]
mod serialisation;
#[cfg(test)]
mod set;
#[cfg(test)]
mod substructure;
#[cfg(test)]
mod tfbind8;
#[cfg(test)]
mod trajectories;
#[cfg(test)]
mod value_stability;
#[cfg(test)]
mod walk;
