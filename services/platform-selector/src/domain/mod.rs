//! What the selector decides, without transport, database or clock: same input, same answer.
//!
//! - [`feature`]: what platforms can do; [`vocabulary`]: the catalogue of features.
//! - [`term`]: what the remaining work needs of them; [`work`]: its profile's terms and its own together.
//! - [`hours`]: when they are served.
//! - [`health`]: whether their adapters are up.
//! - [`directory`]: whose identities an account's rows come to, and which accounts are a person's.
//! - [`face`]: how a code gets from one to the other.
//! - [`platform`]: all of that together.
//! - [`selection`]: which one to go on with, and why (R3-R5).
//!
//! To add an operator: a [`term::Test`], its judgement and its text there, its kinds in [`vocabulary`], its words in
//! [`selection::sentence`], its reading in `convert::terms`. To add a ground for or against a platform: a
//! [`selection::Reason`] at the place of its weight, its finding at the same place in `selection::assess`, its clause in
//! [`selection::sentence`], its code in `convert::candidates`.

pub mod directory;
pub mod face;
pub mod feature;
pub mod health;
pub mod hours;
pub mod platform;
pub mod selection;
pub mod term;
pub mod vocabulary;
pub mod work;
