"""ArtStore keeps documents for decades."""
