"""Endpoints about the element itself: what it is, how much room it has, how far its log and followers are."""

__all__: list[str] = []
