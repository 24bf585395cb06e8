//! The same seed gives the same bytes, whatever the number of threads.

use crate::program::{
    BITS, CAUSAL, DETAILED_BALANCE, GRID, Place, TRANSFORMER, WIDE, assert_same_run, metrics,
    succeed,
};

fn same_for_every_number_of_threads(experiment: &str) {
    let place = Place::new(experiment);
    for (run, threads) in [("a", "1"), ("b", "1"), ("c", "2")] {
        succeed(place.run(run).args(["--threads", threads]));
    }
    assert_same_run(&place.join("a"), &place.join("b"));
    assert_same_run(&place.join("a"), &place.join("c"));
    // A different seed is a different run: the comparison compares something.
    succeed(place.run("d").args(["--seed", "1"]));
    assert_ne!(metrics(&place.join("a")), metrics(&place.join("d")));
}

#[test]
fn hypergrid_with_a_learned_backward_policy() {
    same_for_every_number_of_threads(GRID);
}

#[test]
fn bit_sequence_in_any_order() {
    same_for_every_number_of_threads(BITS);
}

#[test]
fn detailed_balance() {
    same_for_every_number_of_threads(DETAILED_BALANCE);
}

#[test]
fn operations_that_are_shared_between_threads() {
    same_for_every_number_of_threads(WIDE);
}

#[test]
fn transformers() {
    same_for_every_number_of_threads(TRANSFORMER);
    same_for_every_number_of_threads(CAUSAL);
}
