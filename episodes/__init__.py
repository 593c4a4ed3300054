"""The episodic task sampler."""
