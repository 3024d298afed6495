"""Hand-overs to a human: the state machine, the switchboard, carriers, and audio between browser and telephone."""
