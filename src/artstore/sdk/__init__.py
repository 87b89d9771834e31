"""The public client of ArtStore: store documents, find them, get them back bit for bit."""
