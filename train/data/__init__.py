"""What is learnt from: items, their order, lengths and frames, and the micro-batches they are laid into."""
