"""Folders of results: who works in one, what is finished in it, what a killed process left."""
