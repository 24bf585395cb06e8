//! Loops compiled for the vector instructions that the processor turns out to have.

/// Declares a function whose body is compiled for each instruction set and chosen at run time.
///
/// The body is plain safe code that the compiler vectorises; every reference has the lifetime `'a`.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<'a>($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name<'a>($($arg: $type),*) {
            struct Call<'a> {
                $($arg: $type),*
            }
            impl pulp::NullaryFnOnce for Call<'_> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    let Self { $($arg),* } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Call { $($arg),* });
        }
    };
}

pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use pulp::{Arch, Simd, WithSimd};

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    /// Every set of instructions is a feature of `pulp`: one that is left out is no error, and many times slower.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_widest_vectors_of_the_processor_are_used() {
        let avx512 = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512cd");
        let avx2 = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        let widest = match (avx512, avx2) {
            (true, _) => 16,
            (false, true) => 8,
            _ => return,
        };
        assert_eq!(Arch::new().dispatch(Lanes), widest);
    }
}
