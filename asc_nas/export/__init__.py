"""Networks as files for other machines, checked against PyTorch."""
