"""The sampler without the rest: view episodes in a plain PyTorch loop, on the digits of scikit-learn.

Each image is a class of its own; two random views of it are the support and the query of a 64-way 1-shot task.

    uv run python examples/episodes_only.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from episodes import PRESETS, EpisodeSampler, ImageSet, TaskShape, render, sample_table, to_float


def digits() -> ImageSet:
    """1,797 real images; any uint8 tensor (M, C, H, W) will do."""
    raw = load_digits()
    images = torch.tensor(raw.images / 16 * 255, dtype=torch.uint8)[:, None]
    images = nn.functional.interpolate(images.float(), size=(16, 16), mode="bilinear").to(torch.uint8)
    return ImageSet(images, torch.tensor(raw.target), class_names=tuple("0123456789"), name="digits")


def accuracy(encoder: nn.Module, images: ImageSet) -> float:
    """5-way 1-shot accuracy of nearest prototypes on 500 stored episodes, in percent."""
    table = sample_table(images, TaskShape(way=5, shot=1, query=15), count=500, seed=0)
    with torch.inference_mode():
        features = nn.functional.normalize(encoder.eval()(to_float(images.images)), dim=1)
    prototypes = features[table.support].mean(2)  # (E, N, F)
    queries = features[table.query].flatten(1, 2)  # (E, N·Q, F)
    nearest = (queries @ prototypes.mT).argmax(-1).unflatten(1, table.query.shape[1:])  # (E, N, Q)
    return 100 * (nearest == torch.arange(5)[:, None]).float().mean().item()


def main(steps: int = 100) -> tuple[float, float]:
    """Train for a few seconds; returns the accuracy before and after."""
    torch.manual_seed(0)
    images = digits()
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 16, 64),
    )  # fmt: skip
    before = accuracy(encoder, images)
    sampler = EpisodeSampler(images, TaskShape(way=64, shot=1, query=1), way_type="instances", seed=0)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    for step in range(steps):
        episode = sampler(step)  # index tables (T, N, V): a function of (seed, step), nothing else
        pixels = render(images, episode, PRESETS["gentle"], seed=0)  # (T, N, V, C, H, W)
        z = nn.functional.normalize(encoder.train()(pixels.flatten(0, 2)), dim=1).view(64, 2, -1)
        logits = z[:, 1] @ z[:, 0].mT / 0.2  # queries against 1-shot prototypes
        loss = nn.functional.cross_entropy(logits, torch.arange(64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = accuracy(encoder, images)
    print(f"5-way 1-shot on digits: {before:.1f} % before, {after:.1f} % after {steps} unlabelled steps")
    return before, after


if __name__ == "__main__":
    main()
