"""Who owns: entities in a graph of transfers, sybil scores, concentration."""
