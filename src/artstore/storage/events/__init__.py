"""Events: every change of the log in the element's Redis stream, the LSN as the entry's id.

Publishing again changes nothing, so the position is simply the newest entry. Redis may lose the stream:
readers see the hole in the LSNs and ask the element.
"""

__all__: list[str] = []
