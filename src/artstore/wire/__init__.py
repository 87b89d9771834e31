"""What crosses a process border: bodies, events, header names, scopes and problem types.

Services, the SDK and foreign programs meet in these names, so they change only compatibly: a field may be
added, never renamed or given another meaning. No behaviour lives here, and nothing of a service is known.
"""
