"""`positives = SOURCE` for any method, with settings of the source: `simclr(positives=patch, patch.grid=4)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from episodes import ImageSet
from metaclr import positives
from metaclr.bridge.settings import override
from metaclr.comparison.labels.cluster_labels import with_cluster_labels
from metaclr.errors import UserError, unknown
from metaclr.methods import Method
from metaclr.positives import Positives
from metaclr.positives.mixture import Mixture, parse_mixture

KEY = "positives"


def is_positives_setting(key: str) -> bool:
    """Whether a setting of a method is read here: `positives`, or a setting of a source such as `patch.grid`."""
    name, dot, _ = key.partition(".")
    return key == KEY or (bool(dot) and name in positives.names())


def declared(method: Method, settings: Mapping[str, Any]) -> Method:
    """The method with the source of positives and the clustering that a user set.

    Raises:
        UserError: see `with_positives` and `with_cluster_labels`.
    """
    if KEY in settings and settings.get("labels") == "cluster":
        raise UserError(f"{method.name or 'method'}: set positives or labels, not both: positives = 'cluster'")
    return with_cluster_labels(with_positives(method, settings), settings)


def with_positives(method: Method, settings: Mapping[str, Any]) -> Method:
    """The method with the source of positives that a user set; without such settings as it is.

    settings: of the method's entry. `positives` names a source, or several as a mixture (`augmentation+2*time`);
    `SOURCE.KEY` are settings of a source.

    Raises:
        UserError: an unknown source or setting (with the nearest), settings of another source, or a pair of method and
            source that is undefined, with the reason.
    """
    chosen = {key: value for key, value in settings.items() if is_positives_setting(key)}
    if not chosen:
        return method
    title, name = method.name or "method", chosen.pop(KEY, None)
    if name is not None and not isinstance(name, str):
        raise UserError(f"{title}.positives = {name!r}: one of {', '.join(positives.names())}, or several joined by +")
    source = method.positives if name is None else named_source(name)
    parts = dict(zip(source.names, source.sources, strict=True)) if isinstance(source, Mixture) else {}
    if source is not None and not parts:
        parts = {positives_name(source): source}
    for key, value in chosen.items():
        of, _, setting = key.partition(".")
        if of not in parts:
            raise UserError(f"{title}: {key} is set, but its positives are not {of!r}; set {title}.positives={of}")
        known = [field.name for field in fields(parts[of])]
        if setting not in known:
            raise unknown(f"setting of positives {of!r}", setting, known or ["no settings"])
        parts[of] = override(parts[of], **{setting: value})
    assert source is not None
    configured = tuple(parts.values())
    changed = replace(source, sources=configured) if isinstance(source, Mixture) else configured[0]
    return replace(changed.method(method), positives=changed)


def named_source(name: str) -> Positives:
    """A source by its name, or a mixture by its sources, with default settings.

    Raises:
        UserError: an unknown source, or a mixture that is undefined.
    """
    return parse_mixture(name) if "+" in name or "*" in name else positives.get(name)()


def positives_name(source: Positives) -> str:
    """The name of a source: that of its file; of a mixture its sources with their weights."""
    if isinstance(source, Mixture):
        return source.title
    return type(source).__module__.rpartition(".")[2]


def labelled(method: Method, images: ImageSet) -> ImageSet:
    """The images of a source data set under the labels that the method's ways are drawn by."""
    return images if method.positives is None else method.positives.labelled(images)


def ways_of(method: Method, images: ImageSet) -> ImageSet:
    """The images whose number, and whose images a class, limit the ways of the method's tasks."""
    return images if method.positives is None else method.positives.ways(images)


def rendered(method: Method, images: ImageSet) -> ImageSet:
    """The images that the method's batches are made of: those of the source data set, or parts of them."""
    return images if method.positives is None else method.positives.rendered(images)


def source_fingerprint(method: Method, images: ImageSet) -> str:
    """Hash of everything that the method reads of its source data set."""
    key = "" if method.positives is None else method.positives.key(images)
    return f"{images.fingerprint()}{f' {key}' if key else ''}"
