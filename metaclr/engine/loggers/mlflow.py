"""MLflow: a run per run, in an experiment named after the comparison; the server is MLFLOW_TRACKING_URI.

Through a client of its own, so that the caller's active run and tracking URI are left alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaclr.engine.loggers import place

FOLDER = "metaclr.folder"
"""Tag that finds a run again when its training resumes."""


class MLflow:
    """One run of an `MlflowClient`."""

    def __init__(self, client: Any, run: str) -> None:
        self.client, self.run = client, run

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """All numbers of a step in one call."""
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        self.client.log_batch(self.run, metrics=[Metric(_legal(name), v, now, step) for name, v in values.items()])

    def close(self) -> None:
        """Mark the run as finished."""
        self.client.set_terminated(self.run)


def start(folder: Path, resumed_at: int) -> MLflow:
    """The run of this folder: a new one, or the one that an earlier call made."""
    from mlflow import MlflowClient

    del resumed_at  # metrics are stored by step
    group, name = place(folder)
    client = MlflowClient()
    experiment = client.get_experiment_by_name(group or "metaclr")
    key = experiment.experiment_id if experiment else client.create_experiment(group or "metaclr")
    where = str(folder.resolve())
    found = client.search_runs([key], filter_string=f"tags.`{FOLDER}` = '{where}'", max_results=1)
    run = found[0] if found else client.create_run(key, tags={FOLDER: where, "mlflow.runName": name}, run_name=name)
    return MLflow(client, run.info.run_id)


def _legal(name: str) -> str:
    """MLflow allows letters, digits, and _ - . space : / in a name."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in name)
