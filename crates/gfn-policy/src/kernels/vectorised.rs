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
