"""Finalization: a temporary document becomes permanent. Admin's transactions do the work.

``finalizing`` looks whether the caller may, chooses the element to which the document goes, and has Admin
begin the transaction; ``transactions`` calls Admin. Asked again for the same document, it tells of the same
transaction, whichever process was asked first, and wherever one died.
"""

__all__: list[str] = []
