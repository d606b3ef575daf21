"""promptflow's evaluation flows as evaluators, unmodified."""
