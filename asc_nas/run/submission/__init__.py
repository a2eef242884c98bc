"""What is handed in to DCASE Task 1: inference package, system description, outputs, report."""
