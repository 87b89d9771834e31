"""Terms: what the documents of an account are called, tagged and described with, to be suggested while
somebody types (``GET /api/v1/suggest``), and to be meant where a search's words are known to nobody.

Words: a *term* is a text of one *kind* (file name, tag, attribute, value, word) of one *owner*, the account
that stored the documents. Its *key* is what is compared with what was typed, folded as search folds.

``terms`` says which terms a document has (pure); ``writing`` keeps them, in the transaction that keeps the
document's row; ``backfill`` makes those of documents that were there before; ``sweeping`` removes those
that no document has any more. ``completion``, ``repository``, ``service`` and ``endpoints`` answer;
``nearness`` (pure) and ``corrections`` find what a misspelt word may have meant.

The owner is part of every key and of every query: nobody is told of a term of documents that he may not see.
"""

__all__: list[str] = []
