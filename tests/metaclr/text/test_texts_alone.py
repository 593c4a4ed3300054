"""Sentences alone: files of pairs in their own formats, SimCSE through the engine, Spearman and controls by loops."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

import metaclr
from episodes import EpisodeSampler, ImageSet, TaskShape
from metaclr.api.texts import train_texts
from metaclr.cli.text import command
from metaclr.comparison.runs.text_training import TextOptions
from metaclr.engine import Learner
from metaclr.errors import UserError
from metaclr.evaluation.sentence_similarity import control_cosines, correlation, encoder_cosines
from metaclr.networks import build_projector
from metaclr.text import TokenViews, Vocabulary
from metaclr.text.sentence_encoder import SentenceEncoder, TokenRendering
from metaclr.text.sentence_pairs import SentencePairs, read_pairs, read_tasks

PAIRS = [
    ("4.5", 'A "quoted, cat', "A cat sits."),
    ("0", "Dogs run fast", "The market fell"),
    ("", "No one scored", "this pair"),
    ("2.25", "A cat sits.", "A dog sits."),
    ("3", "Dogs run fast", "A dog sits."),
]
SCORED = [row for row in PAIRS if row[0]]


def written(root: Path) -> dict[str, Path]:
    """The same pairs in every format."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "STS.input.news.txt").write_text("".join(f"{a}\t{b}\n" for _, a, b in PAIRS))
    (root / "STS.gs.news.txt").write_text("".join(f"{s}\n" for s, *_ in PAIRS))
    (root / "news.test.tsv").write_text("".join(f"{s}\t{a}\t{b}\n" for s, a, b in PAIRS))
    sick = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"]
    sick += [f"{i}\t{a}\t{b}\t{s}\tNEUTRAL" for i, (s, a, b) in enumerate(PAIRS)]
    (root / "SICK.txt").write_text("\n".join(sick))
    rows = [f"main-news\tMSRpar\t2012\t{i}\t{s}\t{a}\t{b}\tmore" for i, (s, a, b) in enumerate(SCORED)]
    (root / "sts-dev.csv").write_text("\n".join(rows))
    quoted = [f'"{a.replace(chr(34), chr(34) * 2)}","{b}",{s}' for s, a, b in PAIRS]
    (root / "own.csv").write_text("\n".join(["sentence1,sentence2,score", *quoted]))
    return {name: root / name for name in ("STS.input.news.txt", "news.test.tsv", "SICK.txt", "sts-dev.csv", "own.csv")}


def test_every_format_gives_the_same_pairs(tmp_path: Path) -> None:
    for name, path in written(tmp_path).items():
        found = read_pairs(path)
        assert found is not None
        assert list(zip(found.scores, found.first, found.second, strict=True)) == [
            (float(s), a, b) for s, a, b in SCORED
        ], name
        assert found.unscored == (name != "sts-dev.csv")
    assert read_pairs(tmp_path / "STS.gs.news.txt") is None


