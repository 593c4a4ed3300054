"""Meta-SGD: MAML that also learns the rate of every parameter in its single inner step.

Differs from the authors: 8 ways (theirs 5 ways, and 20), encoder, queries and batch norm as `maml`.
"""

from metaclr.meta.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="MAML with a learned rate for each parameter",
    reference="Li et al. 2017, arXiv:1707.09835",
    formula=r"CE(f_{\theta - \alpha \circ \nabla CE(f_\theta(S))}(q), n), \quad \alpha \text{ learned}",
    way_type="classes",
    labels="given",
    way=8,  # as `maml`
    query=3,
    projector="none",
    views="identity",
    # One step in training and at test time; rates start uniform in 0.005 to 0.1 (the paper, section 4).
    defaults={
        "inner_steps": 1,
        "test_steps": 1,
        "first_order": False,
        "adapt": "all",
        "rates": "parameter",
        "statistics": "batch",
        "backend": "batched",
    },
    learner=inner_loop,
)
