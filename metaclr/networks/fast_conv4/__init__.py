"""A faster first block of Conv-4 for training on small images."""
