"""What becomes of a trained student: saved, merged, verified, described, published."""
