"""iMAML: the inner loop runs to the minimum of a proximal problem, and the outer gradient is implicit there.

Differs from the authors (aravindr93/imaml_dev, 5-way 1-shot Omniglot): the proximal term is part of every inner step,
as in the paper (theirs is one step after the others), 8 ways and 3 queries (theirs 5 ways and 1 query), and
predictions do not see the other queries (theirs do, by batch statistics).
"""

from metaclr.meta.implicit import implicit_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="MAML with an implicit gradient: many inner steps, memory of one",
    reference="Rajeswaran et al. 2019, arXiv:1909.04630",
    formula=r"(I + \nabla^2 L_S(\phi) / \lambda)^{-1} \nabla L_q(\phi), \quad "
    r"\phi = \arg\min_\phi L_S(\phi) + \frac{\lambda}{2}\|\phi - \theta\|^2",
    way_type="classes",
    labels="given",
    way=8,  # as `maml`
    query=3,
    projector="none",
    views="identity",
    # The README's command for 5-way 1-shot Omniglot.
    defaults={
        "inner_lr": 0.1,
        "inner_steps": 16,
        "test_steps": 16,
        "proximal": 2.0,
        "cg_steps": 5,
        "cg_damping": 1.0,
    },
    learner=implicit_loop,
)
