"""What a comparison is made of. One pydantic model per table of the TOML file; unknown keys are refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from metaclr.recipe.views import check_names

CONTROLS = ("untrained", "pixels")
"""Every table carries these two: the same encoder with random weights, and the pixels as features."""

FORMAT = ("size", "channels", "views")
"""Keys whose values come from the source where a recipe does not set them."""

ADAPTABLE = (*FORMAT, "evaluate.few_shot.ways", "evaluate.few_shot.shots", "evaluate.few_shot.query")
"""Keys whose values may follow the data, unless they are `fixed`."""


class Strict(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataRecipe(Strict):
    """How the files of all sets are read (see `metaclr.data.ReadOptions` and docs/data.md)."""

    on_corrupt: Literal["error", "skip"] = "error"
    """Refuse a set with unreadable files, or skip them and note it."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """Make an image square by cutting to the center, by a black border, or by distorting it."""
    frames: Literal["first", "all"] = "first"
    """Of files with several pages or frames: the first, or each as an image."""
    pixel_range: tuple[float, float] | None = None
    """Values that become 0 and 255, of files with more than 8 bits or of float; unset: found for the set."""
    layout: str = "auto"
    """How files are laid out in folders; `metaclr data` lists the layouts. auto: found."""
    max_pixels: int | None = Field(default=None, ge=1)
    """Refuse larger images; unset: those that Pillow refuses as decompression bombs."""
    turned: bool = Field(default=True, description="quarter turns of Omniglot's characters are classes, as published")

    def options(self) -> dict[str, Any]:
        """The arguments of `metaclr.data.load`."""
        return self.model_dump(exclude_none=True)


class MethodEntry(Strict):
    """One method of the comparison, by name (or a .py file that defines METHOD), and its settings.

    settings: of its objective (`temperature`), and `way`, `shot`, `query` of its training tasks. overrides: keys of the
    recipe's tables `train` and `encoder` for this method alone, such as {"train.batch_views": 64}. label_share: share
    of the source's classes whose labels are known: a method that reads labels trains on their images alone.
    label_noise: share of its images that have the label of another image. of, point: of a sweep's method, the method
    that it varies and its values by key.
    """

    name: str
    label: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    projector: str | None = None
    views: str | None = None
    overrides: dict[str, Any] | None = None
    label_share: float | None = Field(default=None, gt=0, le=1)
    label_noise: float | None = Field(default=None, ge=0, le=1)
    of: str | None = None
    point: dict[str, Any] | None = None

    @field_validator("overrides")
    @classmethod
    def _of_training(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        for key in values or {}:
            table, _, name = key.partition(".")
            known = OWN_TABLES.get(table, {})
            if name not in known:
                allowed = ", ".join(f"{of}.{one}" for of in OWN_TABLES for one in OWN_TABLES[of])
                raise ValueError(f"{key!r} is not one of: {allowed}")
        return values

    @property
    def title(self) -> str:
        """Its name in tables and folders."""
        return self.label or self.name


class EncoderRecipe(Strict):
    """The network that every method trains and every evaluator evaluates."""

    name: str = "conv4"
    """conv4, resnet12, resnet18, resnet50, timm:NAME, l2l:NAME, or pixels."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the network, such as {width = 32} for conv4 or {stem = "cifar"} for resnet18."""
    projector_hidden: int = Field(default=256, ge=1)
    """Width of the hidden layers of projectors."""
    projector_dim: int = Field(default=128, ge=1)
    """Dimensions of the embeddings that a projector gives to the loss."""
    start: str = ""
    """Weights to start from: the folder of a run, or a file of weights; empty: random ones by the seed."""


