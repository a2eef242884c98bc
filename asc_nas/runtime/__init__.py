"""What runs where there is no PyTorch: model files, classifier, streams, microphone."""
