"""learn2learn's encoders by name, "l2l:NAME". Arnold et al. 2020, arXiv:2008.12284."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from torch import nn

from metaclr.errors import UserError, unknown
from metaclr.extras import need
from metaclr.networks.external import as_encoder
from metaclr.networks.options import check_names

NAMES = ("CNN4Backbone", "ConvBase", "ResNet12Backbone", "WRN28Backbone")


def l2l_network(inner: str, channels: int, size: int, options: Mapping[str, Any]) -> nn.Module:
    """The learn2learn encoder of class `inner`; its options are its constructor's arguments.

    Raises:
        UserError: learn2learn is missing, an unknown name or option, or images of a size that the network refuses.
    """
    name = f"l2l:{inner}"
    if inner not in NAMES:
        raise unknown("encoder", name, [f"l2l:{known}" for known in NAMES])
    need("learn2learn", f"encoder {name!r}")
    from learn2learn.vision import models

    builder = getattr(models, inner)
    legal = [p for p in signature(builder).parameters if p != "channels"]
    check_names(name, options, legal)
    takes_channels = "channels" in signature(builder).parameters
    try:
        net = builder(**options, **({"channels": channels} if takes_channels else {}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"encoder {name!r} with {dict(options)}: {error}") from None
    return as_encoder(net, name, channels, size, fast_layout=False)  # its Flatten is a `.view`
