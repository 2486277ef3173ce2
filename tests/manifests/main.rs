//! The manifests of `k8s/`, rendered by the real `kubectl kustomize` and read strictly: a field that Kubernetes doesn't know
//! is an error. Then what no schema tells: that selectors match, ports and references exist, settings are settings, and
//! who may call whom.
//!
//! To add a rule, write a function from [`cluster::Cluster`] to what is wrong, name it in [`rules::ALL`], and add to
//! `broken.rs` a change that it must find.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod container;
#[cfg(test)]
mod models;
#[cfg(test)]
mod network;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod references;
#[cfg(test)]
mod render;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod started;
#[cfg(test)]
mod tools;
