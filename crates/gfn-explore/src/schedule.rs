//! Values that move with the iteration: exploration rates, temperatures, learning rates.

/// A value for every iteration `k = 0, 1, …`.
///
/// In an experiment file a plain number is a constant: `epsilon = 0.1`, or
/// `epsilon = { kind = "linear", from = 1.0, to = 0.0, iterations = 30_000 }`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        remote = "Self",
        tag = "kind",
        rename_all = "kebab-case",
        deny_unknown_fields
    )
)]
#[non_exhaustive]
pub enum Schedule {
    /// `value` at every iteration.
    Constant {
        /// The value.
        value: f64,
    },
    /// From `from` at iteration 0 to `to` at iteration `iterations`, in a straight line; `to` afterwards.
    Linear {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
        /// Iterations that the way takes.
        iterations: u64,
    },
    /// `max(to, from · factor^k)`.
    Exponential {
        /// First value.
        from: f64,
        /// Factor of one iteration, in `(0, 1]`.
        factor: f64,
        /// Lower bound.
        #[cfg_attr(feature = "serde", serde(default))]
        to: f64,
    },
    /// From `from` to `to` along half a cosine over `iterations`; `to` afterwards.
    Cosine {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
        /// Iterations that the way takes.
        iterations: u64,
    },
}

/// A schedule that is not usable.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A value lies outside the range that its use allows.
    #[error("the value {value} of the schedule is not in [{low}, {high}]")]
    OutOfRange {
        /// Offending value.
        value: f64,
        /// Lowest allowed value.
        low: f64,
        /// Highest allowed value.
        high: f64,
    },
    /// The factor of an exponential schedule is not in (0, 1].
    #[error("the factor {0} of an exponential schedule is not in (0, 1]")]
    Factor(f64),
    /// A linear or cosine schedule over no iterations.
    #[error("a linear or cosine schedule takes at least one iteration")]
    NoIterations,
}

impl Schedule {
    /// The same value at every iteration.
    pub const fn constant(value: f64) -> Self {
        Self::Constant { value }
    }

    /// The value at iteration `k`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_explore::Schedule;
    /// let schedule = Schedule::Linear { from: 1.0, to: 0.0, iterations: 4 };
    /// assert_eq!([0, 1, 4, 9].map(|k| schedule.at(k)), [1.0, 0.75, 0.0, 0.0]);
    /// ```
    pub fn at(&self, k: u64) -> f64 {
        let progress = |iterations: u64| (k as f64 / iterations as f64).min(1.0);
        match *self {
            Self::Constant { value } => value,
            Self::Linear {
                from,
                to,
                iterations,
            } => from + (to - from) * progress(iterations),
            Self::Exponential { from, factor, to } => (from * factor.powf(k as f64)).max(to),
            Self::Cosine {
                from,
                to,
                iterations,
            } => {
                to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * progress(iterations)).cos())
            }
        }
    }

    /// Checks that every value lies in `[low, high]`.
    ///
    /// # Errors
    ///
    /// Names the value that does not, or the parameter that makes no schedule.
    pub fn validate(&self, low: f64, high: f64) -> Result<(), ScheduleError> {
        let ends = match *self {
            Self::Constant { value } => [value, value],
            Self::Linear {
                from,
                to,
                iterations,
            }
            | Self::Cosine {
                from,
                to,
                iterations,
            } => {
                if iterations == 0 {
                    return Err(ScheduleError::NoIterations);
                }
                [from, to]
            }
            Self::Exponential { from, factor, to } => {
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(ScheduleError::Factor(factor));
                }
                [from, to]
            }
        };
        for value in ends {
            if !(value >= low && value <= high) {
                return Err(ScheduleError::OutOfRange { value, low, high });
            }
        }
        Ok(())
    }
}

#[cfg(feature = "serde")]
mod serialisation {
    use super::Schedule;
    use serde::de::value::MapAccessDeserializer;
    use serde::de::{MapAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    impl Serialize for Schedule {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Constant { value } => serializer.serialize_f64(*value),
                other => Self::serialize(other, serializer),
            }
        }
    }

    impl<'de> Deserialize<'de> for Schedule {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct NumberOrTable;
            impl<'de> Visitor<'de> for NumberOrTable {
                type Value = Schedule;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(
                        "a number or a table with `kind` (constant, linear, exponential, cosine)",
                    )
                }
                fn visit_f64<E>(self, value: f64) -> Result<Schedule, E> {
                    Ok(Schedule::Constant { value })
                }
                fn visit_i64<E>(self, value: i64) -> Result<Schedule, E> {
                    Ok(Schedule::Constant {
                        value: value as f64,
                    })
                }
                fn visit_u64<E>(self, value: u64) -> Result<Schedule, E> {
                    Ok(Schedule::Constant {
                        value: value as f64,
                    })
                }
                fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Schedule, A::Error> {
                    Schedule::deserialize(MapAccessDeserializer::new(map))
                }
            }
            deserializer.deserialize_any(NumberOrTable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let e = Schedule::Exponential {
            from: 0.8,
            factor: 0.5,
            to: 0.15,
        };
        assert_eq!([0, 1, 2, 3].map(|k| e.at(k)), [0.8, 0.4, 0.2, 0.15]);
        let c = Schedule::Cosine {
            from: 1.0,
            to: 0.0,
            iterations: 2,
        };
        assert!((c.at(1) - 0.5).abs() < 1e-15, "half way");
        assert!(c.at(5).abs() < 1e-15, "past the end");
        assert_eq!(Schedule::constant(0.3).at(7), 0.3);
    }

    #[test]
    fn bad_schedules_are_refused() {
        let linear = Schedule::Linear {
            from: 1.2,
            to: 0.0,
            iterations: 3,
        };
        assert_eq!(
            linear.validate(0.0, 1.0),
            Err(ScheduleError::OutOfRange {
                value: 1.2,
                low: 0.0,
                high: 1.0
            })
        );
        assert!(Schedule::constant(f64::NAN).validate(0.0, 1.0).is_err());
        let none = Schedule::Linear {
            from: 1.0,
            to: 0.0,
            iterations: 0,
        };
        assert_eq!(none.validate(0.0, 1.0), Err(ScheduleError::NoIterations));
        let growing = Schedule::Exponential {
            from: 0.1,
            factor: 1.1,
            to: 0.0,
        };
        assert_eq!(growing.validate(0.0, 1.0), Err(ScheduleError::Factor(1.1)));
    }
}
