"""Power limit and clocks of the boards: set for an experiment, read back, put back."""
