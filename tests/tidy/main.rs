//! Rules that a machine can keep, over every file of the repository that git does not ignore.
//!
//! To add a rule, write a function that returns what is wrong, each entry naming the file, and a test that calls
//! [`repository::none`] with it. Generated documentation is brought up to date by `SEGUE_BLESS=1`.

#[cfg(test)]
mod access;
mod adr;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod circles;
#[cfg(test)]
mod comments;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod hygiene;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod settings;
