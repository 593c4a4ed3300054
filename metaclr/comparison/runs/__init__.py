"""One run: one method, one source, one seed; its training, its test-time procedure, its evaluation."""
