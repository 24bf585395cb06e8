//! Three shapes of graph, small enough for tables: a grid with an exit everywhere, a tree, and a lattice whose complete
//! objects have several parents.

use burn::tensor::Device;
use gfn_env::guide::{
    Guide, SeenObjects, SubstructureGuide, SubstructureGuideConfig, UniformGuide,
};
use gfn_env::{
    BitSequence, BitSequenceReward, BitSequenceState, BuildOrder, Environment, EnvironmentError,
    HammingReward, Hypergrid, HypergridReward, HypergridState, Indexed, PartialEnergy, Reward,
    StateGraph, Substructure, Trajectories, log_partition, target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_loss::Regression;
use gfn_policy::{BackwardPolicy, Policy as _, TabularFlowPolicy, exact_terminal_distribution};
use gfn_train::{AdamConfig, BackwardTraining, Objective, Objects, Trainer, TrainerConfig};
use std::sync::Arc;

/// Enough for three digits.
pub(crate) const ITERATIONS: u64 = 1_500;

/// Makes the objective of one run.
pub(crate) type Make = dyn Fn() -> Box<dyn Objective<TabularFlowPolicy>>;

/// How a table is trained.
pub(crate) struct Training<'a> {
    pub(crate) objective: &'a Make,
    pub(crate) backward: BackwardPolicy,
    pub(crate) backward_training: BackwardTraining,
    pub(crate) regression: Regression,
    pub(crate) iterations: u64,
    pub(crate) batch_size: usize,
    pub(crate) seed: u64,
    /// Share of uniform actions.
    pub(crate) epsilon: f64,
    /// Which ways to an object are wanted.
    pub(crate) guide: Guided,
    /// The target is `R` times the terminal distribution of the uniform policy.
    pub(crate) relative: bool,
    /// The target is `R` times the number of trajectories into an object.
    pub(crate) counted: bool,
    /// Train on the objects of the target instead of sampled ones, each as often as its probability asks.
    pub(crate) on_objects: bool,
}

impl<'a> Training<'a> {
    pub(crate) fn new(objective: &'a Make, backward: BackwardPolicy) -> Self {
        Self {
            objective,
            backward,
            backward_training: BackwardTraining::WithObjective,
            regression: Regression::Squared {},
            iterations: ITERATIONS,
            batch_size: 16,
            seed: 0,
            epsilon: 0.1,
            guide: Guided::Not,
            relative: false,
            counted: false,
            on_objects: false,
        }
    }
}

/// Which guide a trainer has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guided {
    Not,
    /// Uniform over the parents.
    Uniform,
    /// All paths to an object are as likely.
    PathCounts,
    /// By shared parts.
    Substructure,
}

/// `log p(τ | x) = −log n(x)`: the guide that is the P_B of maximum entropy.
struct PathCounts<S> {
    graph: StateGraph<S>,
    log_counts: Vec<f64>,
}

impl<S: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync> Guide<S> for PathCounts<S> {
    fn log_probs(
        &self,
        trajectories: &Trajectories<S>,
        _seen: &SeenObjects<S>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let log_count = |x: &S| self.log_counts[self.graph.index_of(x).expect("an object")];
        Ok(trajectories.terminals().map(|x| -log_count(x)).collect())
    }
}

/// How far the end of a run is from the exact answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance {
    pub(crate) total_variation: f64,
    /// Of the policy's own log Z, whether the objective trains it or not.
    pub(crate) log_z: f64,
}

/// An environment with its reward and partial energies.
pub(crate) struct Toy<E: Environment, R> {
    env: Indexed<E>,
    reward: R,
}

pub(crate) fn grid() -> Toy<Hypergrid, HypergridReward> {
    let env = Hypergrid::new(2, 6).expect("a grid");
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).expect("a reward");
    Toy {
        env: Indexed::new(env, 100).expect("72 states"),
        reward,
    }
}

/// The same rewards on an 8x8 grid.
pub(crate) fn wide_grid() -> Toy<Hypergrid, HypergridReward> {
    let env = Hypergrid::new(2, 8).expect("a grid");
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).expect("a reward");
    Toy {
        env: Indexed::new(env, 200).expect("128 states"),
        reward,
    }
}

/// Four bits, left to right: a tree of 31 states.
pub(crate) fn tree() -> Toy<BitSequence, BitSequenceReward> {
    strings(BuildOrder::Autoregressive)
}

/// Four bits in any order: 81 states, four parents of every complete string.
pub(crate) fn lattice() -> Toy<BitSequence, BitSequenceReward> {
    strings(BuildOrder::AnyPosition)
}

