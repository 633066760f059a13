"""Market makers who mind their inventory, without a bound on it and with one."""
