"""Adaptation: an encoder's weights change on a support set before its queries are classified."""
