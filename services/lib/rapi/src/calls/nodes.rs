//! Nodes.

use crate::bulk::Bulk;
use crate::client::Client;
use crate::error::Error;
use crate::model::Node;

impl Client {
    /// All nodes.
    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.nodes_bulk_raw().await?.parse()
    }

    /// All nodes, as raw objects.
    pub async fn nodes_bulk_raw(&self) -> Result<Bulk, Error> {
        self.get_bulk("GET /2/nodes", &["2", "nodes"]).await
    }

    /// One node by name.
    pub async fn node(&self, name: &str) -> Result<Node, Error> {
        self.get(&["2", "nodes", name], &[]).await
    }
}
