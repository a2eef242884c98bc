"""NSGA-II over genotypes, evaluation and the Pareto set."""
