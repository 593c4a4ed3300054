"""TABi: a mention finds its entity among others, and mentions of one type attract each other.

Images are mentions, their texts entities, and the groups of classes (scripts, super-classes) types. Differs from the
authors (HazyResearch/tabi): entities are texts of a few words and mentions images (theirs two texts, both through
BERT), embeddings come from a linear layer (theirs are BERT's first token), a class has one type (theirs several), hard
negatives are not refreshed between rounds (`metaclr entities`, on two texts, does so), and the loss is not multiplied
by tau.
"""

from metaclr.bridge import (
    EachPositive,
    Objective,
    Pairs,
    WeightedSum,
    among_queries,
    dot,
    instance,
    leave_one_out,
    typed,
    unit_norm,
)  # fmt: skip
from metaclr.methods.method import Method
from metaclr.positives.pair import Pair

ENTITIES = Objective(
    labels=instance,
    roles=leave_one_out,
    embedding=unit_norm,
    head=Pairs(dot),
    temperature=0.05,  # scripts/run_sample_cpu.py
    denominator=EachPositive(),
)
TYPES = Objective(
    labels=typed,
    roles=among_queries,
    embedding=unit_norm,
    head=Pairs(dot),
    temperature=0.05,
    denominator=EachPositive(),
)

METHOD = Method(
    family="typed-pairs",
    summary="images find their texts among others, and images of one type attract each other",
    reference="Leszczynski et al. 2022, arXiv:2204.08173; HazyResearch/tabi",
    formula=(
        r"\frac1{|P|}\sum_p \log\frac{e^{q^\top p/\tau} + \sum_{n^-} e^{q^\top n/\tau}}{e^{q^\top p/\tau}},"
        r"\quad 0.9 \text{ of entities} + 0.1 \text{ of types}"
    ),
    objective=WeightedSum(((0.9, ENTITIES), (0.1, TYPES))),  # losses.py: alpha = 0.1
    positives=Pair(),
    labels="given",
    projector="linear",
)
