"""Other libraries: learn2learn in both directions, and Lightning and Hugging Face `datasets` as modules of their own.

`metaclr.interop.lightning` and `metaclr.interop.huggingface` are imported by name, since they need their library.
"""

from metaclr.interop.dataset import image_set_from_dataset
from metaclr.interop.task_stream import TaskStream
from metaclr.interop.taskset import TasksetBatches, table_from_taskset

__all__ = ["TaskStream", "TasksetBatches", "image_set_from_dataset", "table_from_taskset"]
