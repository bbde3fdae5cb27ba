//! What Ganeti's opcodes do to what gwm shows.

/// Opcodes that change nothing that is in the inventory: what they name need not be read after them.
const HARMLESS: [&str; 9] = [
    "OP_OS_DIAGNOSE",
    "OP_CLUSTER_VERIFY",
    "OP_CLUSTER_VERIFY_CONFIG",
    "OP_CLUSTER_VERIFY_GROUP",
    "OP_CLUSTER_VERIFY_DISKS",
    "OP_GROUP_VERIFY_DISKS",
    "OP_INSTANCE_QUERY_DATA",
    "OP_BACKUP_PREPARE",
    "OP_TEST_DELAY",
];

pub(crate) fn harmless(op_code: &str) -> bool {
    HARMLESS.contains(&op_code) || op_code.starts_with("OP_QUERY")
}
