"""SNAIL: causal convolutions and attention read the support as a sequence and say the way of the query at its end.

The order of the support changes the prediction: see `metaclr.heads.snail` for the order that is used.

Differs from the authors (Mishra et al., re-run by eambutu/snail-pytorch): 32 filters (theirs 128); dilations for
sequences of 32 whatever the task (theirs of its length); a layer norm before the output; the loss is that of every
query at the end of the sequence; 32 label codes, drawn anew for each task (theirs one for each way); 3 queries (theirs
1); 64 tasks of 5 ways are drawn from one embedded batch.
"""

from metaclr.bridge import Objective, Resample, Snail, given, raw, split
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="temporal convolutions and attention over the support as a sequence",
    reference="Mishra et al. 2018, arXiv:1707.03141",
    formula=r"CE(h_\theta(s_1, y_1, \dots, s_{NK}, y_{NK}, q), n)",
    objective=Objective(
        labels=given,
        roles=split,
        tasks=Resample(tasks=64, way=5),  # 5 ways as the authors' first table
        embedding=raw,
        head=Snail(),
        temperature=1.0,  # none in the paper
    ),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
