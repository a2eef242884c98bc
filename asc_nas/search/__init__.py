"""Search strategies over genotypes, their evaluation, the Pareto set, shrinking, ranking."""
