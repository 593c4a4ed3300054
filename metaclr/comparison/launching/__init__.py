"""How the runs of a plan are executed: one after the other, in processes, on a Ray cluster."""
