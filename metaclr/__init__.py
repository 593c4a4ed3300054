"""Contrastive and few-shot learning as one objective."""
