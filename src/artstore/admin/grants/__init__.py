"""Grants: what one account may do with the documents of another.

A grant is ``files:read`` or ``files:write`` (which includes reading) on all documents of one owner. It is
carried in the tokens of the account that has it, and enforced where the documents are; a token also needs the
scope itself. Deleting another's documents cannot be granted.
"""
