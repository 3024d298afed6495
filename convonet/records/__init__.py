"""One record for every turn: what was said, what the agent did, how long each step took. Kept for a week."""
