"""Where positives and labels come from, and what renews them in the course of a training."""
