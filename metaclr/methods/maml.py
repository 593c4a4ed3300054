"""MAML: learns the initial weights from which a few gradient steps on the support classify the queries.

Differs from the authors (cbfinn/maml, 5-way 1-shot Omniglot): 8 ways and 3 queries (theirs 5 ways and 1 query),
max-pooling in the encoder (theirs strides), no turned classes unless they are asked for, and predictions at test time
do not see the other queries (theirs do, by batch statistics).
"""

from metaclr.meta.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="an initialisation that a gradient step on the support adapts to a task of labelled classes",
    reference="Finn et al. 2017, arXiv:1703.03400",
    formula=r"CE(f_{\theta - \alpha \nabla CE(f_\theta(S))}(q), n)",
    way_type="classes",
    labels="given",
    way=8,  # 8 ways of 4 views divide a batch of 256; for 5-way tasks set way=5 and train.batch_views=240
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
    # The authors' for 5-way Omniglot: one step in training, three at test time. The others are MAML++'s and off.
    defaults={
        "inner_lr": 0.4,
        "inner_steps": 1,
        "test_steps": 3,
        "first_order": False,
        "adapt": "all",
        "rates": "fixed",
        "statistics": "batch",
        "multi_step": 0.0,
        "first_order_until": 0.0,
        "backend": "batched",
    },
    learner=inner_loop,
)
