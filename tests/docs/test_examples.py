"""The examples run, and what they train or judge is what they say."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_episodes_only_learns_from_unlabelled_views() -> None:
    before, after = example("episodes_only").main(steps=30)
    assert after > before


def test_own_method_stands_beside_simclr(tmp_path: Path) -> None:
    result = example("own_method").main(str(tmp_path / "out"), steps=3)
    assert {"mine", "simclr", "untrained", "pixels"} == set(result.rows.method)
    assert result.report.is_file()


def test_own_encoder_gets_tables_and_a_report(tmp_path: Path) -> None:
    result = example("own_encoder").main(str(tmp_path / "out"))
    assert {"max pooled", "mean pooled", "pixels"} == set(result.rows.method)
    assert result.report.is_file()
    assert (result.rows.query("evaluator == 'few-shot' and way == 5 and target == 'digits'").value > 25).all()
