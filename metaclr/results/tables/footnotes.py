"""What was held fixed, in words: for footnotes and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metaclr.recipe.protocols import PROTOCOLS
from metaclr.results.scores.families import FAMILY
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row
from metaclr.results.tables.own_heads import own_heads


def fixed_settings(results: Results) -> list[tuple[str, str]]:
    """(what, value) pairs that were the same for every method, from the recipe, or from the rows without one."""
    recipe, rows = results.recipe, results.rows
    pairs = [
        ("protocol", _protocol(recipe)),
        ("source", _listed(dict.fromkeys(row.source for row in rows))),
        ("targets", _listed(dict.fromkeys(row.target for row in rows))),
        ("images", _images(recipe)),
        ("encoder", _encoder(results)),
        ("views", _views(recipe)),
        ("budget", _budget(results)),
        ("optimizer", _optimiser(recipe.get("train", {}), results.about.environment.get("trained in", ""))),
        ("training seeds", "" if results.from_elsewhere else _listed(sorted({row.seed for row in rows}))),
        ("few-shot", _few_shot(results)),
        ("low-label", _low_label(recipe)),
        ("batch norm", _batch_norm(recipe)),
    ]
    return [(what, value) for what, value in pairs if value]


def footnotes(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> tuple[str, ...]:
    """The notes under a table of scores: how to read a cell, what was held fixed, what is missing."""
    fixed = dict(fixed_settings(results))
    few = [fixed["few-shot"]] if any(t.family == "few-shot" for t in tasks) and "few-shot" in fixed else []
    low = [fixed["low-label"]] if any(t.family == "low-label" for t in tasks) and "low-label" in fixed else []
    own_views = results.recipe.get("views_mode") == "per_method" or bool(_entries_views(results.recipe))
    training = [
        f"{k}: {fixed[k]}" for k in ("encoder", "budget", "views") if k in fixed and not (own_views and k == "views")
    ]
    notes = [
        _reading(results, summary, tasks),
        f"Protocol: {fixed['protocol']}." if "protocol" in fixed else "",
        f"Bold: the best of a column and those not significantly worse than it (paired tests on the same "
        f"{_items_of(tasks)}, {FAMILY}, level {LEVEL:g}). ± and bold speak about {scope(summary, tasks)}.",
        _episode_interval(tasks),
        f"The same for every method: {'; '.join(training)}." if training else "",
        f"NOT the same: views, {fixed['views']}." if own_views else "",
        *(f"{kind}: {text}." for kind, text in (*(("Few-shot", t) for t in few), *(("Low-label", t) for t in low))),
        f"Batch norm: {fixed['batch norm']}." if "batch norm" in fixed else "",
        _labels(results, summary),
        _controls(results, summary),
        _missing(results, summary, tasks),
        *_unpaired(summary, tasks),
        *_failures(results),
        *(f"{line}." for line in results.recipe.get("tuning", ())),
        *results.about.remarks,
    ]
    return tuple(note for note in notes if note)


def short_footnotes(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> tuple[str, ...]:
    """The notes without which a number could be misread: what ± and bold are, and what is not held fixed or missing."""
    seeds = len({row.seed for row in results.rows})
    spread = f", mean of {seeds} training seeds (standard deviation)" if seeds > 1 else ""
    budget = _budget(results)
    start = results.recipe.get("encoder", {}).get("start")
    notes = [
        f"Accuracy in %, ± 95 % interval{spread}. Bold: best, or not significantly worse (Holm, level {LEVEL:g}).",
        f"Budget: {budget}." if budget.startswith("NOT EQUAL") else "",
        f"All methods start from the weights of {start}." if start else "",
        "NOT the same: views." if results.recipe.get("views_mode") == "per_method" else "",
        _labels(results, summary),
        _missing(results, summary, tasks),
        *_unpaired(summary, tasks),
        *_failures(results),
        *(line for line in results.about.remarks if line.startswith("NOT the same")),
    ]
    return tuple(note for note in notes if note)


def _reading(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> str:
    seeds = sorted({row.seed for row in results.rows})
    if results.from_elsewhere:
        return "Accuracy in %, mean ± 95 % interval. The encoders were trained elsewhere."
    if len(seeds) == 1:
        return f"Accuracy in %, mean ± 95 % interval. One training seed ({seeds[0]})."
    return (
        f"Accuracy in %, mean ± 95 % interval, averaged over {len(seeds)} training seeds; in parentheses the standard "
        "deviation over seeds."
    )


def _episode_interval(tasks: Sequence[TableColumn]) -> str:
    if not any(t.is_few_shot for t in tasks):
        return ""
    return (
        "The CSV file also has ci95_episodes, the narrower interval over other episodes of the same classes and images."
    )


def _items_of(tasks: Sequence[TableColumn]) -> str:
    families = {t.family == "few-shot" for t in tasks}
    return "episodes" if families == {True} else "test images" if families == {False} else "episodes or test images"


def _labels(results: Results, summary: Summary) -> str:
    """Which methods were given the source's labels: a reader must not compare them with the others unawares."""
    seen = {m: results.about.methods.get(m, {}).get("labels", "") for m in summary.methods}
    given = [m for m, labels in seen.items() if labels == "yes"]
    pairs = {m for m, of in results.about.methods.items() if of.get("positives") == "pair"}
    given = [f"{m} (texts: captions, else names of classes)" if m in pairs else m for m in given]
    if not any(seen.values()):
        return ""
    return f"Trained on the source's labels: {_listed(given) or 'none'}; every other method sees images alone."


