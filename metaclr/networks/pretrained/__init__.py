"""Encoders with weights that were trained elsewhere: timm, the Hugging Face hub, files of weights."""
