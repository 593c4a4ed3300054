"""Control: no encoder, the pixels themselves."""

from metaclr.methods.method import Method

METHOD = Method(
    family="control",
    summary="control: the pixels as features",
    reference="a control",
    encoder="pixels",
    projector="none",
    trained=False,
)
