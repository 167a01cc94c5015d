"""What did it learn: predict, parse, score, judge, compare, report."""
