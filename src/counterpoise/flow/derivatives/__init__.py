"""What derivatives say: liquidations, funding, open interest, basis, the flow of options."""
