"""The only network and disk: the lake, readers of recordings, the journal file, results. Import a module of it by name."""
