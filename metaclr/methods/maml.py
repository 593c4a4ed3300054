"""MAML: learns the initial weights from which a few gradient steps on the support classify the queries.

Differs from the authors (cbfinn/maml, 5-way 1-shot Omniglot): 8 ways and 3 queries (theirs 5 ways and 1 query), inner
steps by learn2learn.
"""

from metaclr.interop.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="an initialisation that a gradient step on the support adapts to a task of labelled classes",
    reference="Finn et al. 2017, arXiv:1703.03400; inner loop: learn2learn, arXiv:2008.12284",
    formula=r"CE(f_{\theta - \alpha \nabla CE(f_\theta(S))}(q), n)",
    way_type="classes",
    labels="given",
    way=8,  # the authors' tasks have 5 or 20 ways; 8 ways of 4 views divide a batch of 256
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
    # The authors' for 5-way Omniglot; first_order drops the second derivatives.
    defaults={"inner_lr": 0.4, "inner_steps": 1, "first_order": False},
    learner=inner_loop,
)
