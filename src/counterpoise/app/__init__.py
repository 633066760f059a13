"""What a person touches: the verbs of the command line, each an importable function, and the report."""
