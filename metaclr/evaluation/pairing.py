"""Images and texts in one space: what zero-shot classification and retrieval compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.networks.eval_mode import evaluation_mode
from metaclr.text.tower import Tokens

_BATCH = 512


@dataclass(frozen=True, eq=False)
class Pairing:
    """What was trained on pairs, beside the image encoder: its projector, the text encoder and its vocabulary."""

    projector: nn.Module
    text: nn.Module
    vocabulary: Tokens

    @torch.inference_mode()
    def images(self, features: Tensor) -> Tensor:
        """Features (M, F) of the image encoder to unit embeddings (M, D)."""
        return self._unit(self.projector, features.to(self._weight(self.projector, features).dtype))

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to unit embeddings (B, D), on the device of the text encoder."""
        at = next(self.text.parameters()).device
        return self._unit(self.text, self.vocabulary.encode(texts).to(at))

    def classes(self, names: Sequence[str], templates: Sequence[str]) -> Tensor:
        """Unit embedding of each class (C, D): the mean of its unit text embeddings over the templates, normalized.

        As mlfoundations/open_clip, zero_shot_classifier.py. A template has one {}, which the name replaces.
        """
        filled = torch.stack([self.texts([template.format(name) for name in names]) for template in templates])
        return F.normalize(filled.mean(0), dim=-1)

    @staticmethod
    def _weight(module: nn.Module, default: Tensor) -> Tensor:
        return next(module.parameters(), default)

    @staticmethod
    def _unit(module: nn.Module, rows: Tensor) -> Tensor:
        with evaluation_mode(module):
            embedded = torch.cat([module(part) for part in torch.split(rows, _BATCH)])
        return F.normalize(embedded.float(), dim=-1)
