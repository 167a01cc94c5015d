"""Video reasoning annotation: from raw videos to chain-of-thought training data in ten tasks. One file a step."""
