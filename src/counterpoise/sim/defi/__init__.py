"""Lending protocols and deposits under stress."""
