"""Standing policies against an imbalance: liquidity on thin sides, blocks unwound, clusters spared, in a risk budget."""
