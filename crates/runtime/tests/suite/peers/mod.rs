//! Calls between services: who gets them, what happens when somebody dies, what is repeated and what never is.

mod dead;
mod repeated;
mod servers;
mod spread;
