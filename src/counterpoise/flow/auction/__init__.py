"""Where it traded: footprints, volume and market profiles, value areas, nodes, unfinished auctions."""
