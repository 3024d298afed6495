"""Everything that the call center keeps in one process: hand-overs, desks, and the snapshots of both."""
