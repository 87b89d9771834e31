"""The Admin service: who may use ArtStore, with which keys that is proven, and which elements there are.

A folder for each resource: ``auth`` gives tokens, ``keys`` holds the pairs that sign them,
``service_accounts`` the applications that ask for them, ``storage_elements`` the registry of elements.
``app`` is the composition root, ``settings`` names everything that can be configured. Queries live in
``repository`` modules alone, and a request is one transaction. Other services never call Admin while they
serve a request, so nothing here may assume that it sees every request.
"""

__all__: list[str] = []
