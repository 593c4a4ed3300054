"""Objectives without class logits."""
