//! What `docs/operations.md` and `docs/kubernetes.md` tell an operator to do, done with the commands that stand there.
//!
//! A block of these that begins with three backticks and `sh NAME` is a script that a test runs by its name.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod forget;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod script;
#[cfg(test)]
mod selector;
#[cfg(test)]
mod up;
#[cfg(test)]
mod up_starts;
