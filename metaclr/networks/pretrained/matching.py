"""Which stored tensor is which weight of a network: by name behind a prefix, or by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.wording import some

PREFERRED = ("encoder_q.", "online", "student", "backbone", "module.", "model.", "net.", "")
"""Where two prefixes fit equally well (MoCo's encoder_q and encoder_k), the first that is part of one is taken."""

_COUNTS = "num_batches_tracked"
_NAMED = 3


def load_matching(
    net: nn.Module, stored: Mapping[str, Tensor], where: str, *, prefix: str | None = None
) -> tuple[str, ...]:
    """Load `stored` into `net`; returns notes on what was removed, left out, or matched by position.

    Tensors are matched by name after one prefix is removed from theirs (`module.`, `backbone.`, `encoder_q.`): the one
    that fits most weights of the network, or `prefix`. Where no name fits but the shapes are those of the network in
    its order, they are matched by position. Tensors of other parts (a classifier, a projector) are left out.

    Raises:
        UserError: weights of the network are missing or have other shapes: begins with `where`, names the first.
    """
    needed = net.state_dict()
    required = [name for name in needed if not name.endswith(_COUNTS)]
    found, notes = _by_prefix(required, stored, where, prefix)
    if len(found) < len(required) and prefix is None and (positions := _by_position(required, needed, stored)):
        found = positions
        notes = [f"names differ, but shapes and order are the network's: {len(found)} tensors matched by position"]
    missing = [name for name in required if name not in found]
    if missing:
        raise UserError(f"{where}: {_missing(missing, required, stored)}")
    for name in required:
        if stored[found[name]].shape != needed[name].shape:
            raise UserError(
                f"{where}: {found[name]} is {tuple(stored[found[name]].shape)}, the network needs"
                f" {tuple(needed[name].shape)}; name another --arch"
            )
    counts = {name: stored[at] for name in needed if name.endswith(_COUNTS) and (at := _counter(name, found)) in stored}
    net.load_state_dict({**{name: stored[found[name]] for name in required}, **counts}, strict=False)
    used = {*found.values(), *(_counter(name, found) for name in counts)}
    rest = [name for name in stored if name not in used and not name.endswith(_COUNTS)]
    if rest:
        notes.append(f"left out: {some(rest, _NAMED)}")
    return tuple(notes)


def _by_prefix(
    required: Sequence[str], stored: Mapping[str, Tensor], where: str, prefix: str | None
) -> tuple[dict[str, str], list[str]]:
    """Network name -> stored name for the best prefix, {} if none fits; and notes."""
    if prefix is not None:
        prefixes = Counter({prefix: sum(prefix + name in stored for name in required)})
        if not prefixes[prefix]:
            there = some([*stored], _NAMED)
            raise UserError(f"{where}: no weight of the network begins with --prefix {prefix!r}; there are {there}")
    else:
        wanted = set(required)
        prefixes = Counter()
        for name in stored:
            for start in _starts(name):
                if name[start:] in wanted:
                    prefixes[name[:start]] += 1
    if not prefixes:
        return {}, []
    most = max(prefixes.values())
    best = [one for one in prefixes if prefixes[one] == most]
    chosen = min(best, key=lambda one: (_rank(one), len(one), one))
    found = {name: chosen + name for name in required if chosen + name in stored}
    notes = [f"prefix {chosen!r} removed from {len(found)} names"] if chosen else []
    if others := sorted(set(best) - {chosen}):
        notes.append(f"{', '.join(map(repr, others))} would fit as well (--prefix)")
    return found, notes


def _starts(name: str) -> list[int]:
    """Where a name may begin: at its first letter and after every dot."""
    return [0, *(i + 1 for i, letter in enumerate(name) if letter == ".")]


def _rank(prefix: str) -> int:
    return next((i for i, part in enumerate(PREFERRED) if part and part in prefix), len(PREFERRED))


def _by_position(required: Sequence[str], needed: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> dict[str, str]:
    """Network name -> stored name in order, if the first stored tensors have exactly the network's shapes; else {}."""
    names = [name for name in stored if not name.endswith(_COUNTS)]
    pairs = list(zip(required, names, strict=False))
    fits = len(names) >= len(required) and all(needed[a].shape == stored[b].shape for a, b in pairs)
    return dict(pairs) if fits else {}


def _counter(name: str, found: Mapping[str, str]) -> str:
    """The stored name of a batch norm's count of batches, beside its running mean; "" without one."""
    mean = name.removesuffix(_COUNTS) + "running_mean"
    return found[mean].removesuffix("running_mean") + _COUNTS if mean in found else ""


def _missing(missing: Sequence[str], required: Sequence[str], stored: Mapping[str, Tensor]) -> str:
    count = f"{len(missing)} of its {len(required)} weights" if len(missing) > 1 else "a weight"
    return (
        f"the network needs {missing[0]} ({count} missing), the file has {some([*stored], _NAMED)}; name another --arch"
    )
