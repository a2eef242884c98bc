"""The C code of a network: kernels (``sources``), and what is written for each model."""
