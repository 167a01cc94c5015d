"""Quality filters over task files of any origin: each says keep, drop or unknown, and why. One file a filter."""
