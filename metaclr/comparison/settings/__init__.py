"""What a method is trained with in a comparison: its file, its image format, the shapes of its tasks, its start."""
