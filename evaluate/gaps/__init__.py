"""What a student still gets wrong, and the next annotation run that follows from it."""
