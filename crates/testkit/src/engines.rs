//! Cases that run on several engines, each as a test of its own: `module::case::postgres`.

use crate::{Databases, Storage};

/// Runs a case that takes databases of an engine: to be named before the cases of [`on_every_engine`](crate::on_every_engine).
pub async fn with_databases(storage: Storage, case: impl AsyncFnOnce(&Databases)) {
    case(&Databases::start(storage)).await;
}

/// Makes a test of each case on each engine. A case is an `async fn(Storage)` of the module; or what a function named before `=>` takes
/// besides the engine, and runs:
///
/// ```ignore
/// segue_testkit::on_every_engine!(a_case, another_case);
/// segue_testkit::on_every_engine!(segue_testkit::with_databases => a_case_that_takes_databases);
/// ```
#[macro_export]
macro_rules! on_every_engine {
    ($run:path => $($case:ident),+ $(,)?) => {
        $(mod $case {
            $crate::on_engine!($run, $case, sqlite_memory, SqliteMemory);
            $crate::on_engine!($run, $case, sqlite_file, SqliteFile);
            $crate::on_engine!($run, $case, postgres, Postgres);
        })+
    };
    ($($case:ident),+ $(,)?) => { $crate::on_every_engine!($crate::as_it_is => $($case),+); };
}

/// The same for cases whose database has to outlive its handles, or to be shared by several.
#[macro_export]
macro_rules! on_durable_engines {
    ($run:path => $($case:ident),+ $(,)?) => {
        $(mod $case {
            $crate::on_engine!($run, $case, sqlite_file, SqliteFile);
            $crate::on_engine!($run, $case, postgres, Postgres);
        })+
    };
    ($($case:ident),+ $(,)?) => { $crate::on_durable_engines!($crate::as_it_is => $($case),+); };
}

/// A case that takes the engine alone.
#[doc(hidden)]
pub async fn as_it_is(storage: Storage, case: impl AsyncFnOnce(Storage)) {
    case(storage).await;
}

#[doc(hidden)]
#[macro_export]
macro_rules! on_engine {
    ($run:path, $case:ident, $engine:ident, $storage:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $engine() {
            $run($crate::Storage::$storage, super::$case).await;
        }
    };
}
