"""Folders at a URL: object storage, which fsspec reaches, and the working copy on this machine."""
