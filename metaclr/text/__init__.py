"""Texts that belong to images: captions, tokens, views of tokens, and small encoders of them."""

from metaclr.text.captions import caption_lines, captions, class_captions
from metaclr.text.encoders import build_text_encoder
from metaclr.text.token_views import TokenViews
from metaclr.text.vocabulary import Vocabulary

__all__ = ["TokenViews", "Vocabulary", "build_text_encoder", "caption_lines", "captions", "class_captions"]
