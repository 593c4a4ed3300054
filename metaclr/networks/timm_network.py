"""timm's models by name, "timm:NAME"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from metaclr.errors import UserError, unknown
from metaclr.extras import need
from metaclr.networks.external import as_encoder
from metaclr.networks.options import check_names

OPTIONS = ("pretrained", "drop_rate", "drop_path_rate", "global_pool")


def timm_network(inner: str, channels: int, size: int, options: Mapping[str, Any]) -> nn.Module:
    """timm's model `inner` without its classifier, built for images of `size` pixels.

    pretrained=True: timm downloads its weights, which were trained on normalized pixels.

    Raises:
        UserError: timm is missing, an unknown model or option, or images of a size that the model refuses.
    """
    name = f"timm:{inner}"
    timm = need("timm", f"encoder {name!r}")
    if not timm.is_model(inner):
        raise unknown("encoder", name, [f"timm:{known}" for known in timm.list_models()])
    check_names(name, options, OPTIONS)
    sized: dict[str, Any] = {}
    if timm.get_pretrained_cfg_value(inner, "fixed_input_size"):
        sized["img_size"] = size  # transformers have a position embedding per patch
    try:
        net = timm.create_model(inner, num_classes=0, in_chans=channels, **sized, **options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"encoder {name!r} with {dict(options)}: {str(error).splitlines()[0]}") from None
    return as_encoder(net, name, channels, size)
