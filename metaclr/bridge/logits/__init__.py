"""Logits: dense or lazy, and the reductions that losses are made of."""
