"""Training steps recorded as CUDA graphs: `train.cuda_graph = "on"`."""
