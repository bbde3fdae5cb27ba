//! Clusters and their inventory.
