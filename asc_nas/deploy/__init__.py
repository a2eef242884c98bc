"""Export to ONNX, the model card and the classifier that needs no PyTorch."""
