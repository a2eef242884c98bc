"""A model as one page that a browser opens: its parts (``sources``), and what puts them together."""
