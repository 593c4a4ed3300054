"""Heads: classifiers of an episode, from support and query embeddings to class logits."""
