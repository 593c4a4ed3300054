"""Heads: classifiers of an episode, from support and query embeddings to class logits, in training and in test."""

from metaclr.heads.head import Classifier, Head, is_transductive
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.registry import HEADS, NamedHead, get_head
from metaclr.heads.source_statistics import SourceFeatures
from metaclr.heads.transforms import TRANSFORMS, get_transform

__all__ = [
    "HEADS",
    "TRANSFORMS",
    "Classifier",
    "Head",
    "LinearClassifier",
    "NamedHead",
    "SourceFeatures",
    "get_head",
    "get_transform",
    "is_transductive",
]
