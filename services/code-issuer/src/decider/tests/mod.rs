mod batches;
mod commands;
mod handoffs;
mod meanwhile;
mod replica;
mod standing;

/// When histories begin.
const START: i64 = 1_700_000_000_000;
