"""The authors' whole training set-ups by method; `test_setups.py` holds them against ours."""

from __future__ import annotations

from tests.metaclr.methods.authors_of_classes import OF_CLASSES
from tests.metaclr.methods.authors_of_views import OF_VIEWS

SETUPS = {**OF_VIEWS, **OF_CLASSES}
