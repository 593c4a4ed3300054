"""First-order MAML: the outer gradient is the query loss's at the adapted weights, without second derivatives.

Differs from the authors: as `maml`.
"""

from metaclr.meta.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="MAML without second derivatives",
    reference="Finn et al. 2017, arXiv:1703.03400, section 5.2; Nichol et al. 2018, arXiv:1803.02999",
    formula=r"CE(f_{\theta - \alpha g}(q), n), \quad g = \nabla CE(f_\theta(S)) \text{ without gradient}",
    way_type="classes",
    labels="given",
    way=8,  # as `maml`
    query=3,
    projector="none",
    views="identity",
    defaults={
        "inner_lr": 0.4,
        "inner_steps": 1,
        "test_steps": 3,
        "first_order": True,
        "adapt": "all",
        "rates": "fixed",
        "statistics": "batch",
        "backend": "batched",
    },
    learner=inner_loop,
)
