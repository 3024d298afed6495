"""The call center's one process: hand-overs, desks, and the snapshots of both."""
