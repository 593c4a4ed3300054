"""CAMeLU: a transformer learns, from views of unlabelled images, to read a labelled support and classify a query.

Differs from the authors (bracca95/CAMeLU): the encoder is trained along with the transformer (theirs a frozen
ResNet-50 with ImageNet weights), which has 2 layers of 4 heads and width 128 (theirs 8 of 8 and 2,304) on a linear
map of the features and starts as a matching network (theirs random); support tokens do not attend to the query; 32
label vectors, drawn anew for each task (theirs one for each of 5 ways); a query is mixed with another image of its
task (theirs with images outside of it); tasks have 8 ways, 3 shots and 1 query (theirs 5 ways, 5 shots and 5
queries).
"""

from metaclr.bridge import InContext, Objective, raw, split
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="in-context transformer on tasks of unlabelled images; queries are mixed with other images",
    reference="Vettoruzzo et al. 2025 (ICLR), bracca95/CAMeLU; CAML: Fifty et al. 2024, arXiv:2310.10971",
    formula=r"CE(W\, \mathrm{transformer}(q, \{(s_n, y_n)\}), n), \quad q = \lambda x' + (1-\lambda) x",
    objective=Objective(
        roles=split,
        embedding=raw,
        head=InContext(),
        temperature=1.0,  # none in the authors' code
    ),
    way=8,  # 8 ways of 4 views divide a batch of 256
    shot=3,
    query=1,
    projector="none",
    task_transform="mixed_queries",
)
