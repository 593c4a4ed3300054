"""Control: the same encoder with its initial weights."""

from metaclr.methods.method import Method

METHOD = Method(
    family="control",
    summary="control: the encoder as it is initialized",
    reference="a control",
    projector="none",
    trained=False,
)
