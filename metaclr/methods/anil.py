"""ANIL: MAML whose inner loop changes the head alone; the encoder is shared by all tasks and frozen at test time.

Differs from the authors (learn2learn's anil_fc100.py, which is the second author's): 8 ways, 1 shot and 3 queries
(theirs 5 ways, 5 shots and 5 queries), and batch norm sees all tasks of a batch (theirs one task at a time).
"""

from metaclr.meta.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="almost no inner loop: MAML on the head alone",
    reference="Raghu et al. 2020, arXiv:1909.09157",
    formula=r"CE(W' f_\theta(q), n), \quad W' = W - \alpha \nabla_W CE(W f_\theta(S))",
    way_type="classes",
    labels="given",
    way=8,  # as `maml`
    query=3,
    projector="none",
    views="identity",
    # learn2learn's example
    defaults={
        "inner_lr": 0.1,
        "inner_steps": 5,
        "test_steps": 5,
        "first_order": False,
        "adapt": "head",
        "rates": "fixed",
        "backend": "batched",
    },
    learner=inner_loop,
)
