"""What can be searched: genotypes, the space of them, and the layers each one stands for."""
