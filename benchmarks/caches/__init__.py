"""The cache beside others: what each does, by probes, and what a hit costs its processor."""
