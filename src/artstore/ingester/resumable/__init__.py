"""Resumable uploads (tus 1.0) at ``/api/v1/uploads``.

Nothing of an upload is kept here: its address names the element where its bytes lie, and every request is
passed on there. So any Ingester takes any request of any upload.
"""
