"""The authors' whole training set-ups, a row for each method that is trained; `test_setups.py` holds them against ours.

Each row holds what the named repository or paper has, not what this package has. Where the two differ, the row names
the aspect with words that must stand under "Differs from the authors" in the method's file. Widths, optimizer and
budget are the comparison's for all methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

L, B, A, R, N, F = "linear", "linear without bias", "norm without weight", "relu", "norm", "norm with frozen bias"
G = "gelu"
PLAIN, AUGMENTED = "plain", "augmented"

DEFAULTS: dict[str, Any] = {
    "projector": (B, N, R, L),
    "predictor": (),
    "momentum": None,
    "task": (1, 1),
    "views": (AUGMENTED, AUGMENTED),
    "way_type": "instances",
    "labels": "instance",
    "episode_head": "",
    "task_transform": "",
    "reconstruction": 0.0,
}
"""Aspects of a row unless it says otherwise: two augmented views of unlabeled images, SimCLR-like projector."""


class SetUp:
    """A row: the authors' aspects; settings of the objective by their path; and where this package differs."""

    def __init__(self, source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> None:
        self.source, self.differs = source, dict(differs or {})
        self.settings: dict[str, Any] = aspects.pop("settings", {})
        self.aspects = {**DEFAULTS, **aspects}


def of_classes(source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> SetUp:
    """A row of a few-shot method: labeled classes, images as they are, no projector."""
    given = {"way_type": "classes", "labels": "given", "views": (PLAIN, PLAIN), "projector": ()}
    return SetUp(source, differs, **{**given, **aspects})


MOCO = {"queue": "queue starts empty", "batch norm": "of shuffled shares"}
CONTRASTIVE_BANK = {"projector": "theirs is linear", "negatives": "memory bank"}
SETUPS = {
    "simclr": SetUp(
        "google-research/simclr model_util.py, README (CIFAR-10)",
        {"projector": "no batch norm", "temperature": "theirs 0.5"},
        projector=(B, N, R, B, F),
        settings={"temperature": 0.5},
    ),
    "simclr_multiview": SetUp(
        "google-research/simclr model_util.py; two views",
        {"projector": "projector", "temperature": "temperature", "task": "two views"},
        projector=(B, N, R, B, F),
        settings={"temperature": 0.5},
    ),
    "infonce": SetUp("van den Oord et al. 2018; the project's symmetric form", {"source": "temperature"}),
    "clip": SetUp(
        "openai/CLIP model.py: a matrix, 1 / 0.07 at the start",
        {"projector": "has a bias"},
        projector=(B,),
        settings={"temperature": 0.07, "learn_temperature": True},
    ),
    "dcl": SetUp("lightly DCLLoss", {"source": "was not found"}, settings={"temperature": 0.1}),
    "dclw": SetUp("lightly DCLWLoss", {"source": "was not found"}, settings={"temperature": 0.1, "sigma": 0.5}),
    "debiased": SetUp(
        "chingyaoc/DCL model.py", {"widths": "widths"}, settings={"temperature": 0.5, "tau_plus": 0.1, "beta": 0.0}
    ),
    "hcl": SetUp(
        "joshr17/HCL image/main.py; model as chingyaoc/DCL",
        {"widths": "widths"},
        settings={"temperature": 0.5, "tau_plus": 0.1, "beta": 1.0},
    ),
    "hard_contrastive": SetUp(
        "Wang and Liu 2021, section 5", CONTRASTIVE_BANK, projector=(L,), settings={"temperature": 0.3, "share": 0.0819}
    ),
    "hard_contrastive_threshold": SetUp("this project", settings={"temperature": 0.3}),
    "simple_contrastive": SetUp("Wang and Liu 2021, section 5", CONTRASTIVE_BANK, projector=(L,)),
    "sogclr": SetUp(
        "Optimization-AI/SogCLR sogclr/builder.py",
        {"projector": "ends in a batch norm", "gradient": "times 2 tau", "u": "the mean"},
        projector=(B, N, R, B, A),
        settings={"gamma": 0.9, "temperature": 0.1},
    ),
    "moco": SetUp(
        "facebookresearch/moco builder.py, mlp=True; CIFAR-10 demo for m and K",
        {**MOCO, "projector": "theirs the reverse"},
        projector=(L, R, L),
        momentum=(0.99, "constant"),
        settings={"temperature": 0.2, "size": 4096},
    ),
    "moco_v1": SetUp(
        "facebookresearch/moco builder.py, mlp=False; CIFAR-10 demo for m and K",
        MOCO,
        projector=(L,),
        momentum=(0.99, "constant"),
        settings={"temperature": 0.07, "size": 4096},
    ),
    "moco_v3": SetUp(
        "facebookresearch/moco-v3 moco/builder.py, ResNet; main_moco.py for m",
        {
            "factor": "4 tau times",
            "batch norm": "theirs one at a time",
            "start": "moves after a step",
            "widths": "widths",
        },
        projector=(B, N, R, B, A),
        predictor=(B, N, R, B, A),
        momentum=(0.99, "cosine"),
        settings={"temperature": 1.0, "hidden": 4096},
    ),
    "nnclr": SetUp(
        "Dwibedi et al. 2021; vturrisi/solo-learn solo/methods/nnclr.py; lightly's heads",
        {
            "projector": "have no bias",
            "predictor": "before a batch norm",
            "labels.size": "theirs 98,304",
            "pushed": "takes both views",
        },
        projector=(L, N, R, L, N, R, L, N),
        predictor=(L, N, R, L),
        settings={"temperature": 0.1, "hidden": 4096, "labels.size": 98304, "target": "stop_gradient"},
    ),
    "swav": SetUp(
        "facebookresearch/swav main_swav.py and resnet50.py",
        {
            "projector": "have no bias",
            "prototypes": "theirs 3,000",
            "frozen": "frozen for the first epoch",
            "crops": "six small crops",
        },
        projector=(L, N, R, L),
        settings={"temperature": 0.1, "epsilon": 0.05, "iterations": 3, "prototypes": 3000},
    ),
    "dino": SetUp(
        "facebookresearch/dino main_dino.py and vision_transformer.py, DINOHead",
        {"prototypes": "theirs 65,536", "frozen": "frozen for the first epoch", "start": "truncated normal"},
        projector=(L, G, L, G, L),
        momentum=(0.996, "cosine"),
        settings={"temperature": 0.1, "target_temperature": 0.04, "center_momentum": 0.9, "prototypes": 65536},
    ),
    "lejepa": SetUp(
        "rbalestr-lab/lejepa MINIMAL.md",
        {"projector": "have no bias", "widths": "widths", "directions": "the paper 1,024"},
        projector=(L, N, R, L, N, R, L),
        task=(1, 3),
        settings={"weight": 0.02, "knots": 17, "limit": 3.0},
    ),
    "byol": SetUp(
        "google-deepmind/deepmind-research byol/utils/networks.py and byol_experiment.py",
        {
            "projector": "no bias",
            "predictor": "theirs has none",
            "batch norm": "theirs one at a time",
            "start": "starts at the trained weights",
            "widths": "widths",
        },
        projector=(L, N, R, B),
        predictor=(L, N, R, B),
        momentum=(0.99, "cosine"),
        settings={"weight": 2.0, "hidden": 4096},
    ),
    "simsiam": SetUp(
        "facebookresearch/simsiam builder.py: predictor of 512 among 2,048",
        {"widths": "widths", "batch norm": "one at a time"},
        projector=(B, N, R, B, N, R, B, A),
        predictor=(B, N, R, L),
        narrowing=0.25,
        settings={"target": "stop_gradient"},
    ),
    "psco": SetUp(
        "alinlab/PsCo models.py: get_mlp(..., last_bn=True), predictor without; Omniglot script",
        {"predictor": "has a bias", "negatives.size": "theirs 16,384", "statistics": "batch statistics"},
        projector=(B, N, R, B, A),
        predictor=(B, N, R, B),
        momentum=(0.99, "constant"),
        settings={"labels.shots": 1, "labels.epsilon": 0.05, "labels.iterations": 3, "negatives.size": 16384},
    ),
    "directclr": SetUp(
        "facebookresearch/directclr main.py: 360 of 2,048, no projector",
        {"optimizer": "LARS"},
        projector=(),
        settings={"temperature": 0.1, "first_share": 360 / 2048},
    ),
    "barlow_twins": SetUp(
        "facebookresearch/barlowtwins main.py",
        {"projector": "has a bias", "recipes": "theirs differ"},
        projector=(B, N, R, B, N, R, B),
        settings={"off_diagonal": 0.0051},
    ),
    "vicreg": SetUp(
        "facebookresearch/vicreg main_vicreg.py",
        {"projector": "which every term cancels"},
        projector=(L, N, R, L, N, R, B),
        settings={"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
    ),
    "wmse": SetUp(
        "htdt/self-supervised model.py get_head (add_bn by default) and cfg.py",
        {"projector": "no bias", "shrinkage": "shrunk by 0.001", "widths": "widths"},
        projector=(L, N, R, L),
        settings={"dims": 64, "batch": 128, "shrinkage": 0.0},
    ),
    "spectral": SetUp(
        "jhaochenz96/spectral_contrastive_learning cifar_resnet_1_mlp_norelu.py, spectral.py",
        {"projector": "not followed by batch norm"},
        projector=(L, N, R, L, N),
        settings={"radius": 1.0},
    ),
    "align_uniform": SetUp(
        "ssnl/align_uniform examples/stl10/encoder.py and main.py",
        {"projector": "theirs is the last, linear layer"},
        projector=(L,),
        settings={"alpha": 2.0, "t": 2.0, "align_weight": 1.0, "uniform_weight": 1.0},
    ),
    "supcon": SetUp(
        "HobbitLong/SupContrast networks/resnet_big.py",
        {"projector": "theirs the reverse", "factor": "tau / 0.07"},
        projector=(L, R, L),
        labels="given",
        settings={"temperature": 0.1},
    ),
    "supcon_in": SetUp(
        "Khosla et al. 2020; network as HobbitLong/SupContrast",
        {"projector": "projector"},
        projector=(L, R, L),
        labels="given",
        settings={"temperature": 0.1},
    ),
    "supcon_spread": SetUp("this project", labels="given"),
    "l_spread": SetUp(
        "HazyResearch/thanos-code contrastive_loss.py, type l_spread",
        {"norm": "unit norm", "clamp": "clamp", "autoencoder": "autoencoder"},
        labels="given",
        settings={"terms.0.1.temperature": 0.5, "terms.1.1.temperature": 0.5},
    ),
    "l_spread_autoencoder": SetUp(
        "HazyResearch/thanos-code config/experiment/cifar10_lspread_cep_autoencoder_coarselabels.yaml",
        {"norm": "unit norm", "clamp": "clamp", "decoder": "residual blocks", "networks": "two such networks"},
        labels="given",
        reconstruction=1.0,
        settings={"terms.0.1.temperature": 0.5, "terms.1.1.temperature": 0.5},
    ),
    "supcon_clusters": SetUp("this project", labels="cluster", way_type="classes", task=(1, 3)),
    "supervised": SetUp(
        "HobbitLong/SupContrast main_ce.py: a linear classifier", {"shift": "shifted"}, projector=(), labels="given"
    ),
    "protoclr": SetUp(
        "indy-lab/ProtoTransfer: one support view, three queries, 50 images",
        {"way": "theirs 50"},
        projector=(),
        task=(1, 3),
        way=50,
        views=(PLAIN, AUGMENTED),
        settings={"temperature": 1.0},
    ),
    "symmetric_protoclr": SetUp("this project", projector=()),
    "semi_normalized": SetUp(
        "hanlu-nju/revisiting-UML README: --num_tasks 256 --way 5 --shot 1 --query 5 --similarity sns",
        {"task": "theirs 5"},
        projector=(),
        task=(1, 5),
        settings={"tasks.tasks": 256, "tasks.way": 5, "temperature": 1.0},
    ),
    "prototransfer": SetUp(
        "indy-lab/ProtoTransfer: --sup_finetune --ft_freeze_backbone",
        {"way": "theirs 50"},
        projector=(),
        task=(1, 3),
        way=50,
        views=(PLAIN, AUGMENTED),
        episode_head="prototune",
        settings={"temperature": 1.0},
    ),
    "hms": SetUp(
        "hanlu-nju/revisiting-UML script/hms.sh, model/utils.py: --hard_negs 10 --strength 0.5",
        {"task": "theirs 5", "c": "theirs once"},
        projector=(),
        task=(1, 5),
        settings={"tasks.tasks": 256, "tasks.way": 5, "temperature": 1.0, "negatives.count": 10, "strength": 0.5},
    ),
    "unisiam": SetUp(
        "bbbdylan/unisiam model/unisiam.py: lamb 0.1, temp 2, predictor of a quarter",
        {"projector": "theirs has", "predictor": "no bias", "widths": "widths", "distillation": "distillation"},
        projector=(L, N, R, L, N, R, L, N),
        predictor=(L, N, R, L),
        narrowing=0.25,
        settings={"terms.1.0": 0.1, "temperature": 2.0, "target": "stop_gradient"},
    ),
    "camelu": SetUp(
        "bracca95/CAMeLU config/config.json, src/models/context/camlu.py, src/routines/camlu_routine_mixup.py",
        {
            "task": "5 shots and 5 queries",
            "way": "theirs 5 ways",
            "codes": "one for each of",
            "width": "2,304",
            "head.heads": "theirs 8 of 8",
            "head.layers": "theirs 8 of 8",
            "mlp": "2,304",
            "encoder": "frozen ResNet-50",
            "attention": "do not attend",
            "mixing": "outside of it",
        },
        projector=(),
        task=(5, 5),
        way=5,
        task_transform="mixed_queries",
        settings={"codes": 5, "width": 2304, "head.heads": 8, "head.layers": 8, "mlp": 3072, "temperature": 1.0},
    ),
    "umtra": SetUp(
        "Khodadadeh et al. 2019: 5 images, one augmented query of each",
        {"task": "1 query", "way": "theirs 5 ways"},
        projector=(),
        way=5,
        views=(PLAIN, AUGMENTED),
    ),
    "metacontrastive_protonet": SetUp(
        "RenkunNi/MetaContrastive", {"widths": "widths"}, projector=(B, N, R, B, F), settings={"temperature": 0.1}
    ),
    "metacontrastive_r2d2": SetUp(
        "RenkunNi/MetaContrastive: lambda 50 on embeddings over sqrt(0.1)",
        {"widths": "widths"},
        projector=(B, N, R, B, F),
        settings={"intercept": False, "regularizer": 5.0, "learn_temperature": False},
    ),
    "r2d2": SetUp(
        "bertinetto/r2d2 fewshots/models/r2d2.py and scripts/train/omni5_r2d2.sh, on views",
        {"embedding.unit": "unit norm", "bias": "bias", "regularizer": "theirs, 50"},
        settings={
            **{"intercept": True, "embedding.unit": False, "regularizer": 50.0},
            **{"temperature": 0.1, "learn_temperature": True},
        },
    ),
    "r2d2_classes": of_classes(
        "bertinetto/r2d2 fewshots/models/r2d2.py, conf/fewshots.yaml and scripts/train/omni5_r2d2.sh",
        {
            "embedding.unit": "unit norm",
            "bias": "bias",
            "regularizer": "theirs, 50",
            "way": "60 ways",
            "task": "1 to 9 are shots",
        },
        way=60,
        task=("1 to 9", "10 less the shots"),
        settings={
            **{"intercept": True, "embedding.unit": False, "regularizer": 50.0},
            **{"temperature": 0.1, "learn_temperature": True},
        },
    ),
    "protonet": of_classes(
        "Snell et al. 2017, Omniglot: 60 ways, 5 queries",
        {"task": "theirs 5", "way": "theirs 60"},
        task=(1, 5),
        way=60,
        settings={"temperature": 1.0, "embedding.unit": False},
    ),
    "matching": of_classes(
        "Vinyals et al. 2016, without full-context embeddings",
        {"temperature": "theirs 1", "embeddings": "full-context"},
        task=(2, 2),
        settings={"temperature": 1.0},
    ),
    "relation": of_classes(
        "floodsung/LearningToCompare_FSL omniglot_train_one_shot.py",
        {"task": "19 queries", "way": "theirs 5 ways", "comparator": "convolutions"},
        task=(1, 19),
        way=5,
        settings={"temperature": 1.0, "hidden": 64},
    ),
    "caml": of_classes(
        "cfifty/CAML src/models; Fifty et al. 2024",
        {
            "task": "3 queries",
            "way": "64 tasks of 5 ways",
            "codes": "theirs one for each way",
            "encoder": "frozen",
            "width": "large vision transformer",
            "attention": "do not attend",
        },
        way=5,
        settings={"tasks.way": 5, "head.labels": "simplex", "codes": 5, "temperature": 1.0},
    ),
    "snail": of_classes(
        "Mishra et al. 2018; eambutu/snail-pytorch",
        {
            "task": "3 queries (theirs 1)",
            "way": "64 tasks of 5 ways",
            "codes": "theirs one for each way",
            "filters": "theirs 128",
            "length": "theirs of its length",
            "norm": "a layer norm before the output",
        },
        way=5,
        settings={"tasks.way": 5, "codes": 5, "filters": 128, "length": 6, "temperature": 1.0},
    ),
    "metaoptnet": of_classes(
        "kjunelee/MetaOptNet train.py",
        {
            "task": "15 shots and 6 queries",
            "way": "of 5 ways",
            "temperature": "starts at 50",
            "embedding.unit": "unit norm",
            "views": "not augmented",
            "tasks": "theirs 8",
            "smoothing": "label smoothing",
        },
        task=(15, 6),
        way=5,
        views=(AUGMENTED, AUGMENTED),
        settings={"penalty": 0.1, "temperature": 1.0, "embedding.unit": False, "learn_temperature": True},
    ),
    "maml": of_classes(
        "cbfinn/maml README, 5-way 1-shot Omniglot: update_lr 0.4, num_updates 1",
        {
            "task": "1 query",
            "way": "theirs 5 ways",
            "encoder": "theirs strides",
            "statistics": "do not see the other queries",
        },
        way=5,
        settings={"inner_lr": 0.4, "inner_steps": 1, "test_steps": 3, "first_order": False},
    ),
    "fomaml": of_classes(
        "cbfinn/maml, --stop_grad",
        {"task": "as `maml`", "way": "as `maml`"},
        way=5,
        settings={"inner_lr": 0.4, "inner_steps": 1, "test_steps": 3, "first_order": True},
    ),
    "anil": of_classes(
        "learn2learn examples/vision/anil_fc100.py",
        {"task": "5 shots and 5 queries", "way": "theirs 5 ways", "norm": "one task at a time"},
        task=(5, 5),
        way=5,
        settings={"inner_lr": 0.1, "inner_steps": 5, "adapt": "head", "first_order": False},
    ),
    "metasgd": of_classes(
        "Li et al. 2017, sections 3 and 4",
        {"task": "queries", "way": "theirs 5 ways"},
        task=(1, 15),
        way=5,
        settings={"inner_steps": 1, "test_steps": 1, "rates": "parameter"},
    ),
    "imaml": of_classes(
        "aravindr93/imaml_dev examples/README.md, 5-way 1-shot",
        {"task": "1 query", "way": "theirs 5 ways", "pull": "one step after the others"},
        way=5,
        settings={"inner_lr": 0.1, "inner_steps": 16, "proximal": 2.0, "cg_steps": 5, "cg_damping": 1.0},
    ),
    "reptile": of_classes(
        "openai/supervised-reptile README, 5-shot 5-way Omniglot",
        {
            "task": "theirs 5 ways of 10 images",
            "way": "theirs 5 ways",
            "inner_lr": "theirs 0.0015",
            "test_steps": "100",
            "outer": "theirs moves by 0.7",
            "test_batch": "(theirs 6)",
        },
        task=(5, 5),
        way=5,
        settings={"inner_lr": 0.0015, "inner_steps": 5, "inner_batch": 10, "test_steps": 100, "test_batch": 6},
    ),
    "nca": of_classes(
        "Goldberger et al. 2004: a linear map, the whole training set",
        {"views": "theirs as they are", "batch": "theirs the whole set"},
        projector=(L,),
        task=(1, 3),
        settings={"temperature": 1.0, "embedding.unit": False},
    ),
    "npair": of_classes(
        "Sohn 2016: one pair of each class", {"norm": "penalty"}, projector=(L,), views=(AUGMENTED, AUGMENTED)
    ),
    "siamese": of_classes(
        "Hadsell et al. 2006",
        {"views": "theirs as they are", "weight": "equal total weight", "embedding.unit": "unit vectors"},
        projector=(L,),
        task=(1, 3),
        settings={"margin": 1.0, "embedding.unit": False},
    ),
    "cpc": SetUp(
        "Lightning-Universe/lightning-bolts losses/self_supervised_learning.py, models/vision/pixel_cnn.py",
        {"task": "theirs 7 x 7", "weights": "offsets of rows weigh alike", "padding": "theirs after it"},
        projector=(),
        task=(1, 48),
        settings={"target_dim": 64, "scale": 0.1, "hidden": 256, "blocks": 5, "first": 2},
    ),
    "time_contrastive": SetUp(
        "kekeblom/tcn train_tcn.py, util.py, tcn.py",
        {"views": "theirs as they are", "way": "frames of a clip are anchors"},
        projector=(L,),
        way=1,
        views=(PLAIN, PLAIN),
        settings={"margin": 2.0, "radius": 10.0},
    ),
    "triplet": of_classes(
        "Schroff et al. 2015: squared distances of unit vectors, margin 0.2",
        {"images": "theirs about 40"},
        projector=(L,),
        task=(1, 3),
        views=(AUGMENTED, AUGMENTED),
        settings={"squared": True, "margin": 0.2, "unit": True, "mining": "semi_hard"},
    ),
    "cactus": of_classes(
        "hsukyle/cactus-protonets; kylehkhsu/cactus-maml task_generator.py, scripts/omniglot_kmeans.sh",
        {
            "clusters.by.partitions": "theirs up to 100",
            "clusters.start": "trained beforehand",
            "clusters.unit": "unit norm",
            "clusters.by.iterations": "theirs 3,000",
            "task": "theirs 5",
            "way": "theirs 20",
            "views": "augmented as the comparison",
        },
        labels="cluster",
        task=(1, 5),
        way=20,
        settings={
            "temperature": 1.0,
            "embedding.unit": False,
            "clusters.by.clusters": 500,
            "clusters.by.partitions": 100,
            "clusters.by.iterations": 3000,
            "clusters.rounds": 1,
            "clusters.start": 0.0,
            "clusters.unit": False,
        },
    ),
    "uflst": of_classes(
        "ZilongJi/LearningToCluster_Omniglot train/train_protoloss.py, src/rerank.py",
        {"task": "theirs 5", "way": "theirs 60", "schedule": "starts again", "small": "fewer than 6"},
        labels="cluster",
        task=(1, 5),
        way=60,
        settings={
            "temperature": 1.0,
            "embedding.unit": False,
            "clusters.by.neighbors": 20,
            "clusters.by.expansion": 6,
            "clusters.by.min_samples": 4,
            "clusters.by.share": 5e-4,
            "clusters.rounds": 20,
            "clusters.start": 0.0,
            "clusters.unit": False,
        },
    ),
    "uflst_triplet": of_classes(
        "ZilongJi/LearningToCluster_Omniglot train/train_hardtriplet.py",
        {"task": "6 images", "way": "theirs 60", "schedule": "starts again", "small": "fewer than 6"},
        labels="cluster",
        task=(1, 5),
        way=60,
        settings={
            "margin": 1.0,
            "soft": False,
            "squared": False,
            "mining": "batch_hard",
            "unit": False,
            "clusters.rounds": 20,
        },
    ),
    "triplet_batch_hard": of_classes(
        "VisualComputingInstitute/triplet-reid: head fc1024, metric euclidean, margin soft, K = 4",
        {"widths": "widths", "classes": "classes"},
        projector=(B, N, R, L),
        task=(1, 3),
        views=(AUGMENTED, AUGMENTED),
        settings={"soft": True, "squared": False, "mining": "batch_hard", "unit": False},
    ),
}