def _controls(results: Results, summary: Summary) -> str:
    given = results.recipe.get("encoder", {}).get("start")
    kinds = {"untrained": "is the same encoder with random weights", "pixels": "has no encoder"}
    if given:
        kinds["untrained"] = "is the encoder with the weights that all start from"
    names = {title: results.name_of(title) for title in summary.methods if title in summary.controls}
    text = "; ".join(f"{title} {kinds[name]}" for title, name in names.items() if name in kinds)
    return f"Controls, last in the table: {text}." if text else ""


def _missing(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> str:
    there = [m for m in summary.methods if m not in results.failed]
    missing = [m for m in there if any((m, t) not in summary.scores for t in tasks)]
    pixels = [m for m in missing if results.name_of(m) == "pixels"]
    why = f"; {pixels[0]} has no weights to fine-tune" if pixels else ""
    return f"–: not measured{why}." if missing else ""


def _unpaired(summary: Summary, tasks: Sequence[TableColumn]) -> list[str]:
    reasons = {t: summary.unpaired[t] for t in tasks if t in summary.unpaired}
    lines = [f"Nothing is bold in {t.target}, {t.title}: {reason}." for t, reason in reasons.items()]
    for task in (t for t in tasks if t.is_few_shot):
        undefined = [s.undefined for s in summary.of(task) if s.ci95 is None and s.undefined]
        if undefined and undefined[0] not in summary.unpaired.get(task, ""):
            lines.append(f"No ± in {task.target}, {task.title}: {undefined[0]}.")
    return lines


def _failures(results: Results) -> list[str]:
    return [f"Failed: {line}." for lines in results.failed.values() for line in (x.rstrip(".") for x in lines)]


def _protocol(recipe: Mapping[str, Any]) -> str:
    """The published protocol, and which of its data the command replaced."""
    name = str(recipe.get("protocol", ""))
    if name not in PROTOCOLS:
        return name
    protocol = PROTOCOLS[name]
    others = [
        f"{what} {_listed(recipe[key])} in place of {_listed(value)}"
        for what, key, value in (("source", "sources", protocol.sources), ("target", "targets", protocol.targets))
        if recipe.get(key) and list(recipe[key]) != ["elsewhere"] and tuple(recipe[key]) != value
    ]
    few = recipe.get("evaluate", {}).get("few_shot") or {}
    wanted = (protocol.evaluate.get("few_shot") or {}).get("episodes")
    if wanted and few.get("episodes", wanted) != wanted:
        others.append(f"{few['episodes']:,} episodes in place of {wanted:,}")
    return protocol.line + (f"; here: {'; '.join(others)}" if others else "")


def _images(recipe: Mapping[str, Any]) -> str:
    if not recipe.get("size"):  # 0: encoders of different sizes, which the remarks list
        return ""
    size, channels = recipe["size"], recipe.get("channels", 1)
    shuffled = "; LABELS SHUFFLED (negative control)" if recipe.get("shuffle_labels") else ""
    return f"{size} × {size} pixels, {channels} channel{'s' if channels > 1 else ''}{shuffled}"


def _encoder(results: Results) -> str:
    # The pixels control has no encoder, so its rows may name another one.
    names = dict.fromkeys(row.encoder for row in results.rows if row.method not in results.controls)
    settings = results.recipe.get("encoder", {})
    name = _listed(names) or str(settings.get("name", ""))
    options = ", ".join(f"{key} {value}" for key, value in settings.get("options", {}).items())
    name = f"{name} ({options})" if options and "(" not in name else name
    return f"{name}, starting from the weights of {settings['start']}" if settings.get("start") else name


def _views(recipe: Mapping[str, Any]) -> str:
    if not recipe.get("views"):
        return ""
    if recipe.get("views_mode") == "per_method":
        return f"each method's own (not held fixed); {recipe['views']!r} for a method that has none"
    own = _entries_views(recipe)
    if own:
        return f"{recipe['views']!r}, but of {'; '.join(own)}"
    return f"{recipe['views']!r}, shared by all methods"


def _entries_views(recipe: Mapping[str, Any]) -> list[str]:
    """Methods of a recipe that name views of their own, each with them."""
    found = []
    for entry in recipe.get("methods", ()):
        if not isinstance(entry, Mapping):
            continue
        given = entry.get("settings") or {}
        parts = [repr(entry["views"])] if entry.get("views") else []
        parts += [f"support {given['support_views']!r}"] if given.get("support_views") else []
        parts += [f"learned by {given['learned_views']:g}"] if given.get("learned_views") else []
        if parts:
            found.append(f"{entry.get('label') or entry['name']}: {', '.join(parts)}")
    return found


def _budget(results: Results) -> str:
    trained = [row for row in results.rows if row.method not in results.controls]
    steps, views = ({getattr(row, name) for row in trained} for name in ("steps", "train_views"))
    if not trained or steps == {0}:
        return ""
    if len(steps) > 1 or len(views) > 1:
        per = {row.method: f"{row.method} {row.steps:,} steps, {row.train_views:,} views" for row in trained}
        return f"NOT EQUAL ({'; '.join(per.values())})"
    seen = f", {views.pop():,} views seen" if views != {0} else ""
    return f"{steps.pop():,} steps{seen}"


def _optimiser(train: Mapping[str, Any], precision: str) -> str:
    if "optimizer" not in train:
        return ""
    text = f"{train['optimizer']}, learning rate {train.get('lr'):g}, {train.get('schedule', 'constant')} schedule"
    decay = train.get("weight_decay", 0)
    text += f", weight decay {decay:g}" if decay else ""
    return text + (f", {precision}" if precision else "")


def _few_shot(results: Results) -> str:
    rows: list[Row] = [row for row in results.rows if row.way is not None and row.shot is not None]
    if not rows:
        return ""
    counts = sorted({row.n_items for row in rows})
    settings = results.recipe.get("evaluate", {}).get("few_shot") or {}
    parts = [
        f"{_listed(f'{n:,}' for n in counts)} stored episodes, the same for every method",
        *_queries(rows, settings.get("query", 0)),
    ]
    parts += own_heads(rows)
    pools = {row.target: pool for row in rows if (pool := _pool(row))}
    if pools:
        parts.append(f"drawn from {'; '.join(f'{target}: {pool}' for target, pool in pools.items())}")
    return ", ".join(parts)


def _queries(rows: Sequence[Row], wanted: int) -> list[str]:
    """'15 queries per way', and where classes allow fewer than wanted, which target and shot."""
    by_task = {(row.target, row.shot): int(row.protocol_pairs.get("query", 0)) for row in rows}
    most = wanted or max(by_task.values())
    if not most:
        return []
    fewer = [f"{target} {shot}-shot {query}" for (target, shot), query in by_task.items() if 0 < query < most]
    why = f" (fewer where a class has fewer images: {_listed(fewer)})" if fewer else ""
    return [f"{most} queries per way{why}"]


def _pool(row: Row) -> str:
    """'506 classes, 6,524 images', and of how many the classes are copies; '' where the row does not say."""
    pairs = row.protocol_pairs
    if not {"pool_classes", "pool_images"} <= pairs.keys():
        return ""
    origins = pairs.get("pool_origins")
    copies = f" (copies of {int(origins):,}, which intervals count once each)" if origins else ""
    return f"{int(pairs['pool_classes']):,} classes{copies}, {int(pairs['pool_images']):,} images"


def _low_label(recipe: Mapping[str, Any]) -> str:
    settings = recipe.get("evaluate", {}).get("low_label")
    if not settings:
        return ""
    subsets = settings.get("subsets", 1)
    drawn = "one stored label subset" if subsets == 1 else f"{subsets} stored label subsets"
    return f"{drawn} per setting (in parentheses its labelled images), the same for every method, on all test images"


def _batch_norm(recipe: Mapping[str, Any]) -> str:
    evaluate = recipe.get("evaluate", {})
    if "transductive_bn" not in evaluate:
        return ""
    if evaluate["transductive_bn"]:
        return "transductive (statistics of the evaluated batch)"
    return "eval() mode, running statistics (inductive)"


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values)
