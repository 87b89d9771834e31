"""The Ingester: takes documents in and hands them to a storage element.

It authenticates the caller, reads a form as far as it must to know what comes, chooses the element
(`placement`), and relays the client's bytes unchanged while they arrive (`uploads`). It keeps nothing: no
byte on disk, no document in memory but a small one while it passes, no state that another Ingester would
need. So any number of them can run side by side, and one that is killed loses only the uploads that it was
relaying.

It must not judge attributes, nor acknowledge anything: a document is stored when its element says so.
"""
