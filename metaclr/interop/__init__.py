"""learn2learn in both directions: its data sets and tasksets as inputs here, our samplers as input of its loops."""

from metaclr.interop.dataset import image_set_from_dataset
from metaclr.interop.task_stream import TaskStream
from metaclr.interop.taskset import TasksetBatches, table_from_taskset

__all__ = ["TaskStream", "TasksetBatches", "image_set_from_dataset", "table_from_taskset"]