def test_a_year_is_one_task_of_its_test_files(tmp_path: Path) -> None:
    for year, names in (("2012", ("a.test.tsv", "b.test.tsv", "a.train.tsv")), ("2014", ("c.test.tsv",))):
        (tmp_path / year).mkdir()
        for name in names:
            (tmp_path / year / name).write_text(f"1\t{name} one\t{name} two\n2\tthree\tfour\n")
        (tmp_path / year / "00-readme.test.txt").write_text("0\tnot\tpairs\n")
    tasks = read_tasks([tmp_path])
    assert [(task.name, len(task.scores)) for task in tasks] == [("STS12", 4), ("STS14", 2)]
    assert "a.train.tsv one" not in tasks[0].sentences
    assert [task.name for task in read_tasks([tmp_path / "2012" / "a.train.tsv"])] == ["a.train"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one\t2\n", "no pairs of sentences with scores"),
        ("1\ta\tb\nx\tc\td\n", "line 2: the score 'x' is no number"),
        ("1\ta\tb\n2\tc\n", "line 2 has 2 columns"),
        ("\ta\tb\n", "none of its 1 pairs has a score"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.tsv").write_text(text)
    with pytest.raises(UserError, match=words) as error:
        read_tasks([tmp_path / "x.tsv"])
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="brmson/dataset-sts"):
        read_tasks([tmp_path / "missing"])
    (tmp_path / "x.tsv").write_text("1\ta\tb\n")
    with pytest.raises(UserError, match="'x' is the name of two tasks"):
        read_tasks([tmp_path / "x.tsv"] * 2)


def test_spearman_and_controls_are_those_of_loops(tmp_path: Path) -> None:
    task = read_pairs(written(tmp_path)["own.csv"])
    assert task is not None
    sentences = task.sentences
    split = {s: "".join(c if c.isalnum() else " " for c in s.lower()).split() for s in sentences}
    seen = Counter(word for s in sentences for word in set(split[s]))
    n = len(sentences)
    weights = {"bag of words": dict.fromkeys(seen, 1.0),
               "tf-idf": {w: math.log((1 + n) / (1 + c)) + 1 for w, c in seen.items()}}  # fmt: skip
    for name, weight in weights.items():
        vector = {s: {w: c * weight[w] for w, c in Counter(split[s]).items()} for s in sentences}
        for a, b, cosine in zip(task.first, task.second, control_cosines(name, sentences, task).tolist(), strict=True):
            dot = sum(v * vector[b].get(w, 0) for w, v in vector[a].items())
            norm = math.sqrt(math.prod(sum(v * v for v in vector[s].values()) for s in (a, b)))
            assert cosine == pytest.approx(dot / norm)
    cosines, scores = torch.tensor([0.1, 0.5, 0.5, 0.9, 0.2]), [1.0, 2.0, 4.0, 4.0, 0.0]
    ranks = [[1.0, 3.5, 3.5, 5.0, 2.0], [2.0, 3.0, 4.5, 4.5, 1.0]]
    r = float(torch.corrcoef(torch.tensor(ranks, dtype=torch.float64))[0, 1])
    found = correlation(cosines, scores)
    assert (found.value, found.n) == (pytest.approx(100 * r), 5)
    half = 1.959964 * math.sqrt((1 + r * r / 2) / 2)
    assert math.atanh(found.high / 100) - math.atanh(found.low / 100) == pytest.approx(2 * half)


def test_two_dropout_masks_are_the_views_and_the_loss_is_simcses() -> None:
    words = Vocabulary.of([f"word{i} word{i + 1} word{i + 2}" for i in range(12)])
    encoder = SentenceEncoder("transformer", words, 16, dropout=0.1)
    tokens = words.encode([f"word{i} word{i + 1}" for i in range(12)])
    items = ImageSet(torch.zeros(12, 1, 1, 1, dtype=torch.uint8))
    episode = EpisodeSampler(items, TaskShape(6, 1, 1), seed=0)(2)
    views = TokenRendering(tokens, TokenViews(), seed=0)(episode)
    assert views.dtype == torch.int64
    assert torch.equal(views[0, :, 0], tokens[episode.images[0, :, 0]])
    assert torch.equal(views[:, :, 0], views[:, :, 1])
    learner = Learner(encoder, build_projector("none", 16), metaclr.objective("simcse"))
    torch.manual_seed(3)
    loss = learner.train()(views, episode)[0].item()
    torch.manual_seed(3)
    rows = encoder(views.flatten(0, 2)).view(6, 2, 16)
    assert not torch.allclose(rows[:, 0], rows[:, 1])
    support, query = F.normalize(rows, dim=-1).unbind(1)
    terms = [(query[i] @ support.T / 0.05).logsumexp(0) - query[i] @ support[i] / 0.05 for i in range(6)]
    assert loss == pytest.approx(torch.stack(terms).mean().item(), rel=1e-4)
    same = learner.eval().encoder(views.flatten(0, 2)).view(6, 2, 16)
    torch.testing.assert_close(same[:, 0], same[:, 1])


def topics(root: Path, count: int = 300) -> Path:
    """Pairs of four words each: of one topic (score 5) or of two (0), of which half of the first share a word."""
    draw = torch.Generator().manual_seed(0)

    def sentence(topic: int) -> str:
        return " ".join(f"t{topic}w{i}" for i in torch.randperm(24, generator=draw)[:4].tolist())

    lines = ["score\tsentence1\tsentence2"]
    for i in range(count):
        one, other = torch.randperm(6, generator=draw)[:2].tolist()
        lines.append(f"{5 * (i % 2)}\t{sentence(one)}\t{sentence(one if i % 2 else other)}")
    root.mkdir(exist_ok=True)
    (root / "topics.tsv").write_text("\n".join(lines))
    return root / "topics.tsv"


def test_training_beats_counting_where_words_of_a_topic_differ(tmp_path: Path) -> None:
    path = topics(tmp_path)
    (task,) = read_tasks([path])
    options = TextOptions(encoder="bag", features=32, drop=0.5, dropout=0.0)
    small = ["train.batch_views=64", "train.lr=0.02"]
    for _ in range(2):  # the second time the finished training is loaded
        found = train_texts(
            [path], "simcse(temperature=0.2), byol", options=options, steps=80, out=tmp_path / "out", device="cpu",
            overrides=small, quiet=True,
        )  # fmt: skip
        values = found.rows.set_index("method").spearman
        assert values["simcse(temperature=0.2)"] > values["tf-idf"] + 15
        assert values["simcse(temperature=0.2)"] > values["untrained"] + 40
    model = next(model for name, model in found.models.items() if name.startswith("simcse"))
    again = correlation(encoder_cosines(model.embed, task), task.scores).value
    assert again == pytest.approx(values["simcse(temperature=0.2)"])
    done = CliRunner().invoke(
        command, [str(path), "--steps", "2", "--encoder", "bag", "--out", str(tmp_path / "cli"), "--device", "cpu"]
    )
    assert done.exit_code == 0
    assert all(name in done.stdout for name in ("bag of words", "tf-idf", "untrained", "simcse", "topics"))
    assert (tmp_path / "cli" / "rows.csv").is_file()


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    path = topics(tmp_path, 8)
    for method, words in (
        ("protonet", "needs labels"),
        ("maml", "needs labels"),
        ("time_contrastive", "needs positives of its own"),
        ("simclr(learned_views=0.1)", "needs views of images"),
    ):
        with pytest.raises(UserError, match=words):
            train_texts([path], method, out=tmp_path / "out", quiet=True)
    with pytest.raises(UserError, match="views of a sentence are alike"):
        TextOptions(dropout=0.0)
    with pytest.raises(UserError, match="dropout = 1"):
        train_texts([path], options=TextOptions(dropout=1.0), out=tmp_path / "out", quiet=True)
    (tmp_path / "one.txt").write_text("alone\n")
    with pytest.raises(UserError, match=r"one\.txt: 1 sentences"):
        train_texts([path], texts=tmp_path / "one.txt", out=tmp_path / "out", quiet=True)
    assert SentencePairs("x", ("a",), ("b",), (1.0,)).numbers == ((0,), (1,))
