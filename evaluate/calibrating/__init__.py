"""What a judge's scores are worth beside people's: a sample to label, a page to label it in, and what follows."""
