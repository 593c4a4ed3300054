"""Gradient-based meta-learning: learned starts, and rates, of a few gradient steps on a support set."""
