"""The challenges' result files and their ground truth."""