fn strings(order: BuildOrder) -> Toy<BitSequence, BitSequenceReward> {
    let env = BitSequence::new(4, 1, order).expect("strings");
    let modes = [0b0110, 0b1111].map(|bits| env.string(bits).expect("four bits"));
    let rule = HammingReward::RawHamming { exponent: 1.0 };
    Toy {
        reward: BitSequenceReward::new(&env, rule, modes.to_vec()).expect("a reward"),
        env: Indexed::new(env, 100).expect("at most 81 states"),
    }
}

/// What the rewards of the toys can do.
pub(crate) trait ToyReward<S>: Reward<S> + PartialEnergy<S> + Clone + 'static {}

impl ToyReward<HypergridState> for HypergridReward {}
impl ToyReward<BitSequenceState> for BitSequenceReward {}

impl<E, R> Toy<E, R>
where
    E: Substructure<State: 'static> + Clone + 'static,
    R: ToyReward<E::State>,
{
    pub(crate) fn train(&self, training: &Training<'_>) -> Distance {
        self.train_and_look(training, |_env, _policy| {})
    }

    /// As [`Toy::train`], and shows the policy at the end.
    pub(crate) fn train_and_look(
        &self,
        training: &Training<'_>,
        look: impl FnOnce(&Indexed<E>, &TabularFlowPolicy),
    ) -> Distance {
        let Self { env, reward } = self;
        let device = Device::flex().autodiff();
        let policy = TabularFlowPolicy::new(env, training.backward, &device);
        let epsilon = Schedule::constant(training.epsilon);
        let explore = EpsilonUniform::new(OnPolicy, epsilon).expect("in range");
        let down = |from: f64| Schedule::Cosine {
            from,
            to: 1e-3,
            iterations: training.iterations,
        };
        let config = TrainerConfig {
            seed: training.seed,
            batch_size: training.batch_size,
            regression: training.regression.into(),
            backward: training.backward_training.clone(),
            optimiser: AdamConfig {
                learning_rate: down(0.1),
                log_z_learning_rate: down(0.1),
                ..AdamConfig::default()
            },
            ..TrainerConfig::default()
        };
        let objective = (training.objective)();
        let trainer = Trainer::new(env, reward, policy, objective, config);
        let mut trainer = trainer
            .expect("a valid configuration")
            .with_behaviour(explore)
            .with_partial_energy(Arc::new(reward.clone()));
        trainer = match training.guide {
            Guided::Not => trainer,
            Guided::Uniform => trainer.with_guide(UniformGuide(env.clone())),
            Guided::PathCounts => trainer.with_guide(PathCounts {
                log_counts: env.graph().log_path_counts(),
                graph: env.graph().clone(),
            }),
            Guided::Substructure => {
                let config = SubstructureGuideConfig::default();
                let guide = SubstructureGuide::new(env.clone(), config);
                trainer.with_guide(guide.expect("valid parameters"))
            }
        };
        let graph = env.graph();
        let mut log_rewards = graph.log_rewards(reward).expect("rewards");
        if training.relative {
            let mut allowed = vec![false; env.n_actions()];
            let prior = graph.terminal_distribution(|states, rows| {
                for (state, row) in states.iter().zip(rows.chunks_mut(allowed.len())) {
                    env.forward_mask(state, &mut allowed);
                    let n = allowed.iter().filter(|ok| **ok).count() as f64;
                    row.fill(-n.ln());
                }
            });
            let prior = prior.expect("a distribution");
            let pairs = log_rewards.iter_mut().zip(prior);
            pairs.for_each(|(log_r, p)| *log_r += p.ln());
        }
        if training.counted {
            let log_counts = graph.log_path_counts();
            let pairs = log_rewards.iter_mut().zip(graph.terminal_states());
            pairs.for_each(|(log_r, x)| {
                *log_r += log_counts[graph.index_of(x).expect("an object")];
            });
        }
        let target = target_distribution(&log_rewards);
        if training.on_objects {
            let objects = graph.terminal_states().iter().zip(&target);
            let objects = objects
                .flat_map(|(x, p)| std::iter::repeat_n(x.clone(), (p * 10_000.0).round() as usize));
            let objects = Objects::new(env, reward, objects.collect()).expect("complete objects");
            trainer = trainer.with_objects(objects);
        }
        trainer
            .run(training.iterations, |_report, _trajectories| {})
            .expect("finite losses");
        look(env, trainer.policy());
        let sampler = trainer.policy().sampler();
        let learned = exact_terminal_distribution(env, graph, sampler.as_ref());
        Distance {
            total_variation: total_variation(&learned.expect("finite"), &target),
            log_z: (trainer.log_z() - log_partition(&log_rewards)).abs(),
        }
    }
}
