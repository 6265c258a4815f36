"""The audit log: events in a hash chain and a Merkle tree, with signed checkpoints that leave the machine."""
