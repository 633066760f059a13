"""A parent order at a node of the tree: legs in its instruments."""
