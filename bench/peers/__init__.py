"""Peers of the comparison: Pipecat, the minimal cost of Ray Serve, and the minimal cost of Python."""
