"""Heads during training: what leave-one-out, queues and lazy logits add to a classifier of an episode."""
