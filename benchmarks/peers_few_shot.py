"""learn2learn's and easyfsl's few-shot pieces, as their own documentation puts them together; no timing here.

easyfsl 1.5.0 does not run on torch 2.13 and later: its TaskSampler hands `data_source` to torch's Sampler, which no
longer takes it. The smallest patch that makes it run is `sampler_takes_data_source`. learn2learn needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from episodes import TaskShape


class Pairs(Dataset[tuple[Tensor, int]]):
    """Float pixels in memory with their labels: the fastest data set that either library can be given."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.pixels, self.labels = list(pixels), labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.pixels[index], self.labels[index]

    def get_labels(self) -> list[int]:
        """What easyfsl's FewShotDataset must have."""
        return self.labels


@contextmanager
def sampler_takes_data_source() -> Iterator[None]:
    """Inside, torch's Sampler takes (and ignores) `data_source`, as it did up to torch 2.12."""
    before = Sampler.__init__
    Sampler.__init__ = lambda self, data_source=None: None
    try:
        yield
    finally:
        Sampler.__init__ = before


def easyfsl_sampler(data: Pairs, shape: TaskShape, count: int) -> Any:
    """easyfsl's sampler of `count` tasks: an iterable of lists of indices."""
    from easyfsl.samplers import TaskSampler

    with sampler_takes_data_source():
        return TaskSampler(data, n_way=shape.way, n_shot=shape.shot, n_query=shape.query, n_tasks=count)


def easyfsl_accuracy(
    encoder: nn.Module, data: Pairs, shape: TaskShape, count: int, device: torch.device, workers: int
) -> float:
    """Mean accuracy of `count` tasks by easyfsl's loader, prototypes and `evaluate`, as in its README."""
    from easyfsl.methods import PrototypicalNetworks
    from easyfsl.utils import evaluate

    sampler = easyfsl_sampler(data, shape, count)
    loader = DataLoader(
        data,
        batch_sampler=sampler,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        collate_fn=sampler.episodic_collate_fn,
    )
    model = PrototypicalNetworks(encoder).to(device)
    return float(evaluate(model, loader, device=str(device), use_tqdm=False))


def learn2learn_tasks(data: Pairs, shape: TaskShape, count: int, *, load: bool = True, fused: bool = False) -> Any:
    """learn2learn's tasks, with the transforms of its ProtoNet example. load=False leaves the pixels out.

    fused: its FusedNWaysKShots in place of NWays and KShots.
    """
    import learn2learn as l2l

    meta = l2l.data.MetaDataset(data)
    made = l2l.data.transforms
    if fused:
        transforms = [made.FusedNWaysKShots(meta, n=shape.way, k=shape.views)]
    else:
        transforms = [made.NWays(meta, shape.way), made.KShots(meta, shape.views)]
    if load:
        transforms += [made.LoadData(meta), made.RemapLabels(meta)]
    return l2l.data.TaskDataset(meta, task_transforms=transforms, num_tasks=count)


@torch.no_grad()
def learn2learn_accuracies(
    encoder: nn.Module, data: Pairs, shape: TaskShape, count: int, device: torch.device
) -> list[float]:
    """Accuracy of each of `count` tasks, by the test loop of learn2learn's ProtoNet example (without gradients).

    After examples/vision/protonet_miniimagenet.py, with its classifier in learn2learn.nn.
    """
    from learn2learn.nn import PrototypicalClassifier

    encoder.eval()
    found = []
    for batch in DataLoader(learn2learn_tasks(data, shape, count), shuffle=True):
        pixels, labels = batch[0].squeeze(0).to(device), batch[1].squeeze(0).to(device)
        order = torch.sort(labels).indices
        pixels, labels = pixels[order], labels[order]
        embeddings = encoder(pixels)
        is_support = torch.zeros(len(labels), dtype=torch.bool, device=device)
        for offset in range(shape.shot):
            is_support[torch.arange(shape.way, device=device) * shape.views + offset] = True
        classifier = PrototypicalClassifier(embeddings[is_support], labels[is_support])
        logits = classifier(embeddings[~is_support])
        F.cross_entropy(logits, labels[~is_support])  # the example computes the loss of test tasks, too
        found.append(float((logits.argmax(1) == labels[~is_support]).float().mean()))
    return found
