"""A comparison checked whole before it starts: its data, its targets, its stored episodes, its runs."""