class TrainRecipe(Strict):
    """The budget, the same for every method: `steps` optimizer steps of `batch_views` views each."""

    steps: int = Field(default=1000, ge=1)
    """Optimizer steps."""
    batch_views: int = Field(default=256, ge=2)
    """Views of a batch, of all ranks together: a method with more views of an image takes fewer images."""
    chunk_views: int = Field(default=0, ge=0)
    """Embed so many views at a time: memory of a small batch, loss of the whole one; batch norm sees a chunk."""
    optimizer: Literal["adam", "adamw", "sgd", "lars"] = "adam"
    """adam adds the decay to the gradient, adamw decays the weight itself; lars is for large batches."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate after the warm-up."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Of weights alone: biases, norms and scalars are not decayed."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of sgd and lars; adam and adamw use 0.9 and 0.999."""
    warmup: float = Field(default=0.05, ge=0, lt=1, description="fraction of the steps")
    schedule: Literal["cosine", "constant", "linear", "step"] = "cosine"
    """cosine or linear: to 0. step: a tenth from 60 % of the steps after the warm-up on, a hundredth from 80 %."""
    precision: Literal["auto", "bf16", "fp32", "fp64"] = "auto"
    """auto: bf16 where it is fast, else float32. fp64: everything in float64, evaluation too; slow, for checking."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the step with torch.compile; auto: on a GPU, for long trainings."""
    cuda_graph: Literal["auto", "on", "off"] = "auto"
    """One launch for a whole step on a GPU, for small networks; it changes no result. auto: no, as yet unmeasured."""
    sync_norm: bool = True
    """With several ranks: batch statistics of the whole batch, as one process has them; false: of each rank's share."""
    checkpoint_seconds: float = Field(default=30.0, gt=0)
    """Write a checkpoint at least this many seconds after the one before; an interrupted run goes on from it."""
    log_every: int = Field(default=10, ge=1)
    """Steps between two points of the training curve."""
    loggers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Send curves and results to these too, through their own libraries; `--log NAME` for short."""


OWN_TABLES: dict[str, Any] = {"train": TrainRecipe.model_fields, "encoder": EncoderRecipe.model_fields}
"""Tables of a recipe whose keys a method may have values of its own for."""


class FewShotRecipe(Strict):
    """Stored episodes, the same for every method."""

    ways: tuple[int, ...] = (5, 20)
    """Classes of an episode; every way is measured with every shot."""
    shots: tuple[int, ...] = (1, 5)
    """Labelled images of each class."""
    query: int = Field(default=15, ge=1, description="per way; fewer where a class has fewer images, which tables say")
    episodes: int = Field(default=2000, ge=2)
    """Stored episodes of each way and shot."""
    heads: tuple[str, ...] = ("cosine", "method")
    """Heads of an episode, each a block of the tables: names, `TRANSFORM+HEAD`, or `method`, the method's own."""
    seed: int = 0
    """Of the drawn episodes."""
    validation: str = ""
    """A data set, such as `omniglot:val`, on whose classes the steps and the rate of adaptations are chosen; empty: as
    each method declares them."""

    @field_validator("heads", mode="before")
    @classmethod
    def _heads(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("ways", "shots")
    @classmethod
    def _positive(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if any(v < 1 for v in values):
            raise ValueError("must be 1 or more")
        return values


class LowLabelRecipe(Strict):
    """Labelled fractions and k-per-class subsets of the target's training part, from stored seeds."""

    fractions: tuple[float, ...] = (0.01, 0.1)
    """Labelled shares of the training part."""
    per_class: tuple[int, ...] = (5,)
    """Labelled images of each class."""
    modes: tuple[Literal["frozen", "finetune"], ...] = ("frozen", "finetune")
    """frozen: a linear probe on the features; finetune: all weights of a copy of the encoder."""
    subsets: int = Field(default=1, ge=1, description="stored label subsets per setting")
    steps: int = Field(default=60, ge=1)
    """Optimizer steps of a fine-tuning."""
    batch: int = Field(default=64, ge=1)
    """Labelled images of a step."""
    lr: float = Field(default=3e-4, gt=0)
    """Learning rate of a fine-tuning, falling as a cosine."""
    stacked: Literal["auto", "on", "off"] = "auto"
    """Fine-tune all subsets at once under vmap; auto: a small encoder on a GPU."""

    @field_validator("fractions")
    @classmethod
    def _fraction(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < v <= 1 for v in values):
            raise ValueError("a fraction lies above 0 and up to 1")
        return values


class EvaluateRecipe(Strict):
    """Which evaluators run on every target. `false` leaves one out."""

    few_shot: FewShotRecipe | Literal[False] = FewShotRecipe()
    linear: bool = True
    """Fit a linear probe to the features of the training part."""
    knn: bool = True
    """Classify the test part by its nearest neighbors in the training part."""
    low_label: LowLabelRecipe | Literal[False] = LowLabelRecipe()
    max_probe_classes: int = Field(default=200, ge=2)
    """Targets with more classes skip the linear probe and low-label runs, which take minutes; a note lists them."""
    transductive_bn: bool = False
    """Batch norm uses statistics of the target's images, which makes results transductive; tables say so."""
    map: Literal["pca", "umap"] = "pca"
    """The report's maps of images: by two principal components, or by UMAP (needs metaclr[umap])."""
    more: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Further evaluators by name, each with its settings: `more = { retrieval = { k = 5 } }`."""


class ClusterRecipe(Strict):
    """Resources of one run on a Ray cluster (`compare --ray`). They change where and when it runs, not its rows."""

    cpus: int = Field(default=1, ge=1)
    """CPU cores of a run."""
    gpus: float | None = Field(default=None, ge=0, le=1)
    """A fraction lets runs share a GPU. Unset: 1 where the cluster has any. For many GPUs per run use torchrun."""
    retries: int = Field(default=3, ge=0)
    """How often a run is restarted whose worker was lost."""


class CompareRecipe(Strict):
    """A whole comparison. What is not in `methods` is the same for every method.

    size, channels: of the images; 0: those of the sources (see `comparison.settings.image_format`). views: the name
    of a view recipe; empty: one for the number of channels. view_recipes: own view recipes by name (see
    `metaclr.recipe.views`). fixed: keys of `ADAPTABLE` whose values hold: data that cannot fill one are refused.
    """

    name: str = "comparison"
    """Of the comparison: the title of its report and the folder results/NAME."""
    description: str = ""
    """For readers of the report."""
    sources: tuple[str, ...] = ("glyphs:source",)
    """Image sets that methods train on, NAME[:PART] or a path; every method trains once on each."""
    targets: tuple[str, ...] = ("glyphs:held-out", "digits")
    """Image sets that encoders are evaluated on."""
    methods: tuple[MethodEntry, ...] = (MethodEntry(name="simclr"), MethodEntry(name="protoclr"))
    """Names of methods, .py files that define METHOD, or tables of a name with settings."""
    seeds: tuple[int, ...] = (0,)
    """Training seeds; every method trains once with each."""
    positives: str = Field(default="", description="source of positives of all methods; empty: each method's own")
    size: int = Field(default=0, ge=0)
    channels: Literal[0, 1, 3] = 0
    views: str = ""
    view_recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    views_mode: Literal["shared", "per_method"] = "shared"
    """One view recipe for all methods, or the one that each method declares."""
    shuffle_labels: bool = Field(default=False, description="negative control: every target's labels shuffled")
    data: DataRecipe = DataRecipe()
    encoder: EncoderRecipe = EncoderRecipe()
    train: TrainRecipe = TrainRecipe()
    evaluate: EvaluateRecipe = EvaluateRecipe()
    cluster: ClusterRecipe = ClusterRecipe()
    fixed: tuple[str, ...] = ()
    sweep: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Values by key: every method is trained with every combination (see `metaclr.comparison.planning.sweep`)."""
    tuning: tuple[str, ...] = Field(default=(), description="how settings were tuned, lines for table notes")
    protocol: str = Field(default="", description="the published protocol that `evaluate` follows, for table notes")

    @field_validator("view_recipes")
    @classmethod
    def _views(cls, values: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        check_names(values)
        return values

    @field_validator("size")
    @classmethod
    def _size(cls, value: int) -> int:
        if 0 < value < 4:
            raise ValueError("at least 4 pixels, or 0 for the size of the images")
        return value

    @field_validator("fixed")
    @classmethod
    def _adaptable(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value not in ADAPTABLE:
                raise ValueError(f"{value!r} is not one of: {', '.join(ADAPTABLE)}")
        return values

    @field_validator("sources", "targets", "seeds", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, int)) else value

    @field_validator("methods", mode="before")
    @classmethod
    def _entries(cls, values: Any) -> Any:
        values = [values] if isinstance(values, str) else values
        if isinstance(values, (list, tuple)):
            return [{"name": v} if isinstance(v, str) else v for v in values]
        return values

    @field_validator("methods")
    @classmethod
    def _distinct(cls, values: tuple[MethodEntry, ...]) -> tuple[MethodEntry, ...]:
        titles = [v.title for v in values]
        twice = sorted({t for t in titles if titles.count(t) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice; give one of them another label")
        return values

    @field_validator("sources", "targets", "seeds", "methods")
    @classmethod
    def _some(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise ValueError("must not be empty")
        if len(set(map(str, values))) != len(values):
            raise ValueError("names the same thing twice")
        return values

    @property
    def evaluation_precision(self) -> Literal["fp32", "fp64"]:
        """Precision of the evaluation: float32, so that machines can be compared, or float64 if trained in it."""
        return "fp64" if self.train.precision == "fp64" else "fp32"

    def own(self, entry: MethodEntry) -> CompareRecipe:
        """The recipe as one method trains under it, with the method's own values of `train` and `encoder`.

        Raises:
            ValidationError: a value that is not legal.
        """
        if not entry.overrides:
            return self
        tables: dict[str, dict[str, Any]] = {"train": {}, "encoder": {}}
        for key, value in entry.overrides.items():
            table, _, name = key.partition(".")
            tables[table][name] = value
        train = TrainRecipe.model_validate({**self.train.model_dump(), **tables["train"]})
        encoder = EncoderRecipe.model_validate({**self.encoder.model_dump(), **tables["encoder"]})
        return self.model_copy(update={"train": train, "encoder": encoder})

    @property
    def cells_methods(self) -> tuple[MethodEntry, ...]:
        """The methods, and the controls that every table carries."""
        have = {m.name for m in self.methods}
        return self.methods + tuple(MethodEntry(name=c) for c in CONTROLS if c not in have)
