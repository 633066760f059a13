"""What is not what it seems: icebergs, spoofing, stuffing, wash-like prints, momentum ignition."""
