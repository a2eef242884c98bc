"""How candidates are proposed: NSGA-II, and random search as its control."""
