//! The status words of instances and nodes, by Ganeti's rules.

use super::{Admin, Cluster, Instance, Node};

impl Cluster {
    /// Whether the primary node of an instance answers.
    #[must_use]
    pub fn primary_reachable(&self, instance: &Instance) -> bool {
        self.nodes.get(&instance.pnode).is_some_and(Node::reachable)
    }

    /// `oper_state`: running, not running, or unknown.
    #[must_use]
    pub fn oper_state(&self, instance: &Instance) -> Option<bool> {
        self.primary_reachable(instance)
            .then(|| instance.running_on.as_deref() == Some(instance.pnode.as_str()))
    }

    /// `status` of an instance.
    #[must_use]
    pub fn status(&self, instance: &Instance) -> &'static str {
        let Some(pnode) = self.nodes.get(&instance.pnode) else { return "ERROR_nodedown" };
        if pnode.offline {
            return "ERROR_nodeoffline";
        }
        if pnode.down {
            return "ERROR_nodedown";
        }
        let here = instance.running_on.as_deref() == Some(instance.pnode.as_str());
        match (instance.admin, &instance.running_on) {
            (Admin::Up, Some(_)) if here => "running",
            (_, Some(_)) if !here => "ERROR_wrongnode",
            (Admin::Up, _) => "ERROR_down",
            (Admin::Down | Admin::Offline, Some(_)) => "ERROR_up",
            (Admin::Down, None) => "ADMIN_down",
            (Admin::Offline, None) => "ADMIN_offline",
        }
    }

    /// Role letter of a node.
    #[must_use]
    pub fn role(&self, node: &Node) -> &'static str {
        if node.name == self.master {
            "M"
        } else if node.offline {
            "O"
        } else if node.drained {
            "D"
        } else if node.candidate {
            "C"
        } else {
            "R"
        }
    }
}
